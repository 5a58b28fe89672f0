"""Derivatives of functions: functions in, functions out.

Arguments may be pytrees of tensors, arrays and numbers. Results carry no history unless they depend on
something recorded outside the call, so an optimizer's loop keeps no graph alive, and derivatives nest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from graphdiff import context, ops, source
from graphdiff.arguments import check_functions, check_integers, entries, shown
from graphdiff.autodiff import numbers
from graphdiff.autodiff.reverse import backward, detached, fresh
from graphdiff.autodiff.walk import ancestors
from graphdiff.errors import ArgumentError, DTypeError, GradientError
from graphdiff.leaf import as_tensor
from graphdiff.pytree import flatten
from graphdiff.tensor import Tensor

Fn = Callable[..., Any]
Argnums = int | tuple[int, ...]


def value_and_grad(fn: Fn, argnums: Argnums = 0) -> Fn:
    """A function that returns ``(fn(...), gradient)``.

    Args:
        fn: returns a tensor of one element.
        argnums: the positional argument to differentiate by, or several.

    Returns:
        The gradient has the pytree structure of the argument (a tuple of them for several argnums).

    Raises:
        GradientError: the result has more than one element, or depends on the argument through operations
            without a derivative alone. (A result that does not depend on it has gradient zero; what Python
            numbers such as ``x.item()`` went into is a constant.)
        DTypeError: an argument or a result that is not floating.
    """

    check_functions(fn=fn)

    @wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> tuple[Tensor, Any]:
        with context.recording():
            xs, call, rebuild = _prepare(fn, args, kwargs, argnums)
            value = _scalar(call(xs))
            found = numbers.gradients(value, xs)
            if found is not None:
                return detached(value), rebuild(found)
            value, *found = released([value, *_gradients(value, xs)], xs)
        return value, rebuild(found)

    return wrapped


def grad(fn: Fn, argnums: Argnums = 0) -> Fn:
    """A function that returns the gradient of ``fn``; see :func:`value_and_grad`."""
    both = value_and_grad(fn, argnums)

    @wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return wrapped


def vjp(fn: Fn, *primals: Any) -> tuple[Any, Fn]:
    """The value of ``fn(*primals)`` and a function from a cotangent of it to those of the primals.

    Returns:
        (value, pull): ``pull(cotangent)`` gives a tuple with one pytree per primal, and may be called
        again with other cotangents.

    Raises:
        ArgumentError: a cotangent whose structure is not the value's.
    """
    check_functions(fn=fn)
    with context.recording():
        leaves, rebuild = flatten(primals)
        xs = [differentiable(x) for x in leaves]
        outputs, rebuild_output = flatten(fn(*rebuild(xs)))
        results = [as_tensor(y) for y in outputs]

    def pull(cotangent: Any) -> tuple[Any, ...]:
        cotangents, _ = flatten(cotangent)
        if len(cotangents) != len(results):
            raise ArgumentError(
                f"{len(cotangents)} cotangents for {len(results)} results", fix="give one for each result"
            )
        with context.recording():
            totals = [ops.zeros_like(x) for x in xs]
            for y, g in zip(results, cotangents, strict=True):
                if y.recorded:
                    totals = [a + b for a, b in zip(totals, _gradients(y, xs, g), strict=True)]
            return tuple(rebuild(released(totals, xs)))

    return rebuild_output(released(results, xs)), pull


def jacobian(fn: Fn, argnums: Argnums = 0) -> Fn:
    """A function that returns the Jacobian of ``fn``: shape (output shape, input shape), row by row in
    reverse mode.

    Raises:
        GradientError: ``fn`` returns several tensors.
    """
    check_functions(fn=fn)

    @wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with context.recording():
            xs, call, rebuild = _prepare(fn, args, kwargs, argnums)
            out = _single(call(xs))
            rows = [
                _gradients(out, xs, ops.reshape(row, out.shape)) if out.recorded else _zeros(xs)
                for row in ops.eye(out.size, dtype=out.dtype)
            ]
            blocks = [_stacked(out, x, [row[k] for row in rows]) for k, x in enumerate(xs)]
            blocks = released(blocks, xs)
        return rebuild(blocks)

    return wrapped


def hessian(fn: Fn, argnums: int = 0) -> Fn:
    """A function that returns the Hessian of a scalar function of a tensor: shape (input shape, input shape).

    Raises:
        ArgumentError: several arguments, or one that is a list, tuple or dict.
    """
    second = jacobian(grad(fn, argnums), argnums)

    @wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not isinstance(argnums, int):
            raise _no_hessian(f"arguments {shown(argnums)}")
        if -len(args) <= argnums < len(args) and isinstance(args[argnums], (dict, list, tuple)):
            raise _no_hessian(f"argument {argnums}, a {type(args[argnums]).__name__}")
        return second(*args, **kwargs)

    return wrapped


def hvp(fn: Fn, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of ``fn`` at ``primals`` times ``tangents``, without forming it: the jvp of the
    gradient. One pytree for one primal, else a tuple with one for each."""
    from graphdiff.autodiff.forward import jvp

    primals = entries("primals", primals)
    every = tuple(range(len(primals)))
    product = jvp(grad(fn, every), primals, tangents)[1]
    return product[0] if len(primals) == 1 else product


