"""What a layer does beside its derivatives: specs, precision, memory, modes, state, copies."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from graphdiff.autodiff.walk import ancestors
from graphdiff.compile import make_graph
from graphdiff.module import Module
from graphdiff.testing.comparing import equal, identical, tolerance_of
from graphdiff.testing.kit import NotRunError
from graphdiff.testing.module import Array, ModuleCase, Run, recorded
from graphdiff.testing.primitive import LAYOUTS


def check_spec(case: ModuleCase) -> None:
    """Every operation gives the shape and dtype that its rule says, and tracing gives the same."""
    run = case.run()
    for t in ancestors(*run.outputs):
        real = t.backend.spec(t.data)
        if real is not t.spec:
            raise AssertionError(f"{t.label} is said to be {t.spec!r}, it is {real!r}")
    module = case.fresh()
    graph = make_graph(module, *case.inputs)
    traced = [graph[i].spec for i in graph.outputs[: len(run.outputs)]]
    found = [t.spec for t in run.outputs]
    if traced != found:
        raise AssertionError(f"traced as {traced}, computed as {found}")


def check_dtype(case: ModuleCase) -> None:
    """float32 parameters and inputs give float32 outputs, gradients and state, near those in float64."""
    wide, single = case.run(), case.run(case.fresh("float32"), case.inputs_in("float32"))
    loose = tolerance_of("float32")
    for k, (t, expected) in enumerate(zip(single.outputs, wide.outputs, strict=True)):
        wanted = "float32" if expected.dtype.is_floating else str(expected.dtype)
        scale = max(1.0, float(np.abs(np.asarray(expected)).max(initial=0)))
        equal(f"output {k} in float32", t, np.asarray(expected).astype(wanted), loose * scale)
    for name, g in single.gradients.items():
        slope = wide.gradients[name].astype(np.float32)
        scale = max(1.0, float(np.abs(slope).max(initial=0)))
        equal(f"the gradient by {name} in float32", g, slope, loose * scale)
    before = case.fresh("float32").state_dict()
    for name, value in single.module.state_dict().items():
        if value.dtype != before[name].dtype:
            raise AssertionError(f"{name} was {before[name].dtype}, a call made it {value.dtype}")


def check_unmutated(case: ModuleCase) -> None:
    """Neither a call nor a backward pass changes an input or a parameter."""
    module = case.fresh()
    inputs = [recorded(x) for x in case.inputs]
    run = case.run(module, inputs)
    held = {**{f"input {k}": x for k, x in enumerate(inputs)}, **dict(module.named_parameters())}
    before = {f"input {k}": x for k, x in enumerate(case.inputs)}
    before |= {name: p.numpy() for name, p in case.fresh().named_parameters()}
    run.gradients  # noqa: B018
    for name, t in held.items():
        if not np.array_equal(np.asarray(t), before[name], equal_nan=True):
            raise AssertionError(f"{name} was changed from\n{before[name]}\nto\n{np.asarray(t)}")


def check_aliasing(case: ModuleCase) -> None:
    """Results and gradients have memory of their own: a later pass leaves them, and none overlaps another."""
    module = case.fresh()
    first = case.run(module)
    kept = {f"output {k}": t.numpy() for k, t in enumerate(first.outputs)} | _gradients(first)
    copies = {name: np.array(value) for name, value in kept.items()}
    _gradients(case.run(module, [x * 2 if x.dtype.kind == "f" else x for x in case.inputs]))
    for name, value in kept.items():
        if not np.array_equal(value, copies[name], equal_nan=True):
            raise AssertionError(f"{name} of an earlier pass was changed by a later one")
    for one, other in combinations([name for name in kept if name.endswith(".grad")], 2):
        if np.shares_memory(kept[one], kept[other]):
            raise AssertionError(f"{one} and {other} are the same memory")


def _gradients(run: Run) -> dict[str, Array]:
    """The gradients as users get them: in the record, and as arrays of their own."""
    back = run.backward()
    if back is None:
        return {}
    recorded = {f"the gradient by {name}": back[t].numpy() for name, t in run.leaves.items()}
    return recorded | {f"{name}.grad": t.backend.to_numpy(t.grad) for name, t in run.leaves.items()}


def check_layout(case: ModuleCase) -> None:
    """The memory layout of the inputs does not matter."""
    expected = case.run()
    for layout, view in LAYOUTS.items():
        found = case.run(inputs=[view(x) for x in case.inputs])
        _alike(f"for {layout} inputs", found, expected)


def _alike(what: str, found: Run, expected: Run) -> None:
    tolerance = tolerance_of("float64")
    for k, (one, other) in enumerate(zip(found.outputs, expected.outputs, strict=True)):
        equal(f"output {k} {what}", one, other, tolerance)
    for name, g in found.gradients.items():
        scale = max(1.0, float(np.abs(g).max(initial=0)))
        equal(f"the gradient by {name} {what}", g, expected.gradients[name], tolerance * scale)


def check_deterministic(case: ModuleCase) -> None:
    """Two copies with the same state give the same, random numbers included: these come from keys."""
    for training in (True, False):
        one, other = (case.run(case.fresh(training=training)) for _ in range(2))
        for k, (x, y) in enumerate(zip(one.outputs, other.outputs, strict=True)):
            identical(f"output {k} of a copy with the same state", x, y)


def check_modes(case: ModuleCase) -> None:
    """In evaluation a second call gives what the first gave and no state changes; training comes back."""
    module = case.fresh(training=False)
    before = module.state_dict()
    first, second = (case.run(module).outputs for _ in range(2))
    for k, (x, y) in enumerate(zip(first, second, strict=True)):
        identical(f"in evaluation, output {k} of a second call", y, x)
    for name, value in module.state_dict().items():
        identical(f"in evaluation, after a call, {name}", value, before[name])
    again = case.run(case.fresh().eval().train())
    for k, (x, y) in enumerate(zip(again.outputs, case.run().outputs, strict=True)):
        identical(f"output {k} after eval() and train()", x, y)


def check_state(case: ModuleCase) -> None:
    """A state dict holds all state: a copy that loads it goes on as the original does."""
    trained = case.fresh()
    for p in trained.parameters():
        p.assign(p.numpy() * 1.25 + 0.125)
    for k in range(2):
        case.run(trained, [x + k / 8 if x.dtype.kind == "f" else x for x in case.inputs])
    resumed = case.fresh()
    resumed.load_state_dict(trained.state_dict())
    for training in (False, True):
        runs = [case.run(m.train(training)) for m in (trained, resumed)]
        for k, (x, y) in enumerate(zip(runs[0].outputs, runs[1].outputs, strict=True)):
            mode = "training" if training else "evaluation"
            identical(f"in {mode}, output {k} of a copy that loaded the state", y, x)


def check_copies(case: ModuleCase) -> None:
    """deepcopy and, where its class can be imported, pickle give a module that computes the same."""
    expected = case.run()
    for how, made in _copies(case.fresh()):
        for k, (x, y) in enumerate(zip(case.run(made).outputs, expected.outputs, strict=True)):
            identical(f"output {k} of what {how} gave", x, y)


def _copies(module: Module) -> Iterator[tuple[str, Module]]:
    yield "deepcopy", copy.deepcopy(module)
    if all(_importable(type(part)) for _, part in module.named_modules()):
        yield "pickle", pickle.loads(pickle.dumps(module))


def _importable(kind: type) -> bool:
    return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind


def check_drawing(case: ModuleCase) -> None:
    """It is drawn in every style, and the same text each time."""
    from graphdiff.draw import draw

    run = case.run()
    back = run.backward()
    for style in ("circuit", "tensor", "overview"):
        texts = {draw(run.loss, gradients=back, style=style).dot for _ in range(2)}
        if len(texts) != 1:
            raise AssertionError(f"in style {style!r} two pictures of one graph differ")


def refusals(declared: dict[str, Callable[[], Any]]) -> Callable[[ModuleCase], None]:
    """The check that each declared misuse raises a GraphdiffError with a fix."""

    def check(case: ModuleCase) -> None:
        from graphdiff.errors import GraphdiffError

        if not declared:
            raise NotRunError("no refusals are declared: refusals={'a wrong size': lambda: MyLayer(-1)}")
        for what, attempt in declared.items():
            try:
                attempt()
            except GraphdiffError as refused:
                if not refused.fix:
                    raise AssertionError(f"{what}: the error offers no fix: {refused}") from refused
            else:
                raise AssertionError(f"{what} is not refused")

    return check


CHECKS: dict[str, Callable[[ModuleCase], None]] = {
    "spec": check_spec,
    "dtype": check_dtype,
    "unmutated": check_unmutated,
    "aliasing": check_aliasing,
    "layout": check_layout,
    "deterministic": check_deterministic,
    "modes": check_modes,
    "state": check_state,
    "copies": check_copies,
    "drawing": check_drawing,
}
