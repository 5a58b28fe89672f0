"""Every schedule against torch's."""

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

import graphdiff as gd
from graphdiff.errors import ArgumentError, StateError

S = gd.schedules
LR = 0.1
counts = st.integers(1, 7)
factors = st.sampled_from([0.1, 0.5, 0.9])
minima = st.sampled_from([0.0, 0.01])


def theirs(make, n, lr=LR):
    """The first n rates of torch's scheduler."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's schedulers call each other in a way that they warn of
        schedule = make(optimizer)
        rates = []
        for _ in range(n):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
    return rates


def agree(ours, make, n=30, lr=LR):
    assert [ours(k) for k in range(n)] == pytest.approx(theirs(make, n, lr), rel=1e-9, abs=1e-12)


@given(counts, factors)
def test_step(every, factor):
    agree(S.Step(LR, every, factor), lambda o: lr_scheduler.StepLR(o, every, factor))


@given(st.lists(st.integers(0, 20), max_size=4).map(sorted), factors)
def test_multi_step(milestones, factor):
    agree(S.MultiStep(LR, milestones, factor), lambda o: lr_scheduler.MultiStepLR(o, milestones, factor))


@given(factors)
def test_exponential(factor):
    agree(S.Exponential(LR, factor), lambda o: lr_scheduler.ExponentialLR(o, factor))


def test_constant():
    agree(S.Constant(LR), lambda o: lr_scheduler.ConstantLR(o, 1.0))


@given(counts, minima)
def test_cosine(steps, minimum):
    ours = S.Cosine(LR, steps, minimum)
    agree(ours, lambda o: lr_scheduler.CosineAnnealingLR(o, steps, minimum), steps + 1)
    assert ours(steps + 5) == ours(steps) == minimum


@given(counts, st.integers(1, 3), minima)
def test_cosine_restarts(steps, factor, minimum):
    agree(
        S.CosineRestarts(LR, steps, factor, minimum),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, steps, factor, minimum),
    )


shares = st.sampled_from([0.3, 0.5])


@given(st.integers(8, 30), shares, st.sampled_from([25.0, 4.0]), st.sampled_from([1e4, 10.0]))
def test_one_cycle(steps, rise, start, end):
    ours = S.OneCycle(LR, steps, rise, start, end)
    agree(
        ours,
        lambda o: lr_scheduler.OneCycleLR(
            o, LR, steps, pct_start=rise, div_factor=start, final_div_factor=end, cycle_momentum=False
        ),
        steps,
    )
    assert ours(steps + 3) == ours(steps - 1)


@given(counts, st.sampled_from([0.1, 1 / 3, 1.0]), factors)
def test_warm_up_before_another(steps, start, factor):
    def make(optimizer):
        parts = [
            lr_scheduler.LinearLR(optimizer, start, 1.0, steps),
            lr_scheduler.StepLR(optimizer, 3, factor),
        ]
        return lr_scheduler.SequentialLR(optimizer, parts, [steps])

    agree(S.WarmUp(S.Step(LR, 3, factor), steps, start), make)


@given(
    st.lists(st.sampled_from([1.0, 0.99995, 0.9, 0.5, 2.0, 0.1]), min_size=1, max_size=30),
    st.integers(0, 3),
    st.integers(0, 3),
    minima,
)
def test_reduce_on_plateau(metrics, patience, cooldown, minimum):
    optimizer = torch.optim.SGD([torch.zeros(1)], LR)
    reference = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience, cooldown=cooldown, min_lr=minimum
    )

    def made():
        return S.ReduceOnPlateau(LR, 0.5, patience, cooldown=cooldown, minimum=minimum)

    ours = made()
    for n, metric in enumerate(metrics):
        if n == len(metrics) // 2:
            kept, ours = ours.state_dict(), made()
            ours.load_state_dict(kept)
        reference.step(metric)
        assert ours(n, metric) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        assert ours(n) == ours(n)


def test_a_plateau_behind_a_warm_up_keeps_its_memory():
    schedule = S.WarmUp(S.ReduceOnPlateau(1.0, patience=0), 2, 0.5)
    assert [schedule(n, 3.0) for n in range(4)] == [0.5, 0.75, 1.0, pytest.approx(0.1)]
    other = S.WarmUp(S.ReduceOnPlateau(1.0, patience=0), 2, 0.5)
    other.load_state_dict(schedule.state_dict())
    assert other(4) == schedule(4) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: S.Constant(0),
        lambda: S.Step(0.1, 0),
        lambda: S.MultiStep(0.1, [3, 2]),
        lambda: S.Exponential(0.1, 0),
        lambda: S.Cosine(0.1, 5, 0.2),
        lambda: S.CosineRestarts(0.1, 5, 0),
        lambda: S.OneCycle(0.1, 1),
        lambda: S.OneCycle(0.1, 10, 1.0),
        lambda: S.WarmUp(S.Constant(0.1), 0),
        lambda: S.ReduceOnPlateau(0.1, 1.0),
    ],
)
def test_what_is_no_schedule_is_refused(make):
    with pytest.raises(ArgumentError, match="is no schedule"):
        make()


def test_every_registered_schedule_is_tested():
    names = {info.name for info in S.list() if info.distribution == "graphdiff"}
    tested = "Constant Cosine CosineRestarts Exponential MultiStep OneCycle ReduceOnPlateau Step WarmUp"
    assert names == set(tested.split())


def test_a_schedule_without_memory_takes_none():
    S.Constant(0.1).load_state_dict(S.Constant(0.1).state_dict())
    with pytest.raises(StateError, match="remembers nothing"):
        S.Constant(0.1).load_state_dict({"best": 1.0})
