"""Derivatives. The backward pass is made of recorded operations like any other: it is a graph that can
be drawn, checked, and differentiated again. Where numbers alone are asked for, the same pass runs over
arrays, and the graph is recorded when somebody wants it."""

from graphdiff.autodiff.checkpoint import checkpoint
from graphdiff.autodiff.forward import jvp
from graphdiff.autodiff.functions import grad, hessian, hvp, jacobian, value_and_grad, vjp
from graphdiff.autodiff.record import Backward
from graphdiff.autodiff.reverse import backward, pullback

__all__ = [
    "Backward",
    "backward",
    "checkpoint",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "pullback",
    "value_and_grad",
    "vjp",
]
