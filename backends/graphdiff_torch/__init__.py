"""The torch backend: arrays on the CPU, CUDA and MPS, every kernel a direct call of torch.

torch itself is imported when a backend is made, not before.
"""

from graphdiff_torch.backend import TorchBackend

__all__ = ["TorchBackend"]
