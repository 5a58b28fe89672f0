"""Any argument of anything public, replaced by anything: the error, if there is one, is graphdiff's own."""

import inspect
import re
import signal
import traceback
import warnings
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wrong_uses.hostile import HOSTILE, OwnError
from wrong_uses.right_uses import LARGE, RIGHT

import graphdiff as gd
from graphdiff import GraphdiffError, init, matching, random, testing, train

_SECONDS = 20
# More of these only takes longer.
_LONG = frozenset({"epochs", "repeats", "restarts", "steps", "order", "bins"})
_TOO_LONG = frozenset({"10**400", repr(2**70), "99999"})
_OF_PYTHON = re.compile(
    "missing|unexpected keyword|positional argument|multiple values|takes no|must be strings"
)
_ANY = frozenset({"Compiled()", "Tensor == other"})  # take any object
_ELSEWHERE = {  # answered by what is no part of graphdiff, or not wrong
    ("other + Tensor", "a masked array"): "the array's own operator comes first",
    ("Tensor == other", "a masked array"): "the array's own operator comes first",
    ("Tensor < other", "a masked array"): "the array's own operator comes first",
    ("testing.numerical_gradient", "a long list"): "two calls for each number take long",
}

# What has no wrong use of its own, by the reason.
EXCLUDED = [
    *"Backend Compiled Graph Module Node Primitive Tensor".split(),  # bases, and what functions make
    *"Backward Numbers Picture Report GraphdiffError Registry".split(),  # results; methods are in the table
    *"errors init matching random".split(),  # modules, whose functions are looked at
    *"datasets layers losses models optimizers primitives renderers schedules transforms".split(),
    # Bases, types and results that check nothing.
    *(
        f"train.{n}"
        for n in "Arrays Callback Common Epoch History Metrics Optimizer RangeTest Restarts".split()
    ),
    *(f"train.{n}" for n in "Schedule Scores Split State Transform".split()),
    *(f"train.{n}" for n in "LossScaler Trainer freeze replace_head".split()),  # under their short names
    "random.seed",
    "matching.weights",  # asks a parameter alone
    # What test kits are made of: their answer is an error of a test.
    *(f"testing.{n}" for n in "CHECKS Case Check CheckError GradientCheckError HypothesisSource Kit".split()),
    *(f"testing.{n}" for n in "NotRunError RandomSource Results Source sources".split()),
    *(f"testing.check_{n}" for n in "backend dataset layer loss model optimizer primitive".split()),
]


def public_names():
    yield from gd.__all__
    for room, of in (("train", train), ("testing", testing), ("random", random)):
        yield from (f"{room}.{name}" for name in of.__all__)
    for room, of in (("init", init), ("matching", matching)):
        mine = (n for n, o in vars(of).items() if inspect.isfunction(o) and o.__module__ == of.__name__)
        yield from (f"{room}.{name}" for name in mine if not name.startswith("_"))
    for kind in ("layers", "losses", "models", "optimizers", "schedules", "datasets", "transforms"):
        yield from (f"{kind}.{name}" for name in getattr(gd, kind))


def test_everything_public_has_a_right_use_from_which_wrong_ones_are_made():
    names = dict.fromkeys(public_names())
    assert [name for name in names if name not in {**RIGHT, **LARGE} and name not in EXCLUDED] == []
    assert [name for name in EXCLUDED if name not in names or name in RIGHT] == []


def places(use):
    """The arguments of a right use: by position, by name, and those left to their defaults."""
    call, args, named = use
    cells = [cell.cell_contents for cell in getattr(call, "__closure__", None) or ()]
    target = next(filter(callable, cells), call)
    try:
        options = list(inspect.signature(target).parameters.values())
    except ValueError:
        options = []
    free = (o for i, o in enumerate(options) if o.kind is o.KEYWORD_ONLY or i >= len(args))
    by_name = {o.name for o in free if o.kind in (o.KEYWORD_ONLY, o.POSITIONAL_OR_KEYWORD)}
    return [*range(len(args)), *sorted(by_name | set(named))]


@contextmanager
def limited(seconds):
    """What hangs fails."""

    def stop(*_):
        raise AssertionError(f"took longer than {seconds} s")

    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def _of_the_caller(error):
    """Python's own answer to arguments that a function does not have, or an error of a function of ours."""
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    return _OF_PYTHON.search(str(error)) or "wrong_uses" in innermost.filename


def called(use, place, value):
    """The call with one argument replaced: ``None``, or what graphdiff says of it."""
    call, args, named = use
    args, named = list(args), dict(named)
    (args if isinstance(place, int) else named)[place] = value
    try:
        with limited(_SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy, about numbers that are not finite
            call(*args, **named)
    except GraphdiffError as error:
        return error
    except (OwnError, MemoryError, testing.GradientCheckError):
        pass
    except TypeError as error:
        if not _of_the_caller(error):
            raise
    return None


def check(name, place, what):
    if (place in _LONG and what in _TOO_LONG) or (name, what) in _ELSEWHERE:
        return
    error = called({**RIGHT, **LARGE}[name], place, HOSTILE[what]())
    if error is not None:
        assert error.fix
        assert len(str(error)) < 3000
        assert "wrong_uses" in error.source or "problems.py" in error.source, error.source


@pytest.mark.parametrize("name", [name for name in RIGHT if places(RIGHT[name]) and name not in _ANY])
def test_each_public_function_refuses_something(name):
    refused = [called(RIGHT[name], place, object()) for place in places(RIGHT[name])]
    assert any(refused)


WRONG = [(name, place) for name in RIGHT for place in places(RIGHT[name])]


@settings(max_examples=1000)
@given(st.sampled_from(WRONG), st.sampled_from(list(HOSTILE)))
def test_a_wrong_argument_is_refused_by_graphdiff_itself(where, what):
    check(*where, what)


@pytest.mark.campaign
@pytest.mark.parametrize("name", [*RIGHT, *LARGE])
def test_every_wrong_argument_is_refused_by_graphdiff_itself(name):
    for place in places({**RIGHT, **LARGE}[name]):
        for what in HOSTILE:
            check(name, place, what)
