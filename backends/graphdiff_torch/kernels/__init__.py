"""The kernels of the torch backend: those that all array-API backends share, and torch's own."""

from __future__ import annotations

from graphdiff.kernels import Kernels, shared_kernels
from graphdiff_torch.devices import Settings
from graphdiff_torch.kernels.convolution import CONVOLUTIONS
from graphdiff_torch.kernels.elementwise import ELEMENTWISE, NAMESPACE
from graphdiff_torch.kernels.indexing import INDEXING
from graphdiff_torch.kernels.labels import LABELS
from graphdiff_torch.kernels.linear import LINEAR
from graphdiff_torch.kernels.pooling import POOLING
from graphdiff_torch.kernels.random import RANDOM
from graphdiff_torch.kernels.reduction import REDUCTIONS
from graphdiff_torch.kernels.shape import SHAPES

# Kernels whose rounding or order of sums depends on torch's settings.
_SENSITIVE = frozenset(
    {"matmul", "einsum", "scatter_add", "index_update", "cumsum", "window_scatter", *CONVOLUTIONS}
)


def kernels(*, tf32: bool | None, deterministic: bool) -> Kernels:
    """Primitive name -> kernel.

    Args:
        tf32: whether CUDA may use TF32; ``None`` where the question does not arise.
        deterministic: whether only deterministic kernels may run.
    """
    table = shared_kernels(NAMESPACE)
    for own in (ELEMENTWISE, REDUCTIONS, SHAPES, INDEXING, LABELS, LINEAR, CONVOLUTIONS, POOLING, RANDOM):
        table |= own
    settings = Settings(tf32=tf32, deterministic=deterministic)
    if not settings.needed:
        return table
    return {name: settings.around(k) if name in _SENSITIVE else k for name, k in table.items()}
