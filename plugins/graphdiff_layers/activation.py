"""Activations as layers."""

from __future__ import annotations

from typing import Any

import graphdiff as gd


class ReLU(gd.Module):
    """max(0, x), elementwise; its derivative at 0 is 0."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.relu(x)


class Sigmoid(gd.Module):
    """1/(1 + e⁻ˣ), elementwise."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.sigmoid(x)


class Tanh(gd.Module):
    """The hyperbolic tangent, elementwise."""

    def forward(self, x: Any) -> gd.Tensor:
        return gd.tanh(x)
