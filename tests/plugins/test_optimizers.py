"""Every optimizer against torch's (Lion against its paper's lines in NumPy), step for step; groups, clipping,
schedules of the rate, and state, eager and compiled."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plugins.optimizer_samples import OPTIONS, TORCH, options_of

import graphdiff as gd
from graphdiff.errors import ArgumentError, MutationError, StateError
from graphdiff.testing import check_optimizer
from graphdiff.testing.strategies import sources
from graphdiff.train import LossScaler

X, Y = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 1, 0, 1, 1])


@pytest.fixture(autouse=True, scope="module")
def double():
    """NAdam of torch keeps the product of its momenta in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def models():
    ours = gd.layers.Sequential(
        fc1=gd.layers.Linear(3, 4, dtype="float64", seed=0),
        act=gd.layers.Tanh(),
        fc2=gd.layers.Linear(4, 2, dtype="float64", seed=1),
    )
    theirs = torch.nn.Sequential()
    theirs.add_module("fc1", torch.nn.Linear(3, 4))
    theirs.add_module("act", torch.nn.Tanh())
    theirs.add_module("fc2", torch.nn.Linear(4, 2))
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    return ours, theirs


def objective(model, x=X, y=Y):
    return gd.losses.softmax_cross_entropy(model(x), y)


def stepper(model, optimizer, compiled):
    def step(x, y):
        loss = objective(model, x, y)
        optimizer.step(model, loss.backward(wrt=model.parameters()))
        return loss

    run = gd.compile(step) if compiled else step
    return lambda: run(gd.tensor(X), gd.tensor(Y))


def torch_step(theirs, reference, clip=lambda parameters: None):
    reference.zero_grad()
    torch.nn.functional.cross_entropy(theirs(torch.tensor(X)), torch.tensor(Y)).backward()
    clip(theirs.parameters())
    reference.step()


def same(ours, theirs, tolerance=1e-12):
    found = ours.state_dict()
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


def test_every_registered_optimizer_is_tested():
    names = {info.name for info in gd.optimizers.list() if info.distribution == "graphdiff"}
    assert names == set(OPTIONS) == {*TORCH, "Lion"}


@pytest.mark.parametrize("name", TORCH)
@given(sources(), st.booleans(), st.sampled_from([1e-3, 0.1]))
def test_seven_steps_are_torchs(name, source, compiled, lr):
    options = options_of(name, source)
    ours, theirs = models()
    optimizer = getattr(gd.optimizers, name)(lr, **options)
    reference = TORCH[name](theirs.parameters(), lr, **options)
    step = stepper(ours, optimizer, compiled)
    for _ in range(7):
        step()
        torch_step(theirs, reference)
        same(ours, theirs)


@pytest.mark.parametrize("name", TORCH)
def test_defaults_are_torchs(name):
    kind, options = TORCH[name], OPTIONS[name]
    theirs = kind([torch.zeros(1)], 0.1).defaults
    optimizer = getattr(gd.optimizers, name)(0.1)
    for option, (first, *_) in options.items():
        assert getattr(optimizer, option) == theirs[option] == first, option
    if name != "SGD":
        assert getattr(gd.optimizers, name)().lr == kind([torch.zeros(1)]).defaults["lr"]


def lion_by_the_paper(w, gradients, lr, beta1, beta2, decay):
    m = np.zeros_like(w)
    for g in gradients:
        c = beta1 * m + (1 - beta1) * g
        w = w - lr * (np.sign(c) + decay * w)
        m = beta2 * m + (1 - beta2) * g
    return w


@given(st.sampled_from([(0.9, 0.99), (0.5, 0.1)]), st.sampled_from([0.0, 0.1]), st.integers(0, 99))
def test_lion_is_its_papers(betas, decay, seed):
    rng = np.random.default_rng(seed)
    layer = gd.layers.Linear(2, 3, bias=False, dtype="float64", seed=0)
    gradients, w = rng.normal(size=(7, 3, 2)), layer.weight.numpy().copy()
    optimizer = gd.optimizers.Lion(0.1, betas, weight_decay=decay)
    for g in gradients:
        optimizer.step(layer, {"weight": gd.tensor(g)})
    np.testing.assert_allclose(layer.weight, lion_by_the_paper(w, gradients, 0.1, *betas, decay), rtol=1e-12)


