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

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self
from weakref import WeakValueDictionary

from graphdiff import context
from graphdiff.arguments import check_kind
from graphdiff.errors import ArgumentError, GraphError, ShapeError
from graphdiff.graph import TensorSpec
from graphdiff.plugins import Registry

if TYPE_CHECKING:
    from graphdiff.tensor import Tensor

SpecRule = Callable[..., TensorSpec]
FlopsRule = Callable[..., int]
Rule = Callable[..., "Tensor | None"]
_MOST_KNOWN = 4096  # per primitive; indexing with ever new integers must not fill the memory


class Rules(Protocol):
    """One vjp rule per operand, found by position."""

    def __getitem__(self, argnum: int, /) -> Rule | None: ...


class Engine:
    """What primitives need from the rooms above them; :mod:`graphdiff.tensor` puts it in place."""

    tensor: type[Tensor]
    unary: Callable[[Primitive, Any], Tensor]
    binary: Callable[[Primitive, Any, Any], Tensor]
    call: Callable[[Primitive, tuple[Any, ...], Mapping[str, Any]], Tensor]
    abstract: Callable[[TensorSpec], Tensor]
    pullback: Callable[[Callable[..., Tensor], Sequence[Tensor], int, Tensor], Tensor | None]


engine = Engine()


class Application:
    """A primitive at certain specs and parameters: worked out once, shared by all nodes that are alike.

    Refers to no primitive, which refers to it: what a rule closes over lives no longer than its nodes.

    Attributes:
        specs, params: of the operands.
        spec: of the output.
        edges: the argument numbers of the operands that the output has a derivative by.
        smooth: whether these are all of them.
        visits: what the backward pass over arrays does at such a node, by the kernels it does it with.
    """

    __slots__ = ("edges", "params", "smooth", "spec", "specs", "visits")

    def __init__(
        self, primitive: Primitive, specs: tuple[TensorSpec, ...], params: Mapping[str, Any]
    ) -> None:
        self.specs = specs
        self.params = params
        self.spec = primitive.spec(*specs, **params)
        floating = [k for k, spec in enumerate(specs[: primitive.arity]) if spec.dtype.is_floating]
        differentiable = self.spec.dtype.is_floating and primitive.vjp is not None
        self.edges = tuple(k for k in floating if differentiable and primitive.rule(k) is not None)
        self.smooth = len(self.edges) == len(specs)
        self.visits: dict[Hashable, Callable[..., None] | None] = {}


def _told_apart(param: tuple[str, Any]) -> tuple[str, type, Any]:
    """A parameter as part of a key: 1, 1.0 and True are not the same, nor are 0.0 and −0.0."""
    name, value = param
    return name, type(value), str(value) if isinstance(value, float) else value


class EachOperand:
    """The rules of a primitive with any number of operands: one function that is told which is meant.

    Args:
        rule: ``rule(argnum, g, out, *inputs, **params)``.
    """

    def __init__(self, rule: Callable[..., Tensor | None]) -> None:
        self._rule = rule

    def __getitem__(self, argnum: int) -> Rule:
        return lambda *args, **params: self._rule(argnum, *args, **params)


