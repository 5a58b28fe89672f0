"""Elementwise primitives: arithmetic, powers, exponentials, trigonometry, comparisons, choices.

Kinks follow torch: ``abs`` and ``sign`` have derivative 0 at 0, ties of ``maximum`` and ``minimum``
share the gradient evenly, ``clip`` passes it at its bounds. ``sqrt`` has the true derivative ∞ at 0.
"""

from __future__ import annotations

import math
from typing import Any

from graphdiff.dtypes import as_dtype
from graphdiff.errors import DTypeError
from graphdiff.graph import TensorSpec
from graphdiff.leaf import as_tensor
from graphdiff.ops import samples
from graphdiff.ops.common import broadcast_spec, comparison_spec, free, numeric_spec, same_spec
from graphdiff.primitive import EachOperand, Primitive, Rule
from graphdiff.tensor import Tensor


def _function(
    name: str, rule: Rule, formula: str, doc: str, symbol: str = "", low: float = -2.0, high: float = 2.0
) -> Primitive:
    """A smooth function of one floating operand; low and high bound the samples drawn for it."""
    return Primitive(
        name,
        spec=same_spec,
        vjp=(rule,),
        formula=(formula,),
        elementwise=True,
        floating=True,
        symbol=symbol,
        samples=samples.operands(1, low=low, high=high),
        doc=doc,
    )


# Arithmetic

add: Primitive = Primitive(
    "add",
    spec=numeric_spec,
    vjp=(lambda g, out, x, y: g, lambda g, out, x, y: g),
    formula=("1", "1"),
    elementwise=True,
    symbol="+",
    samples=samples.operands(2),
    doc="x + y, broadcast.",
)
subtract: Primitive = Primitive(
    "subtract",
    spec=numeric_spec,
    vjp=(lambda g, out, x, y: g, lambda g, out, x, y: -g),
    formula=("1", "−1"),
    elementwise=True,
    symbol="−",
    samples=samples.operands(2),
    doc="x − y, broadcast.",
)
multiply: Primitive = Primitive(
    "multiply",
    spec=numeric_spec,
    vjp=(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x),
    formula=("y", "x"),
    elementwise=True,
    symbol="×",
    samples=samples.operands(2),
    doc="x · y, broadcast.",
)
divide: Primitive = Primitive(
    "divide",
    spec=numeric_spec,
    vjp=(lambda g, out, x, y: g / y, lambda g, out, x, y: -g * out / y),
    formula=("1/y", "−x/y²"),
    elementwise=True,
    floating=True,
    symbol="÷",
    samples=samples.operands(2, low=0.5, high=3.0),
    doc="x / y, broadcast; integers give float64.",
)
negative: Primitive = Primitive(
    "negative",
    spec=numeric_spec,
    vjp=(lambda g, out, x: -g,),
    formula=("−1",),
    elementwise=True,
    symbol="−",
    samples=samples.operands(1),
    doc="−x.",
)
reciprocal: Primitive = _function(
    "reciprocal", lambda g, out, x: -g * square(out), "−1/x²", "1/x.", symbol="1/x", low=0.5, high=3.0
)
square: Primitive = Primitive(
    "square",
    spec=numeric_spec,
    vjp=(lambda g, out, x: g * (2 * x),),
    formula=("2x",),
    elementwise=True,
    symbol="x²",
    samples=samples.operands(1),
    doc="x².",
)


def _power_base(g: Tensor, out: Tensor, x: Tensor, y: Tensor) -> Tensor:
    # x⁰ is constant, also at x = 0 where x⁻¹ is not finite.
    constant = equal(y, 0)
    return g * where(constant, 0, y * power(x, where(constant, 1, y - 1)))


def _power_exponent(g: Tensor, out: Tensor, x: Tensor, y: Tensor) -> Tensor:
    # 0ʸ is 0 for every y > 0, so its derivative is 0; log 0 is kept out of it.
    flat = logical_and(equal(x, 0), greater_equal(y, 0))
    return g * where(flat, 0, out * log(where(flat, 1, x)))