every_optimizer = pytest.mark.parametrize("name", OPTIONS)
EXTREME = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "RMSProp": {"momentum": 0.9, "centered": True},
    "Adam": {"amsgrad": True},
}


def made(name, **common):
    return getattr(gd.optimizers, name)(0.05, **EXTREME.get(name, {}), **common)


CHECKS = {
    (name, key): check
    for name in OPTIONS
    for key, check in check_optimizer.checks(
        getattr(gd.optimizers, name), lambda source, name=name: options_of(name, source)
    ).items()
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=["-".join(key) for key in CHECKS])
def test_check(check):
    check()


@every_optimizer
def test_compiled_steps_that_clip_equal_eager_ones(name):
    options = EXTREME.get(name, {}) | {"weight_decay": 0.1, "clip_norm": 0.5, "clip_value": 0.2}
    for key in ("compiled", "backends", "resumed"):
        check_optimizer.checks(getattr(gd.optimizers, name), lambda source: options, examples=1)[key]()


@every_optimizer
def test_float32_stays_float32_and_updates_are_nodes_with_that_role(name):
    layer, optimizer = gd.layers.Linear(3, 2, seed=0), made(name, weight_decay=0.1, clip_norm=1.0)

    @gd.compile
    def step(x):
        loss = gd.sum(gd.square(layer(x)))
        optimizer.step(layer, loss.backward(wrt=layer.parameters()))
        return loss

    step(np.ones((2, 3), "float32"))
    for cell in optimizer.state["weight"].values():
        assert cell.dtype == ("float64" if cell.name.endswith("product") else "float32"), cell.name
    roles = {node.role for node in step.graph if node.primitive is not None}
    assert roles == {"forward", "backward", "update"}


def test_a_new_rate_needs_no_new_trace():
    ours, _ = models()
    optimizer = gd.optimizers.Adam(0.1)

    @gd.compile
    def step(x, y):
        loss = objective(ours, x, y)
        optimizer.step(ours, loss.backward(wrt=ours.parameters()))

    for k in range(3):
        optimizer.lr = 0.0 if k == 2 else 0.1 / (k + 1)
        before = ours.state_dict()
        step(gd.tensor(X), gd.tensor(Y))
    assert step.traces == 1
    for name, value in ours.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# Groups


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_groups_are_torchs(name, compiled):
    ours, theirs = models()
    gd.freeze(ours, "fc2.weight")
    groups = {"*.bias": {"weight_decay": 0.0}, "fc1.*": {"lr": 0.01}}
    optimizer = getattr(gd.optimizers, name)(0.1, weight_decay=0.2, groups=groups)
    named = dict(theirs.named_parameters())
    reference = TORCH[name](
        [
            {"params": [named["fc1.bias"], named["fc2.bias"]], "weight_decay": 0.0},
            {"params": [named["fc1.weight"]], "lr": 0.01},
        ],
        0.1,
        weight_decay=0.2,
    )
    frozen = ours.fc2.weight.numpy().copy()
    step = stepper(ours, optimizer, compiled)
    schedule = torch.optim.lr_scheduler.StepLR(reference, 2, 0.5)
    for k in range(6):
        optimizer.lr = gd.schedules.Step(0.1, 2, 0.5)(k)
        step()
        torch_step(theirs, reference)
        schedule.step()
        same(ours, theirs)
    np.testing.assert_array_equal(ours.fc2.weight, frozen)
    assert "fc2.weight" not in optimizer.state


def test_the_first_match_counts():
    layer = gd.layers.Linear(2, 2, dtype="float64", seed=0)
    before = layer.state_dict()
    groups = {gd.matching.weights: {"lr": 0.5}, ("*.bias", "*.weight"): {"lr": 0}}
    gradients = {name: gd.ones_like(p) for name, p in layer.named_parameters()}
    gd.optimizers.SGD(0.1, groups=groups).step(layer, gradients)
    np.testing.assert_allclose(layer.weight, before["weight"] - 0.5, rtol=1e-15)
    np.testing.assert_array_equal(layer.bias, before["bias"])


