"""The models: published sizes, torch's numbers from torch's state dict, training compiled as eager."""

import numpy as np
import pytest
import torch
from torch import nn
from widening import widened

import graphdiff as gd
from graphdiff.bench.peers.torch_models import MODELS
from graphdiff.errors import ArgumentError
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


@pytest.mark.parametrize(
    ("name", "depths", "bottleneck"), [("resnet18", (2, 2, 2, 2), False), ("resnet50", (3, 4, 6, 3), True)]
)
def test_resnets_load_torchs_state_dict_and_give_torchs_scores_and_gradients(name, depths, bottleneck):
    torch.manual_seed(0)
    theirs = reference.TorchResNet(depths, bottleneck, 10).double()
    model = widened(getattr(gd.models, name)(num_classes=10))
    model.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(2, 3, 65, 64))
    model.eval()
    theirs.eval()
    with torch.no_grad():
        np.testing.assert_allclose(model(x), theirs(torch.tensor(x)), rtol=1e-10)
    model.train()
    theirs.train()
    labels = np.array([1, 7])
    loss = gd.losses.softmax_cross_entropy(model(x), labels)
    loss.backward()
    expected = nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels))
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    ours = dict(model.named_parameters())
    for key, p in theirs.named_parameters():
        scale = float(p.grad.abs().max())
        np.testing.assert_allclose(ours[key].grad, p.grad, rtol=1e-6, atol=1e-7 * scale, err_msg=key)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[key], value, rtol=1e-10, atol=1e-12, err_msg=key)


def test_lenet_is_the_same_structure_in_torch():
    theirs = MODELS["lenet5"]()
    model = gd.models.lenet5()
    model.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(3, 1, 28, 28)).astype("float32")
    y = np.array([3, 1, 4])
    loss = gd.losses.softmax_cross_entropy(model(x), y)
    loss.backward()
    expected = nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, p in theirs.named_parameters():
        np.testing.assert_allclose(dict(model.named_parameters())[name].grad, p.grad, rtol=1e-3, atol=1e-6)


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


def _without_chance(model):
    """Dropout switched off and batch statistics on, in both libraries alike."""
    model.train()
    for module in model.modules() if isinstance(model, nn.Module) else (m for _, m in model.named_modules()):
        if type(module).__name__ == "Dropout":
            module.eval()


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
def test_a_model_loads_torchs_file_and_gives_torchs_scores_and_gradients(
    name, options, theirs, side, tmp_path
):
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
    _without_chance(model)
    _without_chance(theirs)
    labels = np.array([1, 7])
    ours, expected = model(x), theirs(torch.tensor(x))
    ours, expected = (s if isinstance(s, tuple) else (s,) for s in (ours, expected))
    loss = sum(gd.losses.softmax_cross_entropy(s, labels) for s in ours)
    loss.backward()
    wanted = sum(nn.functional.cross_entropy(s, torch.tensor(labels)) for s in expected)
    wanted.backward()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-4)
    gradients = dict(model.named_parameters())
    # float32 through dozens of layers of batch statistics: compared by the size of the whole gradient
    for key, p in theirs.named_parameters():
        if p.grad.norm() > 1e-6:  # a bias in front of batch statistics has gradient zero, but for rounding
            error = np.linalg.norm(gradients[key].grad - p.grad.numpy())
            assert error <= 2e-2 * p.grad.norm(), key


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
