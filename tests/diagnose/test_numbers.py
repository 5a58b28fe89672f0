"""Numbers per node and per scope, and times."""

import numpy as np
import pytest
from graphdiff_numpy import NumpyBackend

import graphdiff as gd
from graphdiff.errors import ArgumentError


def step():
    x = np.random.default_rng(0).normal(size=(4, 1, 28, 28)).astype("float32")
    return gd.models.lenet5(), x, np.arange(4)


LOSS = gd.losses.softmax_cross_entropy


def test_rows_say_what_the_nodes_are():
    net, x, labels = step()
    found = gd.statistics(net, x, labels, loss=LOSS, bins=6)
    (row,) = (r for r in found.rows if r.node.name == "features.0.weight")
    assert row is found[row.node.id]
    assert (row.parameters, row.bytes, row.spec.shape) == (150, 600, (6, 1, 5, 5))
    weight = dict(net.named_parameters())["features.0.weight"]
    assert row.value.mean == pytest.approx(weight.numpy().mean())
    assert sum(row.value.histogram) == 150
    gradient = LOSS(net(x), labels).backward()[weight].numpy()
    assert row.gradient.norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    assert row.seconds is None


def test_sums_by_scope_are_the_sums():
    net, x, labels = step()
    found = gd.statistics(net, x, labels, loss=LOSS)
    assert found.total.parameters == net.parameter_count
    for depth in (None, 1):
        scopes = found.by_scope(depth)
        for name in ("operations", "parameters", "flops", "backward_flops"):
            assert sum(getattr(s, name) for s in scopes) == getattr(found.total, name)
    parts = {s.scope: s.parameters for s in found.by_scope(1)}
    assert parts == {"features": 2572, "classifier": 59134, "": 0}
    text = found.table(1)
    assert "features" in text
    assert "ms" not in text


def test_times_are_those_of_the_nodes():
    net, x, labels = step()
    found = gd.profile(net, x, labels, loss=LOSS, repeats=1)
    assert all((r.seconds > 0) == (r.node.primitive is not None) for r in found.rows)
    assert found.total.seconds == pytest.approx(sum(r.seconds for r in found.rows))
    assert any(r.backward_seconds > 0 for r in found.rows)
    assert "forward ms" in str(found)


def test_the_device_is_waited_for(monkeypatch):
    waits = []
    monkeypatch.setattr(NumpyBackend, "wait", lambda self: waits.append(1), raising=False)
    x = gd.variable(np.ones(3))
    gd.profile(gd.sum(x * x), repeats=3)
    assert len(waits) == 2 * 2 * 3  # before and after each of two operations, three times


def test_profiling_changes_no_state():
    net, x, labels = step()
    before = net.state_dict()
    gd.profile(net, x, labels, loss=LOSS, repeats=1)
    for path, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[path])


def test_measuring_nothing_is_refused():
    with pytest.raises(ArgumentError, match="measures nothing"):
        gd.profile(gd.variable(1.0) * 2.0, repeats=0)
