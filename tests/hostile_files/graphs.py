"""Hostile graphs in JSON, and entry points that are none (a plugin is code: one that is, is trusted)."""

import json
import sys

from hostile_files.confined import Hostile
from hostile_files.writing import written

import graphdiff as gd
from graphdiff.plugins import discovery


def _read(path):
    return gd.Graph.from_json(path.read_bytes())


def valid():
    """The JSON of a small graph, as lists and dicts."""
    x = gd.variable([[1.0, 2.0], [3.0, 4.0]], name="x")
    return json.loads(gd.make_graph(lambda x: gd.sum(gd.concatenate([x * 2, x[:, ::-1]], 1), 0), x).to_json())


def _changed(number=-1, **changes):
    """The graph with entries of a node, or of the whole, that are something else."""

    def write(folder, canary):
        found = valid()
        for name, value in changes.items():
            (found if name in found else found["nodes"][number])[name] = value
        return written(folder / "graph.json", json.dumps(found).encode())

    return Hostile(write, _read)


def _text(content):
    return Hostile(lambda folder, canary: written(folder / "graph.json", content), _read)


def _nested(depth):
    made = found = []
    for _ in range(depth):
        found.append([])
        found = found[0]
    return made


JSON = {
    "a graph of nested lists": _text(b"[" * 1_000_000),
    "a graph of nested objects": _text(b'{"format":' * 1_000_000),
    "a graph of an endless number": _text(b"9" * 1_000_000),
    "a graph that is no text": _text(b"\xff\xfe\x00\x01"),
    "a graph of nothing": _text(b""),
    "a graph without parts": _text(b'{"format": "graphdiff", "version": 1}'),
    "a graph whose parts are text": _changed(nodes="abc", edges="abc", outputs="abc"),
    "a graph of nodes that are text": _changed(nodes=["abc"]),
    "a graph of edges from nowhere": _changed(edges=[{"tail": 99, "head": 1, "argnum": 0}]),
    "a graph of the millionth operand": _changed(edges=[{"tail": 0, "head": 1, "argnum": 10**9}]),
    "a graph of operands below zero": _changed(edges=[{"tail": 0, "head": 1, "argnum": -1}]),
    "a graph that outputs a name": _changed(outputs=["x"]),
    "a graph that runs a function": _changed(primitive="os.system", params={"command": "touch canary"}),
    "a graph that runs a method": _changed(primitive="__class__"),
    "a graph whose operation is a list": _changed(primitive=["sum"]),
    "a graph with a parameter that is a function": _changed(params={"axes": {"object": "function"}}),
    "a graph with parameters of another operation": _changed(params={"key": "a", "stride": 0}),
    "a graph with parameters that are text": _changed(params="abc"),
    "a graph with parameters nested deep": _changed(params={"axes": _nested(300)}),
    "a graph with axes that are huge": _changed(params={"axes": [10**30], "keepdims": False}),
    "a graph with axes that are text": _changed(params={"axes": ["a"], "keepdims": False}),
    "a graph with a slice of nothing": _changed(params={"axes": {"slice": []}, "keepdims": False}),
    "a graph of huge sizes": _changed(shape=[10**30]),
    "a graph of sizes below zero": _changed(0, shape=[-1, 2]),
    "a graph of sizes that are text": _changed(0, shape=["2", "2"]),
    "a graph of objects": _changed(0, dtype="object"),
    "a graph of records": _changed(0, dtype="V999999999"),
    "a graph of names that are numbers": _changed(name=5),
    "a graph of scopes that are lists": _changed(scope=["a"]),
    "a graph of sources that are numbers": _changed(source=3.5),
    "a graph of no known role": _changed(role="root"),
    "a graph that came from a name": _changed(origin="x"),
    "a graph with a huge constant": _changed(0, constant=[1.0], shape=[10**12]),
    "a graph with a constant nested deep": _changed(0, constant=_nested(300)),
    "a graph with a constant of text": _changed(0, constant=["__import__('os')"] * 4),
    "a graph with a constant of objects": _changed(0, constant=[{"object": "x"}] * 4),
}


def _distribution(name, entry):
    """A distribution that says its layer is this."""

    def write(folder, canary):
        info = folder / f"{name}-1.0.dist-info"
        written(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode())
        written(info / "entry_points.txt", f"[graphdiff.layers]\n{name} = {entry}\n".encode())
        return folder

    def use(folder):
        sys.path.insert(0, str(folder))
        discovery.forget()
        try:
            return gd.layers[name]
        finally:
            sys.path.remove(str(folder))
            discovery.forget()

    return Hostile(write, use)


ENTRIES = (
    "os:mkdir('canary')",
    "__import__('os').mkdir('canary')",
    "os; import sys:x",
    "../evil:x",
    "",
)
ENTRY_POINTS = {
    f"an entry point {entry!r}": _distribution(f"Evil{number}", entry) for number, entry in enumerate(ENTRIES)
}
