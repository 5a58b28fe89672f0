"""The update alone: in the scopes of the parameters that it changes, which optimizers do not record, and with
names for the gradients that it takes and for the new values that it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from graphdiff.graph import Node


def named_update(nodes: Sequence[Node], outputs: Sequence[int]) -> list[Node]:
    """The nodes of an update, with the scopes and names: ``∇ fc1.weight`` and ``new fc1.weight``."""
    scope = _scopes(nodes)
    names = _gradients(nodes, scope) | _results(nodes, outputs)
    return [
        replace(node, name=node.name or names.get(node.id, ""), scope=scope[node.id])
        if node.primitive is not None
        else replace(node, name=names.get(node.id, node.name))
        for node in nodes
    ]


def _scopes(nodes: Sequence[Node]) -> dict[int, str]:
    """The parameter that each node belongs to: by the names of what it uses (an optimizer keeps its own under
    ``parameter/name``), else by its users, where these belong to one."""
    scope: dict[int, str] = {}
    users: dict[int, set[str]] = {node.id: set() for node in nodes}
    for node in nodes:
        path = node.name.partition("/")[0] if node.role != "backward" else ""
        found = [path] if path else [scope[i] for i in node.inputs if scope[i]]
        scope[node.id] = found[0] if found else ""
    for node in reversed(nodes):
        if not scope[node.id] and len(users[node.id]) == 1:
            (scope[node.id],) = users[node.id]
        for i in node.inputs:
            users[i].add(scope[node.id])
    return scope


def _gradients(nodes: Sequence[Node], scope: Mapping[int, str]) -> dict[int, str]:
    """What the leaves that the backward pass gave are called: after the parameter that they change."""
    given = (node.id for node in nodes if node.primitive is None and node.role == "backward")
    return {i: f"∇ {scope[i]}" for i in given if scope[i]}


def _results(nodes: Sequence[Node], outputs: Sequence[int]) -> dict[int, str]:
    """What new values are called: after the nearest of the values kept that looks the same."""
    by_id = {node.id: node for node in nodes}
    taken: set[int] = set()
    found: dict[int, str] = {}
    for output in sorted(outputs, key=lambda i: not _kept_directly(by_id, by_id[i])):
        cell = next((leaf for leaf in _leaves(by_id, output) if leaf.id not in taken), None)
        if cell is not None:
            taken.add(cell.id)
            found[output] = f"new {cell.name.removeprefix('/')}"
    return found


def _kept_directly(by_id: Mapping[int, Node], node: Node) -> bool:
    return any(by_id[i].primitive is None and by_id[i].role == "parameter" for i in node.inputs)


def _leaves(by_id: Mapping[int, Node], output: int) -> Iterator[Node]:
    """The named leaves of the same spec that a result is computed from, the nearest first."""
    seen = {output}
    waiting = [output]
    for i in waiting:  # grows while it is read
        node = by_id[i]
        kept = node.primitive is None and node.role in ("parameter", "constant") and bool(node.name)
        if kept and node.spec == by_id[output].spec:
            yield node
        new = [k for k in dict.fromkeys(node.inputs) if k not in seen]
        seen.update(new)
        waiting += new
