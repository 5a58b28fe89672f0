"""Primitives: the operations a graph is made of, each a name and a few small functions.

A primitive knows the shape of its result, the derivative of it with respect to each operand, the formula
of that derivative for people, and how to draw inputs that suit it. What computes it is a backend's
kernel of the same name. A :class:`Composite` also knows a decomposition into other operations: a backend
may take it whole, and a picture may show it as one box or unfolded.

A rule looks the same in the engine and in a plugin::

    tanh = Primitive(
        "tanh",
        spec=same_spec,
        vjp=(lambda g, y, x: g * (1 - y * y),),
        formula=("1 − tanh² x",),
        elementwise=True,
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.graph import TensorSpec

if TYPE_CHECKING:
    from graphdiff.tensor import Tensor

SpecRule = Callable[..., TensorSpec]
Rule = Callable[..., "Tensor | None"]
_MOST_INFERRED = 4096  # per primitive; indexing with ever new integers must not fill the memory


class Rules(Protocol):
    """One vjp rule per operand, found by position."""

    def __getitem__(self, argnum: int, /) -> Rule | None: ...


class Engine:
    """What primitives need from the rooms above them; :mod:`graphdiff.tensor` puts it in place."""

    apply: Callable[[Primitive, tuple[Tensor, ...], Mapping[str, Any]], Tensor]
    operands: Callable[[Primitive, tuple[Any, ...]], tuple[Tensor, ...]]
    abstract: Callable[[TensorSpec], Tensor]
    pullback: Callable[[Callable[..., Tensor], Sequence[Tensor], int, Tensor], Tensor | None]


engine = Engine()


class EachOperand:
    """The rules of a primitive with any number of operands: one function that is told which is meant.

    Args:
        rule: ``rule(argnum, g, out, *inputs, **params)``.
    """

    def __init__(self, rule: Callable[..., Tensor | None]) -> None:
        self._rule = rule

    def __getitem__(self, argnum: int) -> Rule:
        return lambda *args, **params: self._rule(argnum, *args, **params)


class Primitive:
    """An operation with one output.

    Args:
        name: what backends register their kernels under.
        spec: ``spec(*input_specs, **params) -> TensorSpec``; raises :class:`ShapeError` or
            :class:`DTypeError` with *what* and *fix*, the engine adds names, shapes and source line.
        vjp: one rule per operand, ``rule(g, out, *inputs, **params)``: the vector-Jacobian product with
            the upstream gradient ``g``, written in graph operations so that it can be differentiated
            again. ``g`` has the shape and dtype of ``out``; the result has the dtype of the operand and
            a shape that broadcasts to or from the operand's: **the engine, not the rule, sums over
            broadcast axes**. A rule that returns ``None`` says the derivative is zero. A rule that *is*
            ``None`` says that there is no derivative with respect to that operand, and ``vjp=None``
            that there is none at all: asking for a gradient through it is then an error. A tuple also
            says how many operands there are.
            Each rule is called only when its operand's gradient is wanted.
        formula: for people, one text per operand: the local derivative in terms of operands x, y, …
        elementwise: the Jacobian is diagonal, so the local gradient is the vjp of ones and the jvp is
            the vjp's formula with a tangent in place of ``g``.
        linear: the output is linear in each operand taken alone, so the jvp is the primitive itself.
        symbol: a short glyph for pictures (``×``, ``exp``).
        unify: which operands must meet in one dtype; the engine inserts explicit ``cast`` nodes, so a
            kernel never promotes. All of them for an elementwise primitive, none otherwise.
        floating: integer and boolean operands become float64 first (``exp``, ``divide``).
        samples: ``samples(source) -> (inputs, params)``, inputs that suit the primitive, drawn from a
            :class:`graphdiff.testing.Source`; every generic check runs on them.
        doc: one line for ``help``.
    """

    def __init__(
        self,
        name: str,
        *,
        spec: SpecRule,
        vjp: Rules | None = None,
        formula: Sequence[str] = (),
        elementwise: bool = False,
        linear: bool = False,
        unify: slice | None = None,
        floating: bool = False,
        symbol: str = "",
        samples: Callable[[Any], tuple[Sequence[Any], Mapping[str, Any]]] | None = None,
        doc: str = "",
    ) -> None:
        self.name = self.__name__ = name
        self.spec = spec
        self.vjp = vjp
        self.arity = len(vjp) if isinstance(vjp, tuple) else None
        self.formula = tuple(formula)
        self.elementwise = elementwise
        self.linear = linear
        self.unify = unify or slice(None if elementwise else 0)
        self.floating = floating
        self.symbol = symbol or name
        self.samples = samples
        self.__doc__ = doc or name
        # Specs are interned, so this look-up replaces the shape rule on every call but the first.
        self._inferred: dict[tuple[Any, ...], TensorSpec] = {}

    def infer(self, specs: Sequence[TensorSpec], params: Mapping[str, Any]) -> TensorSpec:
        """The output's spec; remembered per input specs and parameters."""
        key = (*specs, *params, *params.values())
        try:
            known = self._inferred.get(key)
        except TypeError:
            raise ShapeError(
                f"the parameters {dict(params)} cannot be hashed", fix="pass tuples instead of lists"
            ) from None
        if known is None:
            if len(self._inferred) >= _MOST_INFERRED:
                self._inferred.clear()
            known = self._inferred[key] = self.spec(*specs, **params)
        return known

    def rule(self, argnum: int) -> Rule | None:
        """The vjp rule for one operand, or ``None`` where there is no derivative."""
        return None if self.vjp is None else self.vjp[argnum]

    def __call__(self, *inputs: Any, **params: Any) -> Tensor:
        """Apply to tensors (or what :func:`graphdiff.tensor` accepts); Python scalars take their dtype."""
        if len(inputs) != self.arity and self.arity is not None:
            raise ArgumentError(
                f"{self.name} takes {self.arity} operands, not {len(inputs)}", fix="pass options by name"
            )
        return engine.apply(self, engine.operands(self, inputs), params)

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name}>"


class Composite(Primitive):
    """A primitive with a decomposition into others.

    Args:
        decompose: ``decompose(*inputs, **params)`` in graph operations. It gives the shape rule, the
            kernel where a backend has none, and the derivatives unless ``vjp`` is a better one. What it
            gives and what the named rules give is tested to be equal.
        The rest as for :class:`Primitive`, except ``spec``, which is not needed.
    """

    def __init__(self, name: str, decompose: Callable[..., Tensor], **rest: Any) -> None:
        self.decompose = decompose
        rest.setdefault("vjp", EachOperand(self._vjp_of_decomposition))
        super().__init__(name, spec=self._spec_of_decomposition, **rest)

    def _spec_of_decomposition(self, *specs: TensorSpec, **params: Any) -> TensorSpec:
        return self.decompose(*map(engine.abstract, specs), **params).spec

    def _vjp_of_decomposition(
        self, argnum: int, g: Tensor, out: Tensor, *inputs: Tensor, **params: Any
    ) -> Tensor | None:
        return engine.pullback(lambda *xs: self.decompose(*xs, **params), inputs, argnum, g)
