"""Graphs: structure without arrays.

A :class:`Graph` is a DAG in static single assignment form: every :class:`Node` has one output, its
inputs are ordered node ids (``x * x`` keeps both edges), and nodes stand in topological order. Forward,
backward and update nodes are of one kind, told apart by their ``role``.
"""

from __future__ import annotations

import heapq
import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args
from weakref import WeakValueDictionary

from graphdiff.arguments import shown
from graphdiff.dtypes import DType, as_dtype
from graphdiff.errors import GraphError, ShapeError

if TYPE_CHECKING:
    import networkx

    from graphdiff.primitive import Primitive

Shape = tuple[int, ...]
Role = Literal["input", "parameter", "constant", "forward", "backward", "update"]
ROLES: tuple[Role, ...] = get_args(Role)


MOST_AXES, _MOST_ELEMENTS = 64, 1 << 59  # of an array of NumPy, which counts bytes in 63 bits


def _check_sizes(shape: Any, sizes: Shape) -> None:
    if any(n < 0 for n in sizes):
        raise ShapeError(f"{shown(shape)} is not a shape", fix="give sizes that are integers of at least 0")
    if len(sizes) > MOST_AXES:
        raise ShapeError(f"{len(sizes)} axes are too many", fix=f"use {MOST_AXES} at most")
    if math.prod(n or 1 for n in sizes) > _MOST_ELEMENTS:
        raise ShapeError(f"no array is as large as {shown(shape)}", fix="give smaller sizes")


