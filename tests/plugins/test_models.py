"""The models: published sizes, torch's numbers from torch's state dict, training compiled as eager."""

import numpy as np
import pytest
import torch
from plugins.model_samples import LARGE, SMALL
from torch import nn

import graphdiff as gd
from graphdiff.errors import ArgumentError
from graphdiff.testing.module import in_dtype
from plugins import torchvision_models as reference

PUBLISHED = {
    "lenet5": 61_706,
    "lenet5_1998": 60_000,
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16": 138_357_544,
    "vgg16+batch_norm": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19+batch_norm": 143_678_248,
    "googlenet": 6_624_904,
    "googlenet+auxiliary": 13_004_888,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
}


def test_published_parameter_counts():
    for name, count in PUBLISHED.items():
        name, _, option = name.partition("+")
        options = {option: True} if option else {}
        assert getattr(gd.models, name)(**options).parameter_count == count, name


def _without_chance(model):
    """Dropout switched off and batch statistics on, in both libraries alike."""
    model.train()
    for module in model.modules() if isinstance(model, nn.Module) else (m for _, m in model.named_modules()):
        if type(module).__name__ == "Dropout":
            module.eval()


def _loss(scores, labels, loss):
    return sum(loss(s, labels) for s in (scores if isinstance(scores, tuple) else (scores,)))


def _step(model, theirs, x, labels):
    """Scores, gradients of the input and of every parameter, and states are torch's."""
    ours, other = gd.variable(x), torch.tensor(x, requires_grad=True)
    scores, expected = model(ours), theirs(other)
    for s, e in zip(*((s if isinstance(s, tuple) else (s,)) for s in (scores, expected)), strict=True):
        np.testing.assert_allclose(s, e.detach(), rtol=1e-8, atol=1e-10)
    _loss(scores, gd.tensor(labels), gd.losses.softmax_cross_entropy).backward()
    _loss(expected, torch.tensor(labels), nn.functional.cross_entropy).backward()
    found = dict(model.named_parameters())
    pairs = {"the input": (ours.grad, other.grad)}
    pairs |= {name: (found[name].grad, p.grad) for name, p in theirs.named_parameters()}
    largest = max(float(e.norm()) for _, e in pairs.values())
    for name, (mine, e) in pairs.items():  # a bias in front of batch statistics has none, but for rounding
        assert np.linalg.norm(np.asarray(mine) - e.numpy()) <= 1e-7 * float(e.norm()) + 1e-12 * largest, name
    state = model.state_dict()
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(state[key], value, rtol=1e-9, atol=1e-12, err_msg=key)


def _is_the_same_structure(sample):
    torch.manual_seed(0)
    theirs = sample.theirs().double()
    model = in_dtype(getattr(gd.models, sample.model)(num_classes=10, **sample.options), "float64")
    keys = [
        key for key in model.state_dict() if ".stream." not in key
    ]  # torch keeps its random numbers elsewhere
    assert sorted(keys) == sorted(theirs.state_dict())
    model.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=sample.shape), rng.integers(0, 10, sample.shape[0])
    _without_chance(model)
    _without_chance(theirs)
    _step(model, theirs, x, labels)
    model.eval()
    theirs.eval()
    with torch.no_grad():
        np.testing.assert_allclose(model(x), theirs(torch.tensor(x)), rtol=1e-8, atol=1e-10)


def _called(sample):
    return "-".join([sample.model, *map(str, sample.options)])


def test_every_registered_model_has_a_structure_in_torch():
    names = {info.name for info in gd.models.list() if info.distribution == "graphdiff"}
    assert names == {sample.model for sample in SMALL + LARGE}


@pytest.mark.parametrize("sample", SMALL, ids=_called)
def test_a_model_is_the_same_structure_in_torch(sample):
    _is_the_same_structure(sample)


