"""The NumPy backend: arrays on the CPU, the embedded default."""

from graphdiff_numpy.backend import NumpyBackend

__all__ = ["NumpyBackend"]