power: Primitive = Primitive(
    "power",
    spec=numeric_spec,
    vjp=(_power_base, _power_exponent),
    formula=("y·xʸ⁻¹", "xʸ·ln x"),
    elementwise=True,
    symbol="xʸ",
    samples=samples.operands(2, low=0.5, high=3.0),
    doc="x to the power y; the derivative by x at y = 0 is 0, by y at x = 0 ≤ y is 0.",
)

# Exponentials and roots

exp: Primitive = _function("exp", lambda g, out, x: g * out, "eˣ", "eˣ.")
expm1: Primitive = _function("expm1", lambda g, out, x: g * (out + 1), "eˣ", "eˣ − 1, accurate near 0.")
log: Primitive = _function(
    "log", lambda g, out, x: g / x, "1/x", "The natural logarithm.", symbol="ln", low=0.5, high=3.0
)
log1p: Primitive = _function(
    "log1p", lambda g, out, x: g / (x + 1), "1/(1+x)", "ln(1 + x), accurate near 0.", low=-0.5, high=3.0
)
sqrt: Primitive = _function(
    "sqrt",
    lambda g, out, x: g * 0.5 / out,
    "1/(2√x)",
    "√x; its derivative at 0 is ∞, as the limit says. For lengths use ``norm``, which has 0 there.",
    symbol="√",
    low=0.5,
    high=3.0,
)

# Trigonometry

sin: Primitive = _function("sin", lambda g, out, x: g * cos(x), "cos x", "sin x, x in radians.")
cos: Primitive = _function("cos", lambda g, out, x: -g * sin(x), "−sin x", "cos x, x in radians.")
tan: Primitive = _function(
    "tan", lambda g, out, x: g * (1 + square(out)), "1 + tan² x", "tan x, x in radians.", low=-1.0, high=1.0
)
arcsin: Primitive = _function(
    "arcsin",
    lambda g, out, x: g / sqrt(1 - square(x)),
    "1/√(1−x²)",
    "The inverse of sin, in radians.",
    low=-0.8,
    high=0.8,
)
arccos: Primitive = _function(
    "arccos",
    lambda g, out, x: -g / sqrt(1 - square(x)),
    "−1/√(1−x²)",
    "The inverse of cos, in radians.",
    low=-0.8,
    high=0.8,
)
arctan: Primitive = _function(
    "arctan", lambda g, out, x: g / (1 + square(x)), "1/(1+x²)", "The inverse of tan, in radians."
)
sinh: Primitive = _function("sinh", lambda g, out, x: g * cosh(x), "cosh x", "The hyperbolic sine.")
cosh: Primitive = _function("cosh", lambda g, out, x: g * sinh(x), "sinh x", "The hyperbolic cosine.")
tanh: Primitive = _function(
    "tanh", lambda g, out, x: g * (1 - square(out)), "1 − tanh² x", "The hyperbolic tangent."
)
arcsinh: Primitive = _function(
    "arcsinh", lambda g, out, x: g / sqrt(1 + square(x)), "1/√(1+x²)", "The inverse of sinh."
)
erf: Primitive = _function(
    "erf",
    lambda g, out, x: g * (2 / math.sqrt(math.pi) * exp(-square(x))),
    "2/√π · e^(−x²)",
    "The error function.",
)

# Kinks and choices

abs: Primitive = Primitive(
    "abs",
    spec=numeric_spec,
    vjp=(lambda g, out, x: g * sign(x),),
    formula=("sign x",),
    elementwise=True,
    symbol="|x|",
    samples=samples.operands(1),
    doc="|x|; its derivative at 0 is 0.",
)
sign: Primitive = Primitive(
    "sign",
    spec=numeric_spec,
    vjp=(lambda g, out, x: None,),
    formula=("0",),
    elementwise=True,
    samples=samples.operands(1),
    doc="−1, 0 or 1; its derivative is 0.",
)
relu: Primitive = Primitive(
    "relu",
    spec=numeric_spec,
    vjp=(lambda g, out, x: relu_grad(g, x),),
    formula=("1 if x > 0 else 0",),
    elementwise=True,
    symbol="ReLU",
    samples=samples.operands(1),
    doc="max(0, x); its derivative at 0 is 0.",
)
relu_grad: Primitive = Primitive(
    "relu_grad",
    spec=numeric_spec,
    vjp=(lambda u, out, g, x: relu_grad(u, x), lambda u, out, g, x: None),
    formula=("1 if x > 0 else 0", "0"),
    elementwise=True,
    symbol="ReLU′",
    samples=samples.operands(2),
    doc="0 where x ≤ 0, else g: what relu passes back.",
)


