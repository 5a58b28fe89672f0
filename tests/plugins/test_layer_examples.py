"""What single layers promise beyond being torch's: running statistics, modes, composites, errors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from plugins.agreement import agrees, copied

import graphdiff as gd
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.testing import check_gradients
from graphdiff.testing.strategies import sources


@given(sources())
def test_batch_norm_is_torchs_in_training_and_in_evaluation(source):
    layer, theirs = gd.layers.BatchNorm2d(3, dtype="float64"), torch.nn.BatchNorm2d(3, dtype=torch.float64)
    layer.weight.assign([0.5, 2.0, -1.0])
    layer.bias.assign([0.1, -0.2, 0.3])
    copied(layer, theirs)
    for k in range(2):
        agrees(layer, theirs, source.distinct((2, 3, 2, 3)) + k, tolerance=1e-8)
        for name, value in theirs.state_dict().items():
            np.testing.assert_allclose(layer.state_dict()[name], value, rtol=1e-10, err_msg=name)
    layer.eval()
    theirs.eval()
    agrees(layer, theirs, source.array((2, 3, 2, 3)), tolerance=1e-8)
    np.testing.assert_array_equal(layer.num_batches_tracked, 2)


@given(sources())
def test_batch_norms_own_rules_equal_its_decomposition(source):
    from graphdiff_layers.norm import batch_norm

    x, w, b = source.distinct((2, 2, 2, 2)), source.array((2,)), source.array((2,), offset=0.7)
    g = source.array(x.shape)
    whole, pull = gd.vjp(lambda *a: batch_norm(*a, eps=1e-5), x, w, b)
    parts, pull_parts = gd.vjp(lambda *a: batch_norm.decompose(*a, eps=1e-5), x, w, b)
    np.testing.assert_allclose(whole, parts, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(pull(g), pull_parts(g), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


@given(sources())
def test_batch_norms_own_rules_equal_its_decomposition_in_evaluation(source):
    from graphdiff_layers.norm import batch_norm_eval

    x, variance = source.array((2, 2, 2, 2)), source.array((2,)) ** 2 + 0.5
    operands = x, source.array((2,)), source.array((2,)), source.array((2,)), variance
    g = source.array(x.shape)
    whole, pull = gd.vjp(lambda *a: batch_norm_eval(*a, eps=1e-5), *operands)
    parts, pull_parts = gd.vjp(lambda *a: batch_norm_eval.decompose(*a, eps=1e-5), *operands)
    np.testing.assert_array_equal(whole, parts)
    for ours, theirs in zip(pull(g), pull_parts(g), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


def test_batch_norm_has_a_second_derivative():
    x = np.random.default_rng(0).normal(size=(2, 2, 2, 2))
    layer = gd.layers.BatchNorm2d(2, dtype="float64")
    check_gradients(lambda v: gd.sum(gd.sin(layer(v))), x, order=2, eps=1e-5)


def test_residual_adds_the_way_around():
    layer = gd.layers.Residual(lambda x: x * 2)
    assert layer(gd.tensor([1.0, -1.0])).tolist() == [3, 0]
    assert gd.layers.Residual(gd.sin, gd.cos, None)(0.0) == 1


def test_modes_reach_every_module():
    net = gd.layers.Sequential(block=gd.layers.Residual(gd.layers.BatchNorm2d(2)))
    assert net.eval() is net
    assert not net.block.body.training
    assert net.train().block.body.training


def test_wrong_use_is_answered():
    with pytest.raises(ArgumentError, match="no filters"):
        gd.layers.Conv2d(3, 4, 3, groups=2)
    norm = gd.layers.Sequential(bn=gd.layers.BatchNorm2d(3))
    with pytest.raises(ShapeError, match="layer bn takes 3 channels"):
        norm(np.ones((2, 4, 2, 2)))
    with pytest.raises(ShapeError, match=r"\.eval\(\)"):
        norm(np.ones((1, 3, 1, 1)))
    assert norm.eval()(np.ones((1, 3, 1, 1))).shape == (1, 3, 1, 1)
    with pytest.raises(ShapeError, match="do not broadcast"):
        gd.layers.Residual(lambda x: x, lambda x: x[:, :2])(np.ones((2, 3, 2, 2)))


def test_batch_norm_takes_float64_images_with_float32_parameters():
    layer, x = gd.layers.BatchNorm2d(2), gd.variable(np.random.default_rng(0).normal(size=(2, 2, 2, 2)))
    gd.sum(gd.square(layer(x)) * x).backward()
    assert layer.weight.grad.dtype == "float32"
    assert x.grad.dtype == "float64"
