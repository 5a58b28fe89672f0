"""NumPy functions called on tensors: they become graphdiff's operations, or say why they cannot.

Nothing is detached silently: a NumPy function without a counterpart here raises, and names
``np.asarray(t)``, the explicit way out of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphdiff import ops, source
from graphdiff.errors import ArgumentError, MutationError

_UFUNCS = {
    "true_divide": "divide",
    "absolute": "abs",
    "fabs": "abs",
    "rint": "round",
    "float_power": "power",
    "invert": "logical_not",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
}
_FUNCTIONS = {
    "amax": "max",
    "amin": "min",
    "permute_dims": "transpose",
    "concat": "concatenate",
    "dot": "matmul",
}


def call_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Answer ``np.exp(t)`` and ``array * t``.

    Raises:
        MutationError: ``out=``. ArgumentError: a ufunc, method or option without a counterpart.
    """
    if kwargs.get("out") is not None:
        error = MutationError("out= would change a tensor in place", fix="use the returned tensor")
        error.locate(f"np.{ufunc.__name__}", source=source.describe(source.caller()))
        raise error
    reduced = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
    if method == "reduce" and ufunc.__name__ in reduced:
        options = {k: v for k, v in kwargs.items() if k in ("axis", "keepdims")}
        if options.keys() == kwargs.keys():
            return getattr(ops, reduced[ufunc.__name__])(*inputs, **{"axis": 0} | options)
    operation = _find(_UFUNCS.get(ufunc.__name__, ufunc.__name__))
    if operation is None or method != "__call__" or kwargs:
        raise _unsupported(ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}", kwargs)
    return operation(*inputs)


def call_function(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Answer ``np.sum(t)``, ``np.concatenate([t, u])`` and their like.

    Raises:
        ArgumentError: a function or an option without a counterpart.
    """
    if func.__name__ in ("shape", "ndim", "size") and not kwargs and len(args) == 1:
        return getattr(args[0], func.__name__)
    operation = _find(_FUNCTIONS.get(func.__name__, func.__name__))
    if operation is None or func.__module__ != "numpy":
        raise _unsupported(func.__name__, kwargs)
    names = {"constant_values": "value", "a_min": "low", "a_max": "high"}
    options = {names.get(k, k): v for k, v in kwargs.items()}
    try:
        return operation(*args, **options)
    except TypeError as problem:
        if "argument" not in str(problem):
            raise
        raise _unsupported(func.__name__, kwargs) from None


def _find(name: str) -> Callable[..., Any] | None:
    return getattr(ops, name) if name in ops.__all__ else None


def _unsupported(name: str, kwargs: Mapping[str, Any]) -> ArgumentError:
    options = f" with {', '.join(kwargs)}" if kwargs else ""
    error = ArgumentError(
        f"np.{name}{options} has no counterpart for tensors, and calling it would leave the graph",
        fix="use an operation of graphdiff, or np.asarray(t) to leave the graph on purpose",
    )
    error.locate(f"np.{name}", source=source.describe(source.caller()))
    return error
