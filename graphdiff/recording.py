"""Applying primitives: operands meet in one dtype, the result is inferred, computed and recorded.

What was applied to such operands before takes a short path; anything else, and every error, the long one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np

from graphdiff import context, ops, source
from graphdiff.backend import Array, Backend, current_backend
from graphdiff.dtypes import EVERY_DTYPE, DType, as_dtype, promote
from graphdiff.errors import ArgumentError, BackendError, GraphdiffError, OutOfMemoryError
from graphdiff.graph import TensorSpec
from graphdiff.leaf import abstract, constant, leaf
from graphdiff.ops.collective import Collective
from graphdiff.primitive import Application, Composite, Primitive, engine
from graphdiff.tensor import Scalar, Tensor, describe, next_id, present

_FLOAT = DType("float64")
_INT = DType("int64")
_NUMBERS = frozenset(Scalar)
_frame_outside = source.frame_outside
_SCALAR_SPECS = {dtype: TensorSpec((), dtype) for dtype in EVERY_DTYPE}
_NO_PARAMS: dict[str, Any] = {}
# What a kernel raises; NotImplementedError is a RuntimeError.
FAILURES = (GraphdiffError, IndexError, ValueError, TypeError, OverflowError, RuntimeError, MemoryError)
# Why a short path ends: a first time, no tensor at all, or a kernel's failure.
_DETOURS = (KeyError, AttributeError, *FAILURES)


def unary(primitive: Primitive, x: Any) -> Tensor:
    """Apply to one operand."""
    here = context.current()
    if here.plain:
        try:
            application = primitive.known[(x.spec,)]
            if x.data is not None:
                backend = x.backend
                data = backend.kernels[primitive.name](x.data)
                if x.recorded:
                    return _recorded(primitive, application, (x,), data, backend, here, _frame_outside(3))
                return constant(data, application.spec, backend)
        except _DETOURS:
            pass
    return call(primitive, (x,), _NO_PARAMS)


def binary(primitive: Primitive, x: Any, y: Any) -> Tensor:
    """Apply to two operands."""
    if y.__class__ in _NUMBERS:
        y = _beside(primitive, x, y)
    elif x.__class__ in _NUMBERS:
        x = _beside(primitive, y, x)
    here = context.current()
    if here.plain:
        try:
            application = primitive.known[x.spec, y.spec]
            backend = x.backend
            if backend is y.backend and x.data is not None and y.data is not None:
                data = backend.kernels[primitive.name](x.data, y.data)
                if x.recorded or y.recorded:
                    return _recorded(primitive, application, (x, y), data, backend, here, _frame_outside(3))
                return constant(data, application.spec, backend)
        except _DETOURS:
            pass
    return call(primitive, (x, y), _NO_PARAMS)


def call(primitive: Primitive, values: tuple[Any, ...], params: Mapping[str, Any]) -> Tensor:
    """Apply to any number of operands, with parameters.

    Raises:
        GraphdiffError: what the shape rule or the kernel objects to, with the operation, its inputs and
            the user's source line.
    """
    if len(values) != primitive.arity and primitive.arity is not None:
        raise ArgumentError(
            f"{primitive.name} takes {primitive.arity} operands, not {len(values)}",
            fix="pass options by name",
        )
    return _apply(primitive, _operands(primitive, values), params)


def _beside(primitive: Primitive, t: Any, number: Any) -> Any:
    """The number as a tensor where it takes the dtype of the operand beside it, else itself."""
    if primitive.uniform and isinstance(t, Tensor) and t.spec.dtype.is_floating:
        return _scalar(number, t.spec.dtype, t.backend)
    return number


def _recorded(
    primitive: Primitive,
    application: Application,
    inputs: tuple[Tensor, ...],
    data: Array,
    backend: Backend,
    here: context.Context,
    frame: FrameType | None,
) -> Tensor:
    t = Tensor()
    t.id = next_id()
    t.data = data
    t.spec = application.spec
    t.backend = backend
    t.primitive = primitive
    t.application = application
    t.inputs = inputs
    t.context = here
    t.recorded = True
    t.name = ""
    t.grad = None
    if frame is not None:
        t.user_code = frame.f_code
        t.user_offset = frame.f_lasti
    else:
        t.source = here.source
    return t


def _operands(primitive: Primitive, values: tuple[Any, ...]) -> tuple[Tensor, ...]:
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
        v if isinstance(v, Tensor) else None if type(v) in Scalar else _operand(primitive, v, home)
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


def _operand(primitive: Primitive, value: Any, home: Backend | None) -> Tensor:
    try:
        return leaf(value, backend=_home_of(value, home), copy=True)
    except GraphdiffError as error:
        error.operation = primitive.name
        raise


def _scalar(value: float, dtype: DType, home: Backend | None) -> Tensor:
    backend = home or current_backend()
    try:
        data = backend.asarray(value, dtype)
    except OverflowError as problem:
        error = ArgumentError(f"{value} does not fit {dtype}: {problem}", fix="cast the tensor first")
        error.locate(source=source.describe(source.caller()))
        raise error from None
    return constant(data, _SCALAR_SPECS[dtype], backend)


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


def _apply(primitive: Primitive, inputs: tuple[Tensor, ...], params: Mapping[str, Any]) -> Tensor:
    here = context.current()
    if here.trace is not None:
        inputs = tuple(map(present, inputs))
    try:
        application = primitive.application(tuple([t.spec for t in inputs]), params)
        backend = inputs[0].backend
        # Compiled, a step of all processes is part of every call, and of none before.
        concrete, recorded = here.trace is None or not isinstance(primitive, Collective), False
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
    if concrete and not (recorded and here.recording):
        return constant(data, application.spec, backend)
    frame = _frame_outside(1) if here.source is None else None
    return _recorded(primitive, application, inputs, data, backend, here, frame)


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
        raise ArgumentError(f"{problem}", fix="look at the shapes, dtypes and options") from problem
    except MemoryError as problem:
        raise OutOfMemoryError(f"{problem}", fix="use smaller sizes or batches") from problem
    except NotImplementedError as problem:
        raise BackendError(
            f"backend {backend.name!r} does not compute it for these dtypes: {problem}", fix="cast first"
        ) from problem
    except RuntimeError as problem:  # torch's own, of a lack of memory for one
        if isinstance(problem, GraphdiffError):
            raise
        raise BackendError(
            f"backend {backend.name!r} does not compute it: {problem}",
            fix="look at the shapes and options, and use smaller sizes where memory is short",
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


engine.tensor = Tensor
engine.unary, engine.binary, engine.call = unary, binary, call
engine.abstract, engine.pullback = abstract, _pullback
