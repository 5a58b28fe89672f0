"""A third backend, and how one is written: the shared kernels on ``array_api_strict``, which has the array
API standard and nothing more. What slips past NumPy and torch (another dtype, an index the standard does not
know, a function outside it) is an error here.

A library of arrays becomes a backend in three steps:

1. Say how an array is made, how it goes back to NumPy, and its shape and dtype.
2. Take the shared kernels. They need the standard's functions and nothing else.
3. Run ``graphdiff.testing.check_backend``. It names what has no kernel yet (indexing, convolution, pooling,
   einsum, erf, which no standard has). Borrow NumPy's at first, as here; write one's own where it is slow.
"""

import array_api_strict as xp
import numpy as np

from graphdiff.backend import Backend, get_backend
from graphdiff.dtypes import as_dtype
from graphdiff.graph import TensorSpec
from graphdiff.kernels import shared_kernels
from graphdiff.philox import random_kernels

DECOMPOSED = ("sigmoid", "max_pool2d", "dropout")
"""NumPy has kernels of its own for them, and they can be decomposed."""


class StrictBackend(Backend):
    name = "strict"

    def __init__(self):
        shared = shared_kernels(xp) | random_kernels(xp)
        # Indexing, convolution and such are not in the standard, and each backend's own.
        numpys = get_backend("numpy").kernels
        own = {name: borrowed(numpys[name]) for name in set(numpys) - set(shared) - set(DECOMPOSED)}
        quiet = np.errstate(all="ignore")
        self.kernels = {name: quiet(kernel) for name, kernel in (shared | own).items()}

    def asarray(self, value, dtype=None, *, copy=False):
        if dtype is not None and isinstance(value, (int, float)):
            value = np.dtype(dtype).type(value)  # which refuses a number that does not fit
        if getattr(value, "__array_namespace__", lambda: None)() is not xp:
            value = np.asarray(value)
            value = xp.asarray(value.astype(str(as_dtype(value.dtype)), copy=False))
        return xp.astype(value, value.dtype if dtype is None else getattr(xp, dtype), copy=copy)

    def to_numpy(self, array):
        return np.asarray(array)

    def spec(self, array):
        return TensorSpec(array.shape, str(array.dtype).rpartition(".")[2])


def borrowed(kernel):
    """NumPy's kernel, on strict arrays."""

    def run(*arrays, **params):
        return xp.asarray(kernel(*map(np.asarray, arrays), **params))

    return run