def test_a_group_that_no_parameter_fits_is_refused():
    layer = gd.layers.Linear(2, 2, seed=0)
    optimizer = gd.optimizers.SGD(0.1, groups={"*.bais": {"lr": 0.5}})
    with pytest.raises(
        ArgumentError, match=r"no parameter matches '\*.bais'\n  at: .*\n  fix: there are weight, bias"
    ):
        optimizer.step(layer, {"weight": gd.ones((2, 2))})


def test_freezing_is_no_option_of_groups():
    with pytest.raises(ArgumentError, match=r"graphdiff.freeze\(model, pattern\)"):
        gd.optimizers.SGD(0.1, groups={"*.bias": {"frozen": True}})


# Whose gradients, whose state


@pytest.mark.parametrize(
    "step", [gd.optimizers.SGD(0.1).step, partial(LossScaler().step, gd.optimizers.SGD(0.1))]
)
def test_gradients_of_another_model_are_refused(step):
    (ours, _), (other, _) = models(), models()
    with pytest.raises(
        ArgumentError, match="none of the gradients is by a parameter of this Sequential"
    ) as e:
        step(other, objective(ours).backward())
    assert "fc1.weight" in str(e.value)
    with pytest.raises(ArgumentError, match=r"a Tensor of shape \(\) in place of gradients"):
        step(ours, objective(ours))


def test_what_is_frozen_stays_though_its_gradient_is_given():
    layer = gd.layers.Linear(2, 2, seed=0)
    before = layer.state_dict()
    layer.bias.frozen = True
    gd.optimizers.SGD(0.1).step(layer, {n: gd.ones_like(p) for n, p in layer.named_parameters()})
    np.testing.assert_array_equal(layer.bias, before["bias"])
    assert (layer.weight.numpy() != before["weight"]).all()


@every_optimizer
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_state_of_a_new_head_starts_anew(name, compiled, classes):
    ours, _ = models()
    optimizer = made(name, weight_decay=0.1)
    step = stepper(ours, optimizer, compiled)
    for _ in range(3):
        step()
    gd.replace_head(ours, classes)
    twin, other = copy.deepcopy(ours), made(name, weight_decay=0.1)
    for _ in range(2):
        record = objective(twin).backward()
        other.step(twin.fc2, {"weight": record[twin.fc2.weight], "bias": record[twin.fc2.bias]})
        twin.fc1.load_state_dict(ours.fc1.state_dict())
        step()
        for cell, expected in zip(ours.fc2.parameters(), twin.fc2.parameters(), strict=True):
            np.testing.assert_allclose(cell, expected, rtol=1e-12)
        twin.fc1.load_state_dict(ours.fc1.state_dict())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam"])
def test_what_is_unfrozen_later_counts_its_own_steps_as_in_torch(name, compiled):
    ours, theirs = models()
    optimizer, reference = getattr(gd.optimizers, name)(0.05), TORCH[name](theirs.parameters(), 0.05)
    step = stepper(ours, optimizer, compiled)
    for k in range(7):
        gd.freeze(ours, "fc1.*", frozen=k < 3)
        if k == 5:
            kept, optimizer = optimizer.state_dict(), getattr(gd.optimizers, name)(0.05)
            optimizer.load_state_dict(kept)
            step = stepper(ours, optimizer, compiled)
        theirs[0].requires_grad_(k >= 3)
        step()
        torch_step(theirs, reference)
        same(ours, theirs)


def test_a_compiled_step_heeds_how_late_a_loaded_state_began():
    ours, _ = models()
    optimizer = gd.optimizers.Adam(0.1)
    gd.freeze(ours, "fc1.*")
    step = stepper(ours, optimizer, True)
    step()
    gd.freeze(ours, "fc1.*", frozen=False)
    step()
    late = ours.state_dict(), optimizer.state_dict()
    assert late[1]["fc1.weight/late"] == 1
    early = ours.state_dict(), {k: v for k, v in late[1].items() if not k.endswith("/late")}
    for weights, state in (early, late, early):
        ours.load_state_dict(weights)
        optimizer.load_state_dict(state)
        step()
        other, fresh = copy.deepcopy(ours), gd.optimizers.Adam(0.1)
        other.load_state_dict(weights)
        fresh.load_state_dict(state)
        stepper(other, fresh, True)()
        np.testing.assert_array_equal(ours.fc1.weight, other.fc1.weight)


