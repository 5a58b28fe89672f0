"""What is put in the place of a right argument: what users pass by mistake, and what nobody ever passes."""

import datetime
import decimal
import fractions
import functools
import pathlib

import numpy as np
import torch

import graphdiff as gd


class OwnError(Exception):
    """What an argument raises itself; it may arrive as it is."""


class BrokenArray:
    def __array__(self, *_, **__):
        raise OwnError("array")


class BrokenLength:
    def __len__(self):
        raise OwnError("len")

    def __getitem__(self, index):
        raise OwnError("getitem")


class BrokenRepr:
    def __repr__(self):
        raise OwnError("repr")


class BrokenTruth:
    def __bool__(self):
        raise OwnError("bool")

    def __eq__(self, other):
        raise OwnError("eq")

    __hash__ = None


class BrokenNumber:
    def __float__(self):
        raise OwnError("float")

    def __index__(self):
        raise OwnError("index")


def _generator():
    yield 1
    yield 2


def _on_torch():
    with gd.backend("torch"):
        return gd.tensor(np.ones((2, 3)))


def _holds_itself(kind):
    made = kind()
    made.append(made) if kind is list else made.update(a=made)
    return made


HOSTILE = {
    **{repr(value): (lambda value=value: value) for value in (
        None, True, 0, -1, -7, 7, 1.5, float("nan"), float("inf"), 1e308, 1j, 2**70, 99_999,
        "", "abc", "a\0b", "\ud800", "/proc", b"x", (), (-1, -1), (1.5,), (0,), ("a", 1), ((1, 2), (3, 4)),
        slice(0, 1), ..., range(3), fractions.Fraction(1, 3), decimal.Decimal("0.5"),
        datetime.date(2020, 1, 1), pathlib.Path("/no/such"), ValueError("x"), np.int64(-3),
        np.float64("nan"), gd.layers.Linear,
    )},
    **{repr(value): (lambda value=value: value.copy()) for value in (
        [], {}, {1, 2}, [None], ["a"], [[1, 2], [3]], [float("nan")] * 3, {"a": 1}, {1: 2},
    )},
    "10**400": lambda: 10**400,
    "a long text": lambda: "y" * 100_000,
    "a long list": lambda: list(range(100_000)),
    "a deep list": lambda: functools.reduce(lambda inner, _: [inner], range(3000), 1),
    "a list that holds itself": lambda: _holds_itself(list),
    "a dict that holds itself": lambda: _holds_itself(dict),
    "an empty array": lambda: np.array([]),
    "no rows": lambda: np.ones((0, 3)),
    "NaNs": lambda: np.full((2, 3), np.nan),
    "five axes": lambda: np.ones((1, 2, 1, 2, 1)),
    "64 axes": lambda: np.ones((1,) * 64),
    "texts": lambda: np.array(["a", "b"]),
    "objects": lambda: np.array([None, {}]),
    "complex numbers": lambda: np.array([1j]),
    "dates": lambda: np.array(["2020-01-01"], "datetime64[D]"),
    "records": lambda: np.zeros(2, [("a", "i4")]),
    "int8": lambda: np.ones((2, 3), "int8"),
    "float16": lambda: np.ones((2, 3), "float16"),
    "long doubles": lambda: np.ones((2, 3), "longdouble"),
    "a masked array": lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
    "truth values": lambda: np.array([True]),
    "a generator": _generator,
    "an object": object,
    "a function without arguments": lambda: lambda: None,
    "a tensor": lambda: gd.variable([1.0, 2.0]),
    "a tensor of integers": lambda: gd.tensor([1, 2]),
    "a tensor on torch": _on_torch,
    "a tensor of torch": lambda: torch.ones(2, 3),
    "a layer": lambda: gd.layers.Linear(2, 2),
    "a module of Python": lambda: np,
    "a broken array": BrokenArray,
    "a broken length": BrokenLength,
    "a broken repr": BrokenRepr,
    "a broken truth value": BrokenTruth,
    "a broken number": BrokenNumber,
}  # fmt: skip
