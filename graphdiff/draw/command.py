"""``graphdiff draw``: a model by name, or what a script made, to a picture in a file."""

from __future__ import annotations

import difflib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from graphdiff.autodiff import Backward
from graphdiff.compile import Compiled, make_graph
from graphdiff.draw import Picture, draw, renderers
from graphdiff.errors import ArgumentError, DataError, GraphdiffError
from graphdiff.graph import Graph, TensorSpec
from graphdiff.leaf import as_tensor, variable
from graphdiff.module import Module
from graphdiff.ops import mean
from graphdiff.plugins import Registry
from graphdiff.plugins.choices import made
from graphdiff.pytree import flatten
from graphdiff.tensor import Tensor

T = TypeVar("T")

_DRAWABLE = (Tensor, Backward, Graph, Module, Compiled, Picture)
_INPUT = re.compile(r"(\d+(?:[x,]\d+)*)(?::(\w+))?")


def command(
    *,
    target: str | None,
    model: str | None,
    model_options: Sequence[str],
    inputs: Sequence[str],
    backward: bool,
    style: str,
    boxes: int | None,
    unfold: Sequence[str],
    out: Path | None,
    show: Callable[[Path], object] | None,
    say: Callable[[str], None],
) -> None:
    """Draw a script's object or a model, write the picture and say where.

    Raises:
        GraphdiffError: what does not exist, cannot be drawn or does not fit.
    """
    if (target is None) == (model is None):
        raise ArgumentError(
            "nothing to draw" if model is None else "a script and a model",
            fix="graphdiff draw SCRIPT.py:NAME, or graphdiff draw --model resnet50 --input 1x3x224x224",
        )
    specs = [_spec(text) for text in inputs]
    if out is not None:
        renderers.check(out)
    if model is not None:
        name, found = model, made("models", model, given=model_options)
    else:
        assert target is not None
        name, found = _from_script(target)
    picture = _picture(found, name, specs, backward, style=style, boxes=boxes, unfold=unfold)
    path = picture.save(out or Path(f"{name}.svg"))
    say(f"{name} is drawn in {path}")
    if show is not None:
        show(path)


def _picture(found: Any, name: str, specs: Sequence[TensorSpec], backward: bool, **options: Any) -> Picture:
    if isinstance(found, Picture):
        return found
    if isinstance(found, Tensor) and backward:
        found = found.backward()
    elif isinstance(found, Compiled) and found.traces and not specs:
        found = found.graph
    elif callable(found) and not isinstance(found, Tensor):
        found = _backward_of(found, specs) if backward else _traced(found, name, specs)
    return draw(found, title=name, **options)


def _traced(fn: Callable[..., Any], name: str, specs: Sequence[TensorSpec]) -> Graph:
    """The graph of a call, made from shapes alone."""
    if not specs:
        raise ArgumentError(f"{name} needs an input to be drawn", fix="give its shape: --input 1x3x224x224")
    if not isinstance(fn, Module):
        return _called(lambda: make_graph(fn, *specs))
    training = fn.training
    fn.eval()
    try:
        return _called(lambda: make_graph(fn, *specs))
    finally:
        fn.train(training)


def _backward_of(fn: Callable[..., Any], specs: Sequence[TensorSpec]) -> Backward:
    """A backward pass at random inputs: through the classification loss of a matrix of scores, or through
    the mean of the squares of anything else."""
    if not specs:
        raise ArgumentError("a backward pass needs an input", fix="give its shape: --input 1x3x224x224")
    draws = np.random.default_rng(0)
    made = as_tensor if isinstance(fn, Module) else _variable
    xs = [made(draws.standard_normal(spec.shape).astype(spec.dtype.host)) for spec in specs]
    outputs, _ = flatten(_called(lambda: fn(*xs)))
    if not outputs or not isinstance(outputs[0], Tensor):
        raise ArgumentError("the function returns no tensor", fix="return one")
    scores = outputs[0]
    if scores.ndim == 0:
        loss = scores
    elif scores.ndim == 2 and scores.shape[1] > 1:
        labels = np.arange(scores.shape[0]) % scores.shape[1]
        loss = Registry("losses").softmax_cross_entropy(scores, labels)
    else:
        loss = mean(scores * scores)
    return loss.backward()


def _variable(array: np.ndarray[Any, Any]) -> Tensor:
    return variable(array) if array.dtype.kind == "f" else as_tensor(array)


def _called(call: Callable[[], T]) -> T:
    """The result of the user's function; a mistake in how it is called is said in a sentence."""
    try:
        return call()
    except (TypeError, AttributeError) as problem:
        if isinstance(problem, GraphdiffError):
            raise
        raise ArgumentError(
            f"it cannot be called so: {problem}", fix="give one --input per tensor"
        ) from problem


def _spec(text: str) -> TensorSpec:
    """``1x3x224x224`` or ``1x20:int64``."""
    match = _INPUT.fullmatch(text.strip())
    if match is None:
        raise ArgumentError(
            f"--input {text!r} is no shape", fix="write sizes with x between: 1x3x224x224, or 1x20:int64"
        )
    return TensorSpec([int(size) for size in re.split("[x,]", match[1])], match[2] or "float32")


# Scripts


def _from_script(target: str) -> tuple[str, Any]:
    """The object that a script gives a name to."""
    file, colon, name = target.rpartition(":")
    if not colon or not name.isidentifier():  # no name, or the colon of a drive
        file, name = target, ""
    path = Path(file)
    if not path.is_file():
        raise DataError(f"{path} is no file", fix="graphdiff draw SCRIPT.py:NAME, with the path from here")
    script = _run(path)
    if name and hasattr(script, name):
        found = getattr(script, name)
        if isinstance(found, _DRAWABLE) or callable(found):
            return name, found
    raise ArgumentError(_not_there(path, script, name), fix=f"graphdiff draw {path}:NAME")


def _not_there(path: Path, script: ModuleType, name: str) -> str:
    candidates = [n for n, value in vars(script).items() if isinstance(value, _DRAWABLE) and n[0] != "_"]
    near = difflib.get_close_matches(name, candidates)
    if not name:
        said = "which object of the script?"
    elif hasattr(script, name):
        said = f"{name} is of type {type(getattr(script, name)).__name__}, which cannot be drawn."
    else:
        said = f"{path.name} has no {name!r}."
    if near:
        said += f" Did you mean {' or '.join(map(repr, near))}?"
    can = ", ".join(f"{n} ({type(getattr(script, n)).__name__})" for n in candidates)
    return f"{said} It can draw: {can or 'nothing that this script makes'}"


def _run(path: Path) -> ModuleType:
    """Run a script as a module, which leaves what stands under ``if __name__ == "__main__"`` alone."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise DataError(f"{path} is no Python script", fix="its name ends in .py")
    script = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, script)  # for what pickles, or asks for its own module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(script)
    except GraphdiffError:
        raise
    except (Exception, SystemExit) as problem:
        raise ArgumentError(
            f"{path} failed{_line(problem, path)}: {_told(problem)}", fix="mend it"
        ) from problem
    finally:
        sys.path.remove(str(path.resolve().parent))
    return script


def _line(problem: BaseException, path: Path) -> str:
    if isinstance(problem, SyntaxError):
        return f" in line {problem.lineno}"
    inside = [
        f for f in traceback.extract_tb(problem.__traceback__) if Path(f.filename).resolve() == path.resolve()
    ]
    return f" in line {inside[-1].lineno}" if inside else ""


def _told(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}".removesuffix(": ")
