"""The models: published sizes, torch's numbers from torch's state dict, training compiled as eager."""

import numpy as np
import pytest
import torch
from torch import nn
from widening import widened

import graphdiff as gd
from graphdiff.bench.peers.torch_models import MODELS
from graphdiff.errors import ArgumentError


def test_published_parameter_counts():
    assert gd.models.lenet5().parameter_count == 61_706
    assert gd.models.resnet18().parameter_count == 11_689_512
    assert gd.models.resnet50().parameter_count == 25_557_032


class TorchBlock(nn.Module):
    """torchvision's BasicBlock and Bottleneck, written out."""

    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        outputs = width * (4 if bottleneck else 1)
        sizes = (
            [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
            if bottleneck
            else [
                (inputs, width, 3, stride),
                (width, width, 3, 1),
            ]
        )
        for k, (i, o, size, s) in enumerate(sizes, 1):
            setattr(self, f"conv{k}", nn.Conv2d(i, o, size, s, size // 2, bias=False))
            setattr(self, f"bn{k}", nn.BatchNorm2d(o))
        self.count = len(sizes)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = x
        for k in range(1, self.count + 1):
            y = getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(y))
            y = torch.relu(y) if k < self.count else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class TorchResNet(nn.Module):
    def __init__(self, depths, bottleneck, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inputs = 64
        for k, depth in enumerate(depths):
            blocks = []
            for i in range(depth):
                blocks.append(TorchBlock(inputs, 64 * 2**k, 2 if k and not i else 1, bottleneck))
                inputs = 64 * 2**k * (4 if bottleneck else 1)
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for k in range(1, 5):
            x = getattr(self, f"layer{k}")(x)
        return self.fc(x.mean((2, 3)))


@pytest.mark.parametrize(
    ("name", "depths", "bottleneck"), [("resnet18", (2, 2, 2, 2), False), ("resnet50", (3, 4, 6, 3), True)]
)
def test_resnets_load_torchs_state_dict_and_give_torchs_scores_and_gradients(name, depths, bottleneck):
    torch.manual_seed(0)
    theirs = TorchResNet(depths, bottleneck, 10).double()
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


def test_an_unknown_stem_is_answered():
    with pytest.raises(ArgumentError, match="unknown stem 'mnist'"):
        gd.models.resnet18(stem="mnist")
