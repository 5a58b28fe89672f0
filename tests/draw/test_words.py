from __future__ import annotations

import math

import numpy as np
import pytest

from graphdiff.draw import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-2.0, "−2.00"),
        (0.0, "0.00"),
        (-0.0, "0.00"),
        (8.6e-5, "8.6e−5"),
        (-0.0049, "−4.9e−3"),
        (0.005, "0.01"),
        (99_999.0, "99999.00"),
        (99_999.996, "1.0e5"),
        (1e300, "1.0e300"),
        (5e-324, "4.9e−324"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (7, "7"),
        (-7, "−7"),
        (True, "true"),
        (np.float32(0.25), "0.25"),
        (np.int64(-3), "−3"),
        (np.bool_(False), "false"),
    ],
)
def test_a_number(value: object, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (-1.0, "−1"), (0.5, "0.5"), (1e-9, "1e−9"), (2e20, "2e20"), (3, "3"), (math.nan, "NaN")],
)
def test_an_exact_number(value: object, text: str) -> None:
    assert words.exact(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (3.5e-4, "3.5e−4"),
        (0.0099, "9.9e−3"),
        (0.01, "0.01"),
        (0.0432, "0.043"),
        (0.5, "0.5"),
        (1.06, "1.1"),
        (9.96, "10"),
        (602.6, "603"),
        (999.6, "1.0e3"),
        (13_000.0, "1.3e4"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
    ],
)
def test_a_norm(value: float, text: str) -> None:
    assert words.norm(value) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (2.0, "2.00"),
        ([1.0, 2.0], "[1.00, 2.00]"),
        ([[1, 2], [3, 4]], "[[1, 2], [3, 4]]"),
        ([3.0, 4.0, 0.0, 0.0, 0.0], "5  ‖·‖ 5"),
        (np.zeros((0, 3)), "0×3"),
        ([True] * 5, "5"),
    ],
)
def test_an_array(values: object, text: str) -> None:
    assert words.array(np.asarray(values)) == text


def test_the_length_of_several_arrays_neither_overflows_nor_vanishes() -> None:
    assert words.length_of(np.array([3e200]), np.array([4e200])) == pytest.approx(5e200)
    assert words.length_of(np.array([3e-200, 4e-200])) == pytest.approx(5e-200)
    assert words.length_of(np.float32([1e30, 1e30])) == pytest.approx(math.sqrt(2) * 1e30)
    assert words.length_of() == words.length_of(np.zeros(0)) == 0
    assert math.isnan(words.length_of(np.array([math.nan]), np.array([math.inf])))
    assert math.isinf(words.length_of(np.array([1.0, -math.inf])))


def test_counts() -> None:
    assert [words.count(n) for n in (0, 156, 2400, 61_706, 60_192_808)] == [
        "0",
        "156",
        "2.4k",
        "61.7k",
        "60.2M",
    ]
    assert words.plural(1, "box") == "1 box"
    assert words.plural(10_000, "operation") == "10,000 operations"


@pytest.mark.parametrize(
    ("name", "text"),
    [("w0", "w₀"), ("w_12", "w₁₂"), ("x", "x"), ("0.weight", "0.weight"), ("x_i", "x_i"), ("f1x", "f1x")],
)
def test_subscripts(name: str, text: str) -> None:
    assert words.subscripted(name) == text


def test_names_are_one_line_of_printable_characters() -> None:
    assert words.clean("a\n\tb\0\x1b[0m  c\ud800") == "a b [0m c"
    assert words.short("a" * 16) == "a" * 16
    assert words.short("a" * 17) == "a" * 15 + "…"
    text = "its operand is 5.868e+05 there"
    assert {words.short(text, most) for most in range(17, 25)} == {"its operand is…"}
    assert words.short(text, 26) == "its operand is 5.868e+05…"


@pytest.mark.parametrize(
    ("of", "text"),
    [("f", "∂f"), ("w0", "∂w₀"), ("∂f/∂x", "∂(∂f/∂x)"), ("a_rather_long_name_of_it", "∂a_rather_long_n…")],
)
def test_what_is_differentiated_is_one_thing(of, text):
    assert words.differentiated(of) == text
