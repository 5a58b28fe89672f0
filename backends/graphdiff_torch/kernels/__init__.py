"""The kernels of the torch backend: those that all array-API backends share, and torch's own."""

from __future__ import annotations

from graphdiff.kernels import Kernels, shared_kernels
from graphdiff_torch.devices import Settings
from graphdiff_torch.kernels.collective import COLLECTIVES
from graphdiff_torch.kernels.convolution import CONVOLUTIONS
from graphdiff_torch.kernels.elementwise import ELEMENTWISE, NAMESPACE
from graphdiff_torch.kernels.indexing import INDEXING
from graphdiff_torch.kernels.joint import JOINTS
from graphdiff_torch.kernels.labels import LABELS
from graphdiff_torch.kernels.linear import LINEAR
from graphdiff_torch.kernels.normalization import NORMALIZATION, NOTED_NORMALIZATION
from graphdiff_torch.kernels.pooling import NOTED_POOLING, POOLING
from graphdiff_torch.kernels.random import RANDOM
from graphdiff_torch.kernels.reduction import REDUCTIONS
from graphdiff_torch.kernels.shape import SHAPES

__all__ = ["JOINTS", "kernels", "under"]

# Kernels whose rounding or order of sums depends on torch's settings.
_SENSITIVE = frozenset(
    {
        "matmul",
        "einsum",
        "scatter_add",
        "index_update",
        "cumsum",
        "window_scatter",
        *CONVOLUTIONS,
        *NORMALIZATION,
    }
)


def kernels() -> Kernels:
    """Primitive name -> kernel, under torch's settings as they are."""
    table = shared_kernels(NAMESPACE)
    for own in (
        ELEMENTWISE,
        REDUCTIONS,
        SHAPES,
        INDEXING,
        LABELS,
        LINEAR,
        CONVOLUTIONS,
        POOLING,
        NORMALIZATION,
        RANDOM,
        COLLECTIVES,
    ):
        table |= own
    return table


def under(settings: Settings, table: Kernels) -> Kernels:
    """The kernels as they are called one by one, with these settings while one runs that depends on them."""
    eager = table | NOTED_NORMALIZATION | NOTED_POOLING
    return {name: settings.around(k) if name in _SENSITIVE else k for name, k in eager.items()}