primitives = Registry("primitives")
_named: WeakValueDictionary[str, Primitive] = WeakValueDictionary()


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
        flops: ``flops(out_spec, *input_specs, **params)``, how many floating-point operations it takes: a
            multiplication and the addition of its product are two. By default one for each element of an
            elementwise primitive's output, the sum of its parts for a composite, none for any other.
        symbol: a short glyph for pictures (``×``, ``exp``).
        unify: which operands must meet in one dtype; the engine inserts explicit ``cast`` nodes, so a
            kernel never promotes. All of them for an elementwise primitive, none otherwise.
        floating: integer and boolean operands become float64 first (``exp``, ``divide``).
        samples: ``samples(source) -> (inputs, params)``, inputs that suit the primitive, drawn from a
            :class:`graphdiff.testing.Source`; every generic check runs on them.
        doc: one line for ``help``.

    Attributes:
        repeatable: whether the rules, called again later, give the same: not if they run a user's function.
    """

    repeatable = True

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
        flops: FlopsRule | None = None,
        symbol: str = "",
        samples: Callable[[Any], tuple[Sequence[Any], Mapping[str, Any]]] | None = None,
        doc: str = "",
    ) -> None:
        check_kind("name", name, str, "give the primitive a name")
        self.name = self.__name__ = name
        self.spec = spec
        self.vjp = vjp
        self.arity = len(vjp) if isinstance(vjp, tuple) else None
        self.formula = tuple(formula)
        self.elementwise = elementwise
        self.linear = linear
        self.unify = unify or slice(None if elementwise else 0)
        self.uniform = self.unify == slice(None)
        self.floating = floating
        self.flops = flops
        self.symbol = symbol or name
        self.samples = samples
        self.__doc__ = doc or name
        _named.setdefault(name, self)
        # Specs are interned, so this look-up replaces the shape rule on every call but the first.
        self.known: dict[tuple[Any, ...], Application] = {}

    @staticmethod
    def named(name: str) -> Primitive:
        """The primitive of that name; of several, the one made first, so that no stranger's takes ours; else
        that of an installed plugin.

        Raises:
            GraphError: nothing in this process has made one, and no plugin is called so.
            PluginError: a plugin is, and fails to load.
        """
        found = _named.get(name)
        if found is None and name in primitives:
            found = primitives[name]
        if found is None:
            raise GraphError(
                f"no primitive is called {name!r} here", fix="import the plugin or module that defines it"
            )
        return found

    def application(self, specs: tuple[TensorSpec, ...], params: Mapping[str, Any]) -> Application:
        """What is known of the primitive at these specs and parameters.

        Raises:
            ShapeError, DTypeError: what the shape rule objects to, or parameters that cannot be hashed.
        """
        key = (*specs, *map(_told_apart, params.items())) if params else specs
        try:
            found = self.known.get(key)
        except TypeError:
            raise ShapeError(
                f"the parameters {dict(params)} cannot be hashed", fix="pass tuples instead of lists"
            ) from None
        if found is None:
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            found = self.known[key] = Application(self, specs, params)
        return found

    def rule(self, argnum: int) -> Rule | None:
        """The vjp rule for one operand, or ``None`` where there is no derivative."""
        return None if self.vjp is None else self.vjp[argnum]

    def __call__(self, *inputs: Any, **params: Any) -> Tensor:
        """Apply to tensors (or what :func:`graphdiff.tensor` accepts); Python scalars take their dtype."""
        if not params:
            if len(inputs) == 1:
                return engine.unary(self, inputs[0])
            if len(inputs) == 2:
                return engine.binary(self, inputs[0], inputs[1])
        return engine.call(self, inputs, params)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by name; a copy is the primitive itself."""
        return Primitive.named, (self.name,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name}>"


class Composite(Primitive):
    """A primitive with a decomposition into others.

    Args:
        decompose: ``decompose(*inputs, **params)`` in graph operations. It gives the shape rule, the
            kernel where a backend has none, and the derivatives unless ``vjp`` is a better one. What it
            gives and what the named rules give is tested to be equal.
        The rest as for :class:`Primitive`, except ``spec``, which is not needed.

    Raises:
        ArgumentError: on the call, a decomposition that returns no tensor, or several.
    """

    def __init__(self, name: str, decompose: Callable[..., Tensor], **rest: Any) -> None:
        # Functions of the decomposition alone: held by a composite, its own methods would keep it alive.
        self.decompose = decompose = partial(_without_autocast, decompose)
        rest.setdefault("vjp", EachOperand(partial(_vjp_of, decompose)))
        super().__init__(name, spec=partial(_spec_of, decompose), **rest)


def _without_autocast(decompose: Callable[..., Tensor], *inputs: Tensor, **params: Any) -> Tensor:
    """What a composite is must not depend on where it stands."""
    token = context.product_dtype.set(None)
    try:
        found = decompose(*inputs, **params)
    finally:
        context.product_dtype.reset(token)
    if not isinstance(found, engine.tensor):
        raise ArgumentError(
            f"the decomposition returned a {type(found).__name__}, not one tensor",
            fix="return one tensor: a primitive has one output; a plain function may return several",
        )
    return found


def _spec_of(decompose: Callable[..., Tensor], *specs: TensorSpec, **params: Any) -> TensorSpec:
    return decompose(*map(engine.abstract, specs), **params).spec


def _vjp_of(
    decompose: Callable[..., Tensor], argnum: int, g: Tensor, out: Tensor, *inputs: Tensor, **params: Any
) -> Tensor | None:
    return engine.pullback(lambda *xs: decompose(*xs, **params), inputs, argnum, g)