# Parts


def _no_hessian(by: str) -> ArgumentError:
    error = ArgumentError(
        f"the Hessian by {by}, would be more than one array",
        fix="give one tensor, such as graphdiff.concatenate of the parts; graphdiff.hvp takes several",
    )
    error.locate("hessian", source=source.describe(source.caller()))
    return error


def differentiable(x: Any) -> Tensor:
    """A node to differentiate by.

    Raises:
        DTypeError: not floating.
    """
    t = as_tensor(x)
    if not t.dtype.is_floating:
        error = DTypeError(
            f"{t.label} is {t.dtype}: only floating tensors have gradients",
            fix="pass a floating value: 1.0 instead of 1, or x.astype('float64')",
        )
        error.locate(source=source.describe(source.caller()))
        raise error
    return fresh(t)


def released(results: Sequence[Tensor], own: Sequence[Tensor]) -> list[Tensor]:
    """The results without history, unless something recorded outside the call took part in them."""
    ours = {t.id for t in own}
    for t in ancestors(*results):
        foreign = t.primitive is None and t.recorded and t.role != "backward" and t.id not in ours
        if foreign:
            return list(results)
    return [detached(t) for t in results]


def _prepare(
    fn: Fn, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums
) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Any], Callable[[Sequence[Tensor]], Any]]:
    """Fresh nodes for the chosen arguments, the function of them alone, and how to put results in their
    places."""
    chosen = (argnums,) if isinstance(argnums, int) else tuple(entries("argnums", argnums))
    for i in chosen:
        check_integers(argnums=i)
        if not -len(args) <= i < len(args):
            raise ArgumentError(
                f"argnums names argument {i} of a call with {len(args)} positional arguments",
                fix="pass the arguments to differentiate by position",
            )
    chosen = tuple(i % len(args) for i in chosen)
    leaves, rebuild = flatten(tuple(args[i] for i in chosen))
    xs = [differentiable(x) for x in leaves]

    def call(values: Sequence[Tensor]) -> Any:
        replaced = dict(zip(chosen, rebuild(values), strict=True))
        return fn(*(replaced.get(i, a) for i, a in enumerate(args)), **kwargs)

    def in_place(results: Sequence[Tensor]) -> Any:
        trees = rebuild(results)
        return trees[0] if isinstance(argnums, int) else trees

    return xs, call, in_place


def _gradients(out: Tensor, xs: Sequence[Tensor], upstream: Any = None) -> list[Tensor]:
    if not out.recorded:
        return _zeros(xs)
    record = backward(out, upstream, wrt=xs)
    return [record[x] for x in xs]


def _zeros(xs: Sequence[Tensor]) -> list[Tensor]:
    return [ops.zeros_like(x) for x in xs]


def _stacked(out: Tensor, x: Tensor, rows: list[Tensor]) -> Tensor:
    block = ops.stack(rows) if rows else ops.zeros((0, *x.shape), x.dtype)
    return ops.reshape(block, out.shape + x.shape)


def _single(out: Any) -> Tensor:
    if isinstance(out, (tuple, list, dict)) or out is None:
        raise GradientError(
            f"the function returned {type(out).__name__}, not one tensor", fix="return one tensor"
        )
    return as_tensor(out)


def _scalar(out: Any) -> Tensor:
    value = _single(out)
    if value.size != 1:
        error = GradientError(
            f"the function returned shape {value.shape}, and a gradient starts from one number",
            fix="reduce it (.sum(), .mean()), or use jacobian or vjp",
        )
        error.locate(source=source.describe(source.caller()))
        raise error
    return value