def _share(g: Tensor, winner: Tensor, tie: Tensor) -> Tensor:
    return where(winner, g, where(tie, g * 0.5, 0))


maximum: Primitive = Primitive(
    "maximum",
    spec=broadcast_spec,
    vjp=(
        lambda g, out, x, y: _share(g, greater(x, y), equal(x, y)),
        lambda g, out, x, y: _share(g, greater(y, x), equal(x, y)),
    ),
    formula=("1 if x > y, ½ if x = y, else 0", "1 if y > x, ½ if x = y, else 0"),
    elementwise=True,
    symbol="max",
    samples=samples.untied_operands,
    doc="The larger of x and y; ties share the gradient evenly.",
)
minimum: Primitive = Primitive(
    "minimum",
    spec=broadcast_spec,
    vjp=(
        lambda g, out, x, y: _share(g, less(x, y), equal(x, y)),
        lambda g, out, x, y: _share(g, less(y, x), equal(x, y)),
    ),
    formula=("1 if x < y, ½ if x = y, else 0", "1 if y < x, ½ if x = y, else 0"),
    elementwise=True,
    symbol="min",
    samples=samples.untied_operands,
    doc="The smaller of x and y; ties share the gradient evenly.",
)


def _where_spec(condition: TensorSpec, x: TensorSpec, y: TensorSpec) -> TensorSpec:
    if condition.dtype != "bool":
        raise DTypeError(
            f"the condition is {condition.dtype}, not bool", fix="compare first: where(c > 0, …)"
        )
    return TensorSpec(comparison_spec(condition, x, y).shape, x.dtype)


where: Primitive = Primitive(
    "where",
    spec=_where_spec,
    vjp=(
        None,
        lambda g, out, c, x, y: where(c, g, 0),
        lambda g, out, c, x, y: where(c, 0, g),
    ),
    formula=("", "1 if c else 0", "0 if c else 1"),
    elementwise=True,
    unify=slice(1, None),
    samples=samples.choice,
    doc="""x where the condition holds, else y; of x and y, a NaN where it is not taken reaches neither the
    value nor the gradient.

    That holds for the operands themselves. An operation before them whose own derivative is infinite or NaN
    still turns the gradient 0 into NaN: ``where(x > 0, sqrt(x), 0)`` has the derivative 0 · ∞ at 0. The
    remedy is to choose before the operation too: ``where(x > 0, sqrt(where(x > 0, x, 1)), 0)``.""",
)
_clip: Primitive = Primitive(
    "clip",
    spec=numeric_spec,
    vjp=(lambda g, out, x, low, high: where(logical_and(greater_equal(x, low), less_equal(x, high)), g, 0),),
    formula=("1 if low ≤ x ≤ high else 0",),
    elementwise=True,
    samples=samples.clip,
)


def clip(x: Any, low: Any = None, high: Any = None) -> Tensor:
    """x kept between two bounds; a bound of ``None`` is none. Integers between floats become float64.

    Numbers as bounds let the gradient pass where low ≤ x ≤ high. Tensors as bounds are differentiated
    too, as ``minimum(maximum(x, low), high)``, and then ties share the gradient.
    """
    numbers = (int, float, type(None))
    if isinstance(low, numbers) and isinstance(high, numbers):
        x = as_tensor(x)
        if not x.dtype.is_floating and (isinstance(low, float) or isinstance(high, float)):
            x = cast(x, "float64")
        return _clip(x, low=-math.inf if low is None else low, high=math.inf if high is None else high)
    if low is not None:
        x = maximum(x, low)
    return minimum(x, high) if high is not None else x


# Comparisons, logic and rounding: no derivative


def _comparison(name: str, symbol: str, doc: str) -> Primitive:
    return Primitive(
        name,
        spec=comparison_spec,
        vjp=(None,) * 2,
        elementwise=True,
        symbol=symbol,
        samples=samples.operands(2),
        doc=f"{doc} No derivative.",
    )


