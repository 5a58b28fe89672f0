"""The checks that every primitive passes, a plugin's too::

    check_primitive(swish, reference=lambda x: x / (1 + np.exp(-x)))

A check is a function of one :class:`Case`: a primitive on inputs drawn from its own ``samples``. It
returns nothing, or raises an ``AssertionError`` that says what is wrong on which inputs (or the
``GraphdiffError`` by which the engine refused a rule). A property-based test draws the case itself::

    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
    @given(sources())
    def test_swish(check, source):
        check(Case.draw(swish, source))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from graphdiff.autodiff import Backward, grad, jvp, vjp
from graphdiff.dtypes import as_dtype
from graphdiff.errors import ArgumentError
from graphdiff.leaf import abstract, as_tensor, tensor, variable
from graphdiff.ops import sum as total
from graphdiff.primitive import Composite, Primitive
from graphdiff.tensor import Tensor
from graphdiff.testing.comparing import TOLERANCE, equal, tolerance_of
from graphdiff.testing.gradients import ATOL, EPS, RTOL, check_gradients
from graphdiff.testing.kit import Check, Kit
from graphdiff.testing.source import Source

Array = np.ndarray[Any, Any]
Fn = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A primitive on one sample of inputs.

    Attributes:
        inputs: NumPy arrays.
        params: the primitive's static parameters.
    """

    primitive: Primitive
    inputs: tuple[Array, ...]
    params: Mapping[str, Any]

    @classmethod
    def draw(cls, primitive: Primitive, source: Source) -> Case:
        """A sample of the primitive's own.

        Raises:
            ArgumentError: the primitive says nothing about its inputs.
        """
        if primitive.samples is None:
            raise ArgumentError(
                f"{primitive.name!r} has no samples to be checked on",
                fix="give it samples=lambda source: ([source.array(source.shape())], {})",
            )
        inputs, params = primitive.samples(source)
        return cls(primitive, tuple(np.asarray(x) for x in inputs), dict(params))

    def __call__(self, *inputs: Any) -> Tensor:
        return self.primitive(*inputs, **self.params)

    @cached_property
    def value(self) -> Tensor:
        """What the primitive gives."""
        return self(*self.inputs)

    @cached_property
    def operands(self) -> tuple[int, ...]:
        """The operands that have a derivative."""
        if not self.value.dtype.is_floating:
            return ()
        floating = [k for k, x in enumerate(self.inputs) if as_dtype(x.dtype).is_floating]
        return tuple(k for k in floating if self.primitive.rule(k) is not None)

    @property
    def points(self) -> list[Array]:
        """The values of the operands that have a derivative."""
        return [self.inputs[k] for k in self.operands]

    def of_operands(self, fn: Fn | None = None) -> Fn:
        """The primitive, or ``fn`` with its signature, as a function of :attr:`points` alone."""

        def of_points(*xs: Any) -> Any:
            given = dict(zip(self.operands, xs, strict=True))
            return (fn or self)(*(given.get(k, x) for k, x in enumerate(self.inputs)))

        of_points.__name__ = self.primitive.name
        return of_points

    def pull(self, g: Any, fn: Fn | None = None) -> list[Array]:
        """The cotangents of :attr:`points` for the upstream gradient ``g``."""
        if not self.operands:
            return []
        return [np.asarray(c) for c in vjp(self.of_operands(fn), *self.points)[1](g)]

    def directions(self, seed: int = 0) -> tuple[Array, list[Array]]:
        """A random upstream gradient, and a random tangent for each operand."""
        rng = np.random.default_rng(seed)

        def values(shape: tuple[int, ...], dtype: Any) -> Array:
            return np.asarray(rng.uniform(-2, 2, shape), dtype)

        upstream = values(self.value.shape, str(self.value.dtype))
        return upstream, [values(x.shape, x.dtype) for x in self.points]

    @cached_property
    def tolerance(self) -> float:
        """By how much two ways to one number may differ, in the lowest precision that takes part."""
        return tolerance_of(self.value.dtype, *(x.dtype for x in self.inputs))

    def backward(self) -> Backward | None:
        """For a picture: of the sum of the value."""
        if not self.operands:
            return None
        points = [variable(x, name=f"x{k}") for k, x in zip(self.operands, self.points, strict=True)]
        return total(self.of_operands()(*points)).backward(wrt=points)

    def with_inputs(self, inputs: Sequence[Array]) -> Case:
        return Case(self.primitive, tuple(inputs), self.params)

    def __str__(self) -> str:
        inputs = ", ".join(f"{x.dtype}{list(x.shape)}" for x in self.inputs)
        params = "".join(f", {k}={v!r}" for k, v in self.params.items())
        return f"{self.primitive.name}({inputs}{params})"


# Comparing


def _equal(case: Case, what: str, found: Any, expected: Any, tolerance: float | None = None) -> None:
    """One value, dtype and shape included, against what it should be."""
    equal(f"{case}: {what}", found, expected, case.tolerance if tolerance is None else tolerance)


