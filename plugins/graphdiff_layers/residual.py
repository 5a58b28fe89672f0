"""A way around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import graphdiff as gd
from graphdiff.arguments import check_functions


class Residual(gd.Module):
    """relu(body(x) + shortcut(x)) (He et al. 2015, section 3.2).

    Args:
        body: what learns the residual.
        shortcut: what fits x to the body's output; x itself by default.
        activation: applied to the sum; ``None`` for none.

    Raises:
        ShapeError: on the call, body and shortcut whose outputs do not add up.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        shortcut: Callable[..., Any] | None = None,
        activation: Callable[..., Any] | None = gd.relu,
    ) -> None:
        check_functions(body=body)
        for name, part in (("shortcut", shortcut), ("activation", activation)):
            if part is not None:
                check_functions(**{name: part})
        self.body = body
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Any) -> Any:
        total = gd.add(self.body(x), x if self.shortcut is None else self.shortcut(x))
        return total if self.activation is None else self.activation(total)
