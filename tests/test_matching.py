"""Parameters chosen by name."""

import pytest

import graphdiff as gd
from graphdiff.errors import ArgumentError


def net():
    return gd.layers.Sequential(conv=gd.layers.Conv2d(1, 2, 3), norm=gd.layers.BatchNorm2d(2))


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("*", ["conv.weight", "conv.bias", "norm.weight", "norm.bias"]),
        ("*.weight", ["conv.weight", "norm.weight"]),
        ("conv.*", ["conv.weight", "conv.bias"]),
        (("norm.bias", "conv.w*"), ["conv.weight", "norm.bias"]),
        (gd.matching.weights, ["conv.weight"]),
        ((gd.matching.weights, "*.bias"), ["conv.weight", "conv.bias", "norm.bias"]),
    ],
)
def test_patterns_and_predicates(match, expected):
    assert [name for name, _ in gd.matching.matched(net(), match)] == expected


def test_a_layers_own_weight_is_any_weight():
    assert [name for name, _ in gd.matching.matched(gd.layers.Linear(2, 1), "*.weight")] == ["weight"]


def test_no_match_is_a_mistake():
    with pytest.raises(ArgumentError, match=r"'head'(.|\n)*there are conv\.weight"):
        list(gd.matching.matched(net(), "head"))
