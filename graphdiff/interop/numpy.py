"""NumPy functions called on tensors: they become graphdiff's operations, or say why they cannot.

Nothing is detached silently: a NumPy function without a counterpart here raises, and names
``np.asarray(t)``, the explicit way out of the graph.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphdiff import ops, source
from graphdiff.errors import ArgumentError, MutationError
from graphdiff.leaf import as_tensor
from graphdiff.ops.reduction import as_floating
from graphdiff.primitive import Primitive
from graphdiff.tensor import Tensor


def _dot(x: Any, y: Any) -> Tensor:
    x, y = as_tensor(x), as_tensor(y)
    if not x.ndim or not y.ndim:
        return ops.multiply(x, y)
    return ops.tensordot(x, y, ([-1], [-2 if y.ndim > 1 else -1]))


_UFUNCS: dict[str, str | Callable[..., Tensor]] = {
    "true_divide": "divide",
    "absolute": "abs",
    "fabs": lambda x: ops.abs(as_floating(x)),
    "rint": lambda x: ops.round(as_floating(x)),
    "float_power": lambda x, y: ops.power(ops.cast(x, "float64"), ops.cast(y, "float64")),
    "invert": "logical_not",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
}
_FUNCTIONS: dict[str, str | Callable[..., Tensor]] = {
    "amax": "max",
    "amin": "min",
    "permute_dims": "transpose",
    "concat": "concatenate",
    "dot": _dot,
}
# What NumPy calls an argument -> what the operations call it.
_NAMES = (
    dict.fromkeys(("a", "A", "m", "arr", "ary", "array"), "x")
    | dict.fromkeys(("a_min", "min"), "low")
    | dict.fromkeys(("a_max", "max"), "high")
    | {"b": "y", "arrays": "parts", "constant_values": "value"}
    | {"indices_or_sections": "sections", "pad_width": "widths"}
)
_SAME_AS_NONE = {"out": None, "dtype": None, "where": True}


def call_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Answer ``np.exp(t)`` and ``array * t``.

    Raises:
        MutationError: ``out=``. ArgumentError: a ufunc, method or option without a counterpart.
    """
    if kwargs.get("out") is not None:
        error = MutationError("out= would change a tensor in place", fix="use the returned tensor")
        error.locate(f"np.{ufunc.__name__}", source=source.describe(source.caller()))
        raise error
    kwargs = {k: v for k, v in kwargs.items() if v is not _SAME_AS_NONE.get(k, kwargs)}
    reduced = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}
    if method == "reduce" and ufunc.__name__ in reduced:
        options = {k: v for k, v in kwargs.items() if k in ("axis", "keepdims")}
        if options.keys() == kwargs.keys():
            return getattr(ops, reduced[ufunc.__name__])(*inputs, **{"axis": 0} | options)
    operation = _find(_UFUNCS, ufunc.__name__)
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
    operation = _find(_FUNCTIONS, func.__name__)
    if operation is None or func.__module__ != "numpy":
        raise _unsupported(func.__name__, kwargs)
    try:
        signature = inspect.signature(func)
    except ValueError:  # NumPy before 2.4 tells none of its C functions
        signature = inspect.signature(operation)
    try:
        given = signature.bind(*args, **kwargs)
    except TypeError:
        raise _unsupported(func.__name__, kwargs) from None
    known = inspect.signature(operation).parameters
    arity = operation.arity or 0 if isinstance(operation, Primitive) else 0
    given.apply_defaults()
    operands: list[Any] = []
    options: dict[str, Any] = {}
    other: list[str] = []
    for name, value in given.arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            operands += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            other += [k for k in value if _NAMES.get(k, k) not in known]
            options |= {_NAMES.get(k, k): v for k, v in value.items()}
        elif _NAMES.get(name, name) in known:
            if value is not np._NoValue:
                options[_NAMES.get(name, name)] = value
        elif value is parameter.default:
            pass
        elif len(operands) < arity:
            operands.append(value)
        else:
            other.append(name)
    if other:
        raise _unsupported(func.__name__, other)
    if func.__name__ == "einsum" and not isinstance(operands[0], str):
        raise _unsupported(func.__name__, ["lists of axes"])
    return operation(*operands, **options)


def _find(names: Mapping[str, str | Callable[..., Any]], name: str) -> Callable[..., Any] | None:
    found = names.get(name, name)
    if not isinstance(found, str):
        return found
    return getattr(ops, found) if found in ops.__all__ else None


def _unsupported(name: str, options_given: Iterable[str]) -> ArgumentError:
    options = f" with {', '.join(options_given)}" if options_given else ""
    error = ArgumentError(
        f"np.{name}{options} has no counterpart for tensors, and calling it would leave the graph",
        fix="use an operation of graphdiff, or np.asarray(t) to leave the graph on purpose",
    )
    error.locate(f"np.{name}", source=source.describe(source.caller()))
    return error
