"""Executables: a program as straight-line Python over a backend's kernels.

This is what every backend gets without doing anything; one that knows better overrides
:meth:`graphdiff.Backend.lower`.
"""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphdiff.backend import Array, Backend
from graphdiff.compile.joint import JointCall, joined
from graphdiff.compile.program import VIEWS, Program
from graphdiff.errors import ArgumentError, GraphdiffError
from graphdiff.graph import Node
from graphdiff.spelling import identifier

_numbers = itertools.count(1)
Run = Callable[[Sequence[Array]], Sequence[Array]]


class Executable(Protocol):
    """A program ready to run.

    Attributes:
        run: arrays for the program's inputs -> arrays for its outputs.
        source: the generated Python, to read.
    """

    @property
    def run(self) -> Run: ...

    @property
    def source(self) -> str: ...


@dataclass(frozen=True)
class Generated:
    """An executable of generated Python."""

    run: Run
    source: str


def straight_line(program: Program, backend: Backend) -> Executable:
    """One line per node or joint call, each value dropped after its last use."""
    names: dict[str, Any] = {}
    program, calls = joined(program, backend.joints)

    def statement(node: Node) -> str | None:
        if node.id in calls:
            return joint_statement(calls[node.id], names)
        assert node.primitive is not None
        kernel = backend.kernel(node.primitive)
        if kernel is None:
            raise backend.missing(node.primitive)
        return f"v{node.id} = {call(node, kernel, names)}"

    return assemble(program, body(program, statement), names)


def body(
    program: Program, statement: Callable[[Node], str | None], kept: Container[int] = ()
) -> list[tuple[str, Node | None]]:
    """The statements of all nodes, values dropped after their last use.

    Args:
        statement: the line that computes a node; ``None`` where an earlier one has done so.
        kept: ids of values that need not be dropped.
    """
    lines: list[tuple[str, Node | None]] = []
    last = last_uses(program)
    for node in program.nodes:
        if node.primitive is None:
            continue
        line = statement(node)
        if line is not None:
            lines.append((line, node))
        dying = (i for i in dict.fromkeys(node.inputs) if last.get(i) == node.id)
        dead = [f"v{i}" for i in dying if i not in program.constants and i not in kept]
        if dead:
            lines.append((f"del {', '.join(dead)}", None))
    return lines


def memory_roots(program: Program, own: Container[str]) -> dict[int, frozenset[int]]:
    """id -> the nodes and inputs in whose memory its value may lie.

    Args:
        own: primitives known to give memory of their own. A kernel that is neither among them nor among
            the views is a stranger's, and may do both.
    """
    roots: dict[int, frozenset[int]] = {i: frozenset({i}) for i in program.inputs}
    for node in program.nodes:
        name = node.primitive.name if node.primitive else ""
        itself = frozenset({node.id})
        if not name or name in own:
            roots[node.id] = roots.get(node.id, itself)
        elif name in VIEWS:
            roots[node.id] = itself | roots[node.inputs[0]]
        else:
            roots[node.id] = itself.union(*(roots[i] for i in node.inputs))
    return roots


def hands_through(program: Program) -> bool:
    """Whether a result may lie in an argument's memory, as those of views and unknown kernels do."""
    reached = set(program.inputs)
    for node in program.nodes:
        view = node.primitive is not None and node.primitive.name in VIEWS
        if not reached.isdisjoint(node.inputs[:1] if view else node.inputs):
            reached.add(node.id)
    return not reached.isdisjoint(program.outputs)


def last_uses(program: Program) -> dict[int, int]:
    """id -> id of the node that uses it last; outputs are never used last."""
    last = {i: node.id for node in program.nodes for i in node.inputs}
    for i in program.outputs:
        last.pop(i, None)
    return last


def call(node: Node, kernel: Callable[..., Array], names: dict[str, Any]) -> str:
    """The call of a kernel, its parameters bound by name."""
    assert node.primitive is not None
    function = f"k_{identifier(node.primitive.name)}"
    if names.setdefault(function, kernel) is not kernel:
        function = f"{function}_{node.id}"
        names[function] = kernel
    args = [f"v{i}" for i in node.inputs]
    if node.params:
        names[f"p{node.id}"] = dict(node.params)
        args.append(f"**p{node.id}")
    return f"{function}({', '.join(args)})"


def joint_statement(joint: JointCall, names: dict[str, Any]) -> str | None:
    """The call of a joint kernel, for the first of its nodes; ``None`` for the others."""
    first = joint.nodes[0].id
    if f"j{first}" in names:
        return None
    names[f"j{first}"], names[f"p{first}"] = joint.joint.kernel, dict(joint.params)
    results = ", ".join(f"v{node.id}" for node in joint.nodes)
    operands = "".join(f"v{i}, " for i in joint.operands)
    return f"{results} = j{first}({operands}**p{first})"


def assemble(
    program: Program,
    lines: Sequence[tuple[str, Node | None]],
    names: Mapping[str, Any],
    enter: str = "",
) -> Executable:
    """Compile lines to a function; an error in one is put down to its node.

    Args:
        enter: a ``with`` statement around the body.
    """
    constants = {f"v{i}": t.data for i, t in program.constants.items()}
    arguments = "".join(f"v{i}, " for i in program.inputs)
    indent = "    "
    text = ["def program(arguments):"]
    if arguments:
        text.append(f"{indent}{arguments}= arguments")
    if enter:
        text.append(f"{indent}{enter}")
        indent += "    "
    at = {}
    for line, node in lines:
        if node is not None:
            at[len(text) + 1] = node
            scope = repr(node.scope)[1:-1]  # on one line, whatever characters it has
            comment = f"  # {node.spec!r}{'  ' + scope if scope else ''}"
            text.append(f"{indent}{line}{comment}")
        else:
            text.append(f"{indent}{line}")
    text.append(f"{indent}return ({''.join(f'v{i}, ' for i in program.outputs)})")
    source = "\n".join(text) + "\n"
    run = load(source, {**constants, **names})
    return Generated(_located(run, at, {n.id: n for n in program.nodes}), source)


def load(source: str, names: dict[str, Any]) -> Any:
    """The function ``program`` of a source text, its lines there for tracebacks.

    Args:
        names: what its global names mean.
    """
    file = f"<graphdiff program {next(_numbers)}>"
    names["__name__"] = __name__  # so that errors do not take it for the user's
    exec(compile(source, file, "exec"), names)
    run: Any = names["program"]
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    weakref.finalize(run, linecache.cache.pop, file, None)
    return run


def _located(program: Any, at: Mapping[int, Node], nodes: Mapping[int, Node]) -> Run:
    file = program.__code__.co_filename

    def run(arguments: Sequence[Array]) -> Sequence[Array]:
        try:
            results: Sequence[Array] = program(arguments)
            return results
        except (GraphdiffError, IndexError, ValueError, TypeError, OverflowError) as problem:
            error = problem if isinstance(problem, GraphdiffError) else ArgumentError(f"{problem}")
            node = at.get(_line_in(problem, file))
            if node is not None and node.primitive is not None:
                inputs = ", ".join(f"{nodes[i].label}: {nodes[i].spec!r}" for i in node.inputs if i in nodes)
                error.locate(node.primitive.name, inputs, node.source)
            if error is problem:
                raise
            raise error from problem

    return run


def _line_in(problem: BaseException, file: str) -> int:
    trace = problem.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            return trace.tb_lineno
        trace = trace.tb_next
    return -1