@pytest.mark.campaign
@pytest.mark.parametrize("sample", LARGE, ids=_called)
def test_a_large_model_is_the_same_structure_in_torch(sample):
    _is_the_same_structure(sample)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("lenet5", {}, (3, 1, 28, 28)),
        ("small_vgg", {"widths": (4, 8)}, (3, 3, 8, 8)),
        ("resnet18", {"num_classes": 10, "stem": "cifar"}, (2, 3, 16, 16)),
    ],
)
def test_a_compiled_training_step_equals_eager_to_the_last_bit(name, options, shape):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=shape).astype("float32"), rng.integers(0, 10, shape[0])
    runs = []
    for compiled in (False, True):
        gd.seed(1)
        model = getattr(gd.models, name)(**options)
        optimizer = gd.optimizers.SGD(0.05, momentum=0.9)

        def step(x, y, model=model, optimizer=optimizer):
            loss = gd.losses.softmax_cross_entropy(model(x), y)
            optimizer.step(model, loss.backward(wrt=model.parameters()))
            return loss

        run = gd.compile(step) if compiled else step
        runs.append(([run(x, y).item() for _ in range(3)], model.state_dict()))
    (losses, state), (other_losses, other_state) = runs
    assert losses == other_losses
    for key in state:
        np.testing.assert_array_equal(state[key], other_state[key], err_msg=key)


@pytest.mark.parametrize(
    ("name", "options", "theirs", "side"),
    [
        ("alexnet", {}, lambda: reference.AlexNet(10), 63),
        ("vgg11", {}, lambda: reference.VGG((1, 1, 2, 2, 2), False, 10), 32),
        ("vgg13", {"batch_norm": True}, lambda: reference.VGG((2, 2, 2, 2, 2), True, 10), 32),
        ("googlenet", {"auxiliary": True}, lambda: reference.GoogLeNet(10), 64),
        ("resnet20", {}, lambda: reference.CifarResNet(3), 32),
    ],
)
def test_a_model_loads_torchs_file_and_gives_torchs_scores(name, options, theirs, side, tmp_path):
    torch.manual_seed(0)
    theirs = theirs()
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    model = getattr(gd.models, name)(num_classes=10, **options)
    model.load_state_dict(gd.load_state(tmp_path / "weights.pth"))
    x = np.random.default_rng(0).normal(size=(2, 3, side, side)).astype("float32")
    model.eval()
    theirs.eval()
    with torch.no_grad():
        np.testing.assert_allclose(model(x), theirs(torch.tensor(x)), rtol=1e-5, atol=1e-5)


def test_lenet_of_1998_is_as_the_paper_counts_it():
    model = gd.models.lenet5_1998()
    counts = {name: m.parameter_count for name, m in model.members() if isinstance(m, gd.Module)}
    assert counts == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164}
    x = np.random.default_rng(0).normal(size=(3, 1, 32, 32)).astype("float32")
    scores = model(x)
    assert scores.shape == (3, 10)
    assert (scores.numpy() <= 0).all()
    gd.losses.softmax_cross_entropy(scores, np.array([1, 2, 3])).backward()
    assert all(np.linalg.norm(p.grad) > 0 for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("linear", {"in_features": 12}, (4, 3, 2, 2)),
        ("two_layer", {"in_features": 12}, (4, 12)),
        ("mlp", {"in_features": 12, "hidden": (8, 7)}, (4, 12)),
        ("lenet5", {}, (2, 1, 28, 28)),
        ("resnet20", {}, (2, 3, 16, 16)),
        ("googlenet", {"auxiliary": True}, (2, 3, 64, 64)),
    ],
)
def test_a_head_is_swapped(name, options, shape):
    model = getattr(gd.models, name)(num_classes=7, **options)
    before = model.state_dict()
    assert gd.replace_head(model, 3) is model
    after = model.state_dict()
    assert before.keys() == after.keys()
    model.eval()
    assert model(np.zeros(shape, "float32")).shape == (shape[0], 3)
    changed = {k for k in before if before[k].shape != after[k].shape}
    assert changed == {f"{head}.{kind}" for head in HEADS[name] for kind in ("weight", "bias")}
    kept = before.keys() - changed
    assert all((before[k] == after[k]).all() for k in kept)


HEADS = {
    "linear": ["fc"],
    "two_layer": ["fc2"],
    "mlp": ["fc3"],
    "lenet5": ["classifier.5"],
    "resnet20": ["fc"],
    "googlenet": ["aux1.fc2", "aux2.fc2", "fc"],
}


def test_a_model_without_a_head_is_answered():
    with pytest.raises(ArgumentError, match="gets no head for 3 classes"):
        gd.replace_head(gd.layers.Sequential(gd.layers.ReLU()), 3)
    with pytest.raises(ArgumentError, match="gets no head for 0 classes"):
        gd.replace_head(gd.models.lenet5(), 0)


def test_an_unknown_stem_is_answered():
    with pytest.raises(ArgumentError, match="unknown stem 'mnist'"):
        gd.models.resnet18(stem="mnist")