# Clipping


@pytest.mark.parametrize("limit", [0.05, 1e3])
@pytest.mark.parametrize("kind", ["norm", "value"])
def test_clipping_is_torchs(kind, limit):
    ours, theirs = models()
    optimizer = gd.optimizers.SGD(0.1, 0.9, **{f"clip_{kind}": limit})
    reference = torch.optim.SGD(theirs.parameters(), 0.1, 0.9)
    clip = torch.nn.utils.clip_grad_norm_ if kind == "norm" else torch.nn.utils.clip_grad_value_
    step = stepper(ours, optimizer, True)
    for _ in range(7):
        step()
        torch_step(theirs, reference, lambda parameters: clip(parameters, limit))
        same(ours, theirs)


@given(st.sampled_from(["float16", "float32", "float64"]), st.integers(0, 9))
def test_a_clipped_gradient_has_the_norm_asked_for(dtype, seed):
    g = np.random.default_rng(seed).normal(size=(2, 3)) * 300
    layer = gd.layers.Linear(3, 2, bias=False, dtype=dtype, seed=0)
    layer.weight.assign(np.zeros((2, 3)))
    gd.optimizers.SGD(1.0, clip_norm=2.0).step(layer, {"weight": gd.tensor(g, dtype)})
    assert layer.weight.dtype == dtype
    assert np.linalg.norm(layer.weight.numpy().astype("float64")) == pytest.approx(2, rel=2e-3)


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": 0}, r"SGD\(lr=0\) does not descend"),
        ({"lr": -1}, r"SGD\(lr=-1\) does not descend"),
        ({"lr": float("nan")}, "does not descend"),
        ({"lr": 1, "momentum": 1}, "momentum=1"),
        ({"lr": 1, "nesterov": True}, "nesterov=True"),
        ({"lr": 1, "weight_decay": -1}, "weight_decay=-1"),
        ({"lr": 1, "clip_norm": 0}, "clip_norm=0 leaves no gradient"),
        ({"lr": 1, "groups": {"*.bias": {"momentum": 0}}}, r"options \{'momentum': 0\} of group '\*.bias'"),
        ({"lr": 1, "groups": {"*.bias": {"lr": -1}}}, "of at least 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        gd.optimizers.SGD(**options)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("Adam", "betas", (1.0, 0.9)),
        ("RMSProp", "alpha", 1),
        ("Adadelta", "rho", -1),
        ("Lion", "betas", (0, 2)),
    ],
)
def test_means_that_do_not_move_are_refused(name, option, value):
    with pytest.raises(ArgumentError, match=f"{name}.*does not descend"):
        getattr(gd.optimizers, name)(0.1, **{option: value})


def test_what_is_built_into_compiled_steps_cannot_be_set():
    optimizer = gd.optimizers.SGD(0.1, momentum=0.9)
    with pytest.raises(MutationError, match="momentum of SGD is built into compiled steps"):
        optimizer.momentum = 0.5
    assert optimizer.momentum == 0.9


def test_unknown_state_is_refused_before_any_is_taken():
    optimizer = gd.optimizers.SGD(0.1)
    with pytest.raises(StateError, match="'/velocity' is no optimizer state"):
        optimizer.load_state_dict({"/lr": 0.5, "/velocity": 1.0})
    assert optimizer.lr == 0.1


@pytest.mark.parametrize("option", ["learning_rate", "momentun", "weight_deacy"])
@every_optimizer
def test_an_option_that_no_optimizer_has_is_answered(name, option):
    with pytest.raises(ArgumentError, match=f"has no option {option}"):
        getattr(gd.optimizers, name)(lr=0.1, **{option: 0.1})