def _all_equal(
    case: Case, what: str, found: Sequence[Any], expected: Sequence[Any], tolerance: float | None = None
) -> None:
    for argnum, one, other in zip(case.operands, found, expected, strict=True):
        _equal(case, f"{what} by operand {argnum}", one, other, tolerance)


# The checks of one case


def check_value(case: Case, reference: Callable[..., Any]) -> None:
    """The value equals that of ``reference(*arrays, **params)``, shape and dtype included."""
    _equal(case, "the value", case.value, reference(*case.inputs, **case.params))


def check_spec(case: Case) -> None:
    """The shape rule says what the kernel really gives, and tracing gives the same."""
    real = case.value.backend.spec(case.value.data)
    if real is not case.value.spec:
        raise AssertionError(f"{case}: the shape rule says {case.value.spec!r}, the kernel gave {real!r}")
    traced = case(*(abstract(as_tensor(x).spec) for x in case.inputs))
    if traced.spec is not real or traced.data is not None:
        raise AssertionError(f"{case}: traced as {traced.spec!r}, computed as {real!r}")


def check_unmutated(case: Case) -> None:
    """Neither the forward nor the backward pass changes an input or the upstream gradient."""
    g, _ = case.directions()
    # Tensors, which kernels get as they are; arrays would be copied before a kernel sees them.
    inputs, upstream = [tensor(x) for x in case.inputs], tensor(g)
    before = [*(x.copy() for x in case.inputs), g.copy()]
    case(*inputs)
    if case.operands:
        vjp(case.of_operands(), *(inputs[k] for k in case.operands))[1](upstream)
    watched = [t.numpy() for t in (*inputs, upstream)]
    for k, (x, y) in enumerate(zip(watched, before, strict=True)):
        if not np.array_equal(x, y, equal_nan=True):
            name = f"input {k}" if k < len(case.inputs) else "the upstream gradient"
            raise AssertionError(f"{case}: {name} was changed from\n{y}\nto\n{x}")


def check_layout(case: Case) -> None:
    """The memory layout of the inputs does not matter: transposed, reversed and strided views of equal
    values give equal values and gradients."""
    g, _ = case.directions()
    cotangents = case.pull(g)
    for name, view in LAYOUTS.items():
        other = case.with_inputs([view(x) for x in case.inputs])
        _equal(case, f"the value for {name} inputs", other.value, case.value)
        _all_equal(case, f"the gradient for {name} inputs", other.pull(view(g)), cotangents)


def _strided(x: Array) -> Array:
    wide = np.zeros(tuple(2 * n for n in x.shape), x.dtype)
    key: tuple[Any, ...] = (..., *(slice(None, None, 2),) * x.ndim)
    view: Array = wide[key]
    view[...] = x
    return view


def _reversed(x: Array) -> Array:
    return np.flip(np.flip(x).copy())


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "transposed": lambda x: np.array(x, order="F"),
    "reversed": _reversed,
    "strided": _strided,
}


def check_float32(case: Case) -> None:
    """float32 inputs give a float32 result and float32 gradients, near those in float64.

    A result whose dtype a parameter ``dtype`` decides is only compared by value.
    """
    single = case.with_inputs([x.astype(np.float32) if x.dtype == np.float64 else x for x in case.inputs])
    fixed = "dtype" in case.params or not case.value.dtype.is_floating
    wanted = np.dtype(str(case.value.dtype)) if fixed else np.dtype(np.float32)
    loose = TOLERANCE["float32"]
    _equal(case, "the value for float32 inputs", single.value, np.asarray(case.value).astype(wanted), loose)
    g, _ = case.directions()
    expected = [c.astype(np.float32) for c in case.pull(g)]
    found = single.pull(g.astype(str(single.value.dtype)))
    _all_equal(single, "the gradient for float32 inputs", found, expected, loose)


def check_derivatives(case: Case, order: int = 2) -> None:
    """The vjp equals finite differences, to second order by default."""
    if case.operands:
        # A result rounded to 24 bits asks for a wider step, and shows fewer digits of the slope.
        eps, rtol, atol = (1e-2, 1e-3, 1e-3) if case.value.dtype == "float32" else (EPS, RTOL, ATOL)
        check_gradients(case.of_operands(), *case.points, order=order, eps=eps, rtol=rtol, atol=atol)


def check_linearity(case: Case) -> None:
    """The vjp is linear in the upstream gradient."""
    (g, _), (h, _) = case.directions(0), case.directions(1)
    a, b = 0.75, -1.25
    found = case.pull(np.asarray(a * g + b * h, g.dtype))
    parts = zip(case.pull(g), case.pull(h), strict=True)
    _all_equal(case, "the vjp of a sum", found, [np.asarray(a * x + b * y, x.dtype) for x, y in parts])


