"""The built-in layers, registered as any plugin's."""

from graphdiff_layers.activation import ReLU, Sigmoid, Tanh
from graphdiff_layers.linear import Linear
from graphdiff_layers.sequential import Sequential

__all__ = ["Linear", "ReLU", "Sequential", "Sigmoid", "Tanh"]