class TensorSpec:
    """The shape and dtype of a tensor. Equal specs are one object, so they compare by identity; one that
    nothing refers to is forgotten.

    Raises:
        ShapeError: a size is negative or no integer, or all of them are more than an array can have.
        DTypeError: an unsupported dtype.
    """

    __slots__ = ("__weakref__", "dtype", "shape")
    shape: Shape
    dtype: DType
    _known: ClassVar[WeakValueDictionary[tuple[Shape, DType], TensorSpec]] = WeakValueDictionary()
    _making: ClassVar[RLock] = RLock()

    def __new__(cls, shape: Sequence[int], dtype: Any) -> TensorSpec:
        try:
            sizes = tuple(map(operator.index, shape))
        except TypeError:
            sizes = (-1,)
        key = (sizes, dtype if type(dtype) is DType else as_dtype(dtype))
        known = cls._known.get(key)
        if known is None:
            _check_sizes(shape, sizes)
            spec = super().__new__(cls)
            object.__setattr__(spec, "shape", tuple(map(int, sizes)))  # True counts as 1
            object.__setattr__(spec, "dtype", key[1])
            with cls._making:  # of two threads that make the same one, both take the first
                known = cls._known.setdefault((spec.shape, spec.dtype), spec)
        return known

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a TensorSpec never changes")

    def __reduce__(self) -> tuple[type[TensorSpec], tuple[Shape, str]]:
        return TensorSpec, (self.shape, str(self.dtype))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        product = 1
        for n in self.shape:
            product *= n
        return product

    def __repr__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value of a graph and how it comes about.

    Attributes:
        id: unique within the graph.
        primitive: what computes it; ``None`` for a leaf (input, parameter, constant).
        inputs: ids of its operands, in order, repeated where an operand is used twice.
        params: the primitive's static parameters.
        spec: shape and dtype of the output.
        name: the user's name for it, or "".
        scope: dotted path of the module that made it (``features.conv1``), or "".
        role: one of input, parameter, constant, forward, backward, update.
        origin: id of the forward node that a backward node came from.
        source: the user's ``file:line``, or "".
        again: the number of the recomputation it is part of, 0 for none: it must not be merged with its like
            elsewhere.
    """

    id: int
    primitive: Primitive | None
    inputs: tuple[int, ...]
    params: Mapping[str, Any]
    spec: TensorSpec
    name: str = ""
    scope: str = ""
    role: Role = "forward"
    origin: int | None = None
    source: str = ""
    again: int = 0

    @property
    def label(self) -> str:
        """The name if there is one, else what it is and its number."""
        return self.name or f"{self.primitive.name if self.primitive else self.role}#{self.id}"

    def __repr__(self) -> str:
        args = ", ".join(f"%{i}" for i in self.inputs)
        what = f"{self.primitive.name}({args})" if self.primitive else self.role
        return f"%{self.id} {self.name + ' ' if self.name else ''}= {what} : {self.spec!r}"


@dataclass(eq=False)
class Graph:
    """Nodes in topological order, and which of them are its outputs.

    Nodes may be given in any order; they are sorted without recursion, ties by id.

    Attributes:
        nodes: all nodes, operands before users.
        outputs: ids of the results.
        constants: id -> tensor for the leaves whose value is known (the graph itself holds no array).
        state: how many of the outputs, the last ones, are new values of what the function changes, such as
            parameters and running statistics, and no results of its own.

    Raises:
        GraphError: an id used twice, an unknown operand or output, a cycle, a leaf with operands, or a
            node whose spec is not what its primitive's shape rule gives.
    """

    nodes: Sequence[Node]
    outputs: tuple[int, ...]
    constants: Mapping[int, Any] = field(default_factory=lambda: MappingProxyType({}))
    state: int = 0

    def __post_init__(self) -> None:
        self.outputs = tuple(self.outputs)
        self._by_id = {node.id: node for node in self.nodes}
        self._check_ids()
        self.nodes = tuple(_topological(self._by_id))
        self._check_nodes()
        users: dict[int, list[tuple[int, int]]] = {node.id: [] for node in self.nodes}
        for node in self.nodes:
            for argnum, i in enumerate(node.inputs):
                users[i].append((node.id, argnum))
        self._users = {i: tuple(edges) for i, edges in users.items()}

    def _check_ids(self) -> None:
        if len(self._by_id) != len(self.nodes):
            raise GraphError("two nodes share an id", fix="give every node an id of its own")
        for node in self.nodes:
            for i in node.inputs:
                if i not in self._by_id:
                    raise GraphError(
                        f"node {node.label} uses %{i}, which is not in the graph", fix="give all nodes"
                    )
        if not isinstance(self.state, int) or not 0 <= self.state <= len(self.outputs):
            raise GraphError(
                f"state={self.state!r} of {len(self.outputs)} outputs are new values of state",
                fix="give how many of the outputs, the last ones, are no results",
            )
        for i in self.outputs:
            if i not in self._by_id:
                raise GraphError(f"output %{i} is not in the graph", fix="give the ids of nodes")

    def _check_nodes(self) -> None:
        for node in self.nodes:
            if node.role not in ROLES:
                raise GraphError(f"node {node.label} has role {node.role!r}", fix=f"use {ROLES}")
            if node.primitive is None:
                if node.inputs:
                    raise GraphError(f"node {node.label} has operands but no primitive", fix="give it one")
                continue
            specs = tuple(self._by_id[i].spec for i in node.inputs)
            given = node.primitive.application(specs, node.params).spec
            if given is not node.spec:
                raise GraphError(
                    f"node {node.label} says {node.spec!r}, the shape rule of "
                    f"{node.primitive.name} gives {given!r}",
                    fix="give the node the spec that its primitive gives",
                )

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, key: int | str) -> Node:
        """The node with this id, or with this name where one node alone has it."""
        if isinstance(key, int):
            if key not in self._by_id:
                raise GraphError(
                    f"no node %{key} in this graph of {len(self)} nodes", fix="ids are those of graph.nodes"
                )
            return self._by_id[key]
        named = [node for node in self.nodes if isinstance(key, str) and node.name == key]
        if len(named) != 1:
            names = sorted({node.name for node in self.nodes if node.name})
            raise GraphError(
                f"{len(named)} nodes are named {shown(key)}", fix=f"names here: {', '.join(names)}"
            )
        return named[0]

    def users(self, id: int) -> tuple[tuple[int, int], ...]:
        """Who uses a node: ``(user id, argument number)`` for every edge, in order.

        Raises:
            GraphError: no such node.
        """
        return self._users[self[id].id]

    def leaves(self) -> Iterator[Node]:
        return (node for node in self.nodes if node.primitive is None)

    def to_networkx(self) -> networkx.MultiDiGraph:
        """The graph as a ``networkx.MultiDiGraph``: edges keyed by argument number, all node data kept."""
        import networkx

        result = networkx.MultiDiGraph(outputs=self.outputs)
        for node in self.nodes:
            data = {name: getattr(node, name) for name in Node.__slots__ if name != "id"}
            result.add_node(node.id, **data)
        for node in self.nodes:
            for argnum, i in enumerate(node.inputs):
                result.add_edge(i, node.id, key=argnum)
        return result

    def to_json(self) -> str:
        """The graph as JSON text: :mod:`graphdiff.interop.graph_json` says what it holds."""
        import json

        from graphdiff.interop.graph_json import to_json

        return json.dumps(to_json(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Graph:
        """The graph that ``to_json`` wrote, or a picture saved as ``.json``: structure, and small constants.

        Raises:
            GraphError: text that holds no graph, or one of primitives that nothing here defines.
        """
        from graphdiff.interop.graph_json import from_json

        return from_json(text)

    def __str__(self) -> str:
        return "\n".join([*map(repr, self.nodes), f"return {', '.join(f'%{i}' for i in self.outputs)}"])

    def __repr__(self) -> str:
        ops = sum(node.primitive is not None for node in self.nodes)
        return f"<Graph of {len(self)} nodes, {ops} operations, {len(self.outputs)} outputs>"


def _topological(nodes: Mapping[int, Node]) -> Iterable[Node]:
    """Kahn's algorithm with the smallest ready id first, so that the order is the same every time."""
    waiting = {i: len(set(node.inputs)) for i, node in nodes.items()}
    users: dict[int, list[int]] = {i: [] for i in nodes}
    for i, node in nodes.items():
        for operand in set(node.inputs):
            users[operand].append(i)
    ready = [i for i, n in waiting.items() if n == 0]
    heapq.heapify(ready)
    order: list[Node] = []
    while ready:
        i = heapq.heappop(ready)
        order.append(nodes[i])
        for user in users[i]:
            waiting[user] -= 1
            if waiting[user] == 0:
                heapq.heappush(ready, user)
    if len(order) < len(nodes):
        stuck = sorted(nodes[i].label for i, n in waiting.items() if n > 0)
        raise GraphError(
            f"the graph has a cycle through {', '.join(stuck[:8])}", fix="let no node use itself"
        )
    return order