def check_jvp(case: Case) -> None:
    """Forward mode agrees with finite differences along a direction, and with reverse mode:
    ⟨g, jvp(u)⟩ = ⟨vjp(g), u⟩."""
    if not case.operands:
        return
    g, tangents = case.directions()
    fn = case.of_operands()
    value, pushed = jvp(fn, case.points, tangents)
    _equal(case, "the value beside the jvp", value, case.value)
    # Differences lose half of the digits there are.
    eps, tolerance = (1e-2, 1e-3) if case.value.dtype == "float32" else (EPS, 1e-6)
    moved = zip(case.points, tangents, strict=True)
    high, low = (
        np.asarray(fn(*xs), np.float64)
        for xs in zip(*((x + eps * u, x - eps * u) for x, u in moved), strict=True)
    )
    slope = np.asarray((high - low) / (2 * eps), str(case.value.dtype))
    _equal(case, "the jvp", pushed, slope, tolerance)
    forward = np.sum(g * np.asarray(pushed), dtype=np.float64)
    pairs = zip(case.pull(g), tangents, strict=True)
    reverse = np.float64(sum(np.sum(c * u, dtype=np.float64) for c, u in pairs))
    _equal(case, "⟨g, jvp(u)⟩ beside ⟨vjp(g), u⟩", forward, reverse)


def check_decomposition(case: Case) -> None:
    """A composite's kernel and vjp give what its decomposition gives."""
    if not isinstance(case.primitive, Composite):
        return
    decompose = case.primitive.decompose

    def unfolded(*inputs: Any) -> Tensor:
        return decompose(*map(as_tensor, inputs), **case.params)

    _equal(case, "the value", case.value, unfolded(*case.inputs))
    g, _ = case.directions()
    _all_equal(case, "the vjp beside the decomposition's", case.pull(g), case.pull(g, unfolded))


def check_torch(case: Case, torch_reference: Callable[..., Any]) -> None:
    """Value, first and second derivatives equal those of torch's own autograd.

    Args:
        torch_reference: ``torch_reference(*torch_tensors, **params)``, made of differentiable torch
            operations.
    """
    import torch

    theirs = [torch.tensor(x) for x in case.inputs]
    points = [theirs[k].requires_grad_() for k in case.operands]
    out = torch_reference(*theirs, **case.params)
    _equal(case, "the value beside torch's", case.value, out.detach().numpy())
    if not points:
        return
    g, tangents = case.directions()
    first = _torch_grad(out, points, torch.tensor(g))
    _all_equal(case, "the gradient beside torch's", case.pull(g), [t.numpy(force=True) for t in first])
    projected = sum((t * torch.tensor(u)).sum() for t, u in zip(first, tangents, strict=True))
    second = [t.numpy(force=True) for t in _torch_grad(projected, points, None)]
    _all_equal(case, "the second derivative beside torch's", second_derivatives(case, g, tangents), second)


def _torch_grad(out: Any, points: Sequence[Any], g: Any) -> Sequence[Any]:
    """torch's gradients, zeros where it sees no dependence."""
    import torch

    if not out.requires_grad:
        return [torch.zeros_like(p) for p in points]
    keep = g is not None
    unused = {"allow_unused": True, "materialize_grads": True}
    found: Sequence[Any] = torch.autograd.grad(out, points, g, create_graph=keep, **unused)
    return found


def second_derivatives(case: Case, g: Array, tangents: Sequence[Array]) -> list[Array]:
    """The gradient of ⟨vjp(g), tangents⟩."""
    fn, every = case.of_operands(), tuple(range(len(tangents)))

    def projected(*xs: Tensor) -> Tensor:
        cotangents = grad(lambda *ys: total(fn(*ys) * as_tensor(g)), every)(*xs)
        parts = [total(c * as_tensor(u)) for c, u in zip(cotangents, tangents, strict=True)]
        whole = parts[0]
        for part in parts[1:]:
            whole = whole + part
        return whole

    return [np.asarray(t) for t in grad(projected, every)(*case.points)]


CHECKS: dict[str, Callable[[Case], None]] = {
    "spec": check_spec,
    "unmutated": check_unmutated,
    "layout": check_layout,
    "float32": check_float32,
    "derivatives": check_derivatives,
    "linearity": check_linearity,
    "jvp": check_jvp,
    "decomposition": check_decomposition,
}
"""The checks that need nothing but the primitive."""


@Kit
def check_primitive(
    primitive: Primitive,
    reference: Callable[..., Any] | None = None,
    torch_reference: Callable[..., Any] | None = None,
    *,
    examples: int = 20,
    seed: int = 0,
) -> Iterable[Check]:
    """Put a primitive through every check, on inputs drawn from its ``samples``.

    Args:
        reference: ``reference(*arrays, **params)``, an independent NumPy computation of the value.
        torch_reference: the same in torch, whose autograd the derivatives are compared with.
        examples: how many samples each check draws.
        seed: of the draws; a failure can be repeated.

    Raises:
        CheckError: a check failed; the report on its smallest failing sample.
        ArgumentError: an expected failure of an unknown check.
    """
    table = dict(CHECKS)
    if reference is not None:
        table["value"] = partial(check_value, reference=reference)
    if torch_reference is not None:
        table["torch"] = partial(check_torch, torch_reference=torch_reference)
    draw = partial(Case.draw, primitive)
    return [
        Check("check_primitive", primitive.name, k, draw, run, examples, seed) for k, run in table.items()
    ]