equal: Primitive = _comparison("equal", "=", "Whether x = y.")
not_equal: Primitive = _comparison("not_equal", "≠", "Whether x ≠ y.")
less: Primitive = _comparison("less", "<", "Whether x < y.")
less_equal: Primitive = _comparison("less_equal", "≤", "Whether x ≤ y.")
greater: Primitive = _comparison("greater", ">", "Whether x > y.")
greater_equal: Primitive = _comparison("greater_equal", "≥", "Whether x ≥ y.")


def _logical_spec(*specs: TensorSpec) -> TensorSpec:
    if any(s.dtype != "bool" for s in specs):
        raise DTypeError(
            f"logic takes booleans, not {', '.join(s.dtype for s in specs)}", fix="compare first: x > 0"
        )
    return broadcast_spec(*specs)


def _logical(name: str, symbol: str, count: int) -> Primitive:
    return Primitive(
        name,
        spec=_logical_spec,
        vjp=(None,) * count,
        elementwise=True,
        symbol=symbol,
        samples=samples.booleans(count),
        doc=f"Logical {symbol} of booleans. No derivative.",
    )


logical_and: Primitive = _logical("logical_and", "and", 2)
logical_or: Primitive = _logical("logical_or", "or", 2)
logical_not: Primitive = _logical("logical_not", "not", 1)


def _rounding(name: str, doc: str) -> Primitive:
    return Primitive(
        name,
        spec=numeric_spec,
        vjp=(None,),
        elementwise=True,
        samples=samples.operands(1),
        doc=f"{doc} No derivative: use stop_gradient around it for a straight-through estimate.",
    )


floor: Primitive = _rounding("floor", "The largest integer not above x.")
ceil: Primitive = _rounding("ceil", "The smallest integer not below x.")
round: Primitive = _rounding("round", "The nearest integer, halves to even.")


def _finite_spec(x: TensorSpec) -> TensorSpec:
    return comparison_spec(x)


isfinite: Primitive = Primitive(
    "isfinite",
    spec=_finite_spec,
    vjp=(None,),
    elementwise=True,
    samples=samples.operands(1),
    doc="Whether x is neither NaN nor infinite. No derivative.",
)
isnan: Primitive = Primitive(
    "isnan",
    spec=_finite_spec,
    vjp=(None,),
    elementwise=True,
    samples=samples.operands(1),
    doc="Whether x is NaN. No derivative.",
)

# Dtype and identity


def _cast_spec(x: TensorSpec, dtype: str) -> TensorSpec:
    return TensorSpec(x.shape, as_dtype(dtype))


_cast: Primitive = Primitive(
    "cast",
    spec=_cast_spec,
    vjp=(lambda g, out, x, dtype: cast(g, x.dtype),),
    formula=("1",),
    elementwise=True,
    flops=free,
    linear=True,  # so that a tangent is cast as the value is; the vjp casts the other way
    unify=slice(0),
    samples=samples.cast,
)


def cast(x: Any, dtype: Any) -> Tensor:
    """x in another dtype; the gradient is cast back. Towards integers and booleans no gradient passes.

    Raises:
        DTypeError: an unsupported dtype.
    """
    return _cast(x, dtype=as_dtype(dtype))


stop_gradient: Primitive = Primitive(
    "stop_gradient",
    spec=same_spec,
    vjp=(lambda g, out, x: None,),
    formula=("0",),
    elementwise=True,
    flops=free,
    samples=samples.operands(1),
    doc="x, taken for a constant: its derivative is 0.",
)
identity: Primitive = Primitive(
    "identity",
    spec=same_spec,
    vjp=(lambda g, out, x: g,),
    formula=("1",),
    elementwise=True,
    linear=True,
    flops=free,
    samples=samples.operands(1),
    doc="x, as a node of its own.",
)


accumulate: Primitive = Primitive(
    "accumulate",
    spec=broadcast_spec,
    vjp=EachOperand(lambda argnum, g, out, *xs: g),
    formula=("1",),
    elementwise=True,
    flops=lambda out, *xs: (len(xs) - 1) * out.size,
    symbol="Σ",
    samples=samples.operands(3),
    doc="The sum of all operands: where the gradients of several uses of a value meet.",
)
