"""Applying primitives: operands meet in one dtype, the result is inferred, computed and recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphdiff import context, ops, source
from graphdiff.backend import Array, Backend, current_backend
from graphdiff.dtypes import DType, as_dtype, promote
from graphdiff.errors import ArgumentError, BackendError, GraphdiffError
from graphdiff.graph import TensorSpec
from graphdiff.primitive import Composite, Primitive, engine
from graphdiff.tensor import LEAF, Scalar, Tensor, abstract, describe, leaf, present

_FLOAT = DType("float64")
_INT = DType("int64")


def operands(primitive: Primitive, values: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """The operands as tensors that have met in one dtype where the primitive wants that."""
    for value in values:
        if not isinstance(value, Tensor):
            return _converted(primitive, values)
    together: tuple[Tensor, ...] = values[primitive.unify]
    for t in together:
        dtype = t.spec.dtype
        if dtype is not together[0].spec.dtype or (primitive.floating and not dtype.is_floating):
            return _converted(primitive, values)
    return values


def _converted(primitive: Primitive, values: Sequence[Any]) -> tuple[Tensor, ...]:
    home = next((v.backend for v in values if isinstance(v, Tensor)), None)
    found = [
        v
        if isinstance(v, Tensor)
        else None
        if type(v) in Scalar
        else leaf(v, backend=_home_of(v, home), copy=True)
        for v in values
    ]
    together = range(len(values))[primitive.unify]
    dtypes = {t.dtype for t in found[primitive.unify] if t is not None}
    common = _common_dtype(primitive, dtypes, values[primitive.unify]) if together else None
    for i, value in enumerate(values):
        t = found[i]
        if t is None:
            dtype = common if common and i in together else as_dtype(type(value))
            found[i] = _scalar(value, dtype, home)
        elif i in together and t.dtype is not common:
            found[i] = ops.cast(t, common)
    return tuple(found)  # type: ignore[arg-type]


def _scalar(value: float, dtype: DType, home: Backend | None) -> Tensor:
    backend = home or current_backend()
    try:
        data = backend.asarray(value, dtype)
    except OverflowError as problem:
        error = ArgumentError(f"{value} does not fit {dtype}: {problem}", fix="cast the tensor first")
        error.locate(source=source.describe(source.caller()))
        raise error from None
    return Tensor(data, TensorSpec((), dtype), backend, None, (), {}, LEAF["constant"], None, False)


def _home_of(value: Any, home: Backend | None) -> Backend | None:
    # Host values join the tensors they meet; another backend's array stays what it is, and is refused.
    return home if home is None or isinstance(value, (np.ndarray, np.generic, list, tuple)) else None


def _common_dtype(primitive: Primitive, dtypes: set[DType], values: Sequence[Any]) -> DType:
    """Where tensors meet; Python scalars take their dtype, widening its kind only where they must."""
    scalars = {type(v) for v in values if type(v) in Scalar}
    common = promote(*sorted(dtypes)) if dtypes else promote(*sorted(as_dtype(kind) for kind in scalars))
    if not common.is_floating and (float in scalars or primitive.floating):
        return _FLOAT
    return _INT if common == "bool" and int in scalars else common


def apply(primitive: Primitive, inputs: tuple[Tensor, ...], params: Mapping[str, Any]) -> Tensor:
    """Infer, compute and record one operation.

    Raises:
        GraphdiffError: what the shape rule or the kernel objects to, with the operation, its inputs and
            the user's source line.
    """
    surroundings = context.current()
    if surroundings.trace is not None:
        inputs = tuple(map(present, inputs))
    try:
        spec = primitive.infer([t.spec for t in inputs], params)
        backend = inputs[0].backend
        concrete, recorded = True, False
        for t in inputs:
            if t.backend is not backend:
                raise _mixed_backends(inputs)
            if t.data is None:
                concrete = False
            if t.recorded:
                recorded = True
        data = _compute(primitive, backend, inputs, params) if concrete else None
    except GraphdiffError as error:
        error.locate(primitive.name, describe(inputs), source.describe(source.caller()))
        raise
    if concrete and not (recorded and surroundings.recording):
        return Tensor(data, spec, backend, None, (), {}, LEAF["constant"], None, False)
    at = surroundings.source or source.caller()
    return Tensor(data, spec, backend, primitive, inputs, params, surroundings, at, True)


def _compute(
    primitive: Primitive, backend: Backend, inputs: Sequence[Tensor], params: Mapping[str, Any]
) -> Array:
    kernel = backend.kernels.get(primitive.name)
    if kernel is None:
        if not isinstance(primitive, Composite):
            raise backend.missing(primitive)
        with context.no_grad():
            return primitive.decompose(*inputs, **params).data
    try:
        return kernel(*[t.data for t in inputs], **params)
    except (IndexError, ValueError, TypeError, OverflowError) as problem:
        if isinstance(problem, GraphdiffError):
            raise
        raise ArgumentError(f"{problem}") from problem
    except NotImplementedError as problem:
        raise BackendError(
            f"backend {backend.name!r} does not compute it for these dtypes: {problem}", fix="cast first"
        ) from problem


def _mixed_backends(inputs: Sequence[Tensor]) -> BackendError:
    places = ", ".join(f"{t.label} on {t.backend.name} ({t.backend.device})" for t in inputs)
    return BackendError(
        f"the inputs live on different backends: {places}",
        fix="move one of them: with graphdiff.backend(NAME): x = graphdiff.tensor(x)",
    )


def _pullback(fn: Callable[..., Tensor], inputs: Sequence[Tensor], argnum: int, g: Tensor) -> Tensor | None:
    from graphdiff.autodiff import pullback

    return pullback(fn, inputs, argnum, g)


engine.apply, engine.operands = apply, operands
engine.abstract, engine.pullback = abstract, _pullback
