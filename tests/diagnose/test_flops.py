"""Operations counted: against published figures, torch's counter, and by hand."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import graphdiff as gd
from graphdiff.ops.common import same_spec

PRODUCTS = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad", "matmul")
# Multiply-adds of convolutions and linear layers for one image of 224×224, in 10⁹: the models' papers and
# torchvision's table.
PUBLISHED = {
    "alexnet": 0.71,
    "vgg16": 15.47,
    "googlenet": 1.50,
    "resnet18": 1.81,
    "resnet50": 4.09,
    "resnet152": 11.51,
}


def counted(numbers, names=PRODUCTS):
    return sum(r.flops for r in numbers.rows if r.node.primitive and r.node.primitive.name in names)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models(name):
    net = getattr(gd.models, name)().eval()
    graph = gd.make_graph(net, gd.TensorSpec((1, 3, 224, 224), "float32"))
    assert counted(gd.statistics(graph)) / 2e9 == pytest.approx(PUBLISHED[name], abs=0.005)


CONVOLUTIONS = [
    {"stride": 1, "padding": 0},
    {"stride": 2, "padding": 1},
    {"stride": 1, "padding": 2, "dilation": 2},
    {"stride": 1, "padding": 1, "groups": 2},
]


@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_convolutions_forward_and_backward_are_torchs(options):
    groups = options.get("groups", 1)
    x, w = np.ones((2, 4, 9, 9)), np.ones((6, 4 // groups, 3, 3))
    one, two = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    with FlopCounterMode(display=False) as theirs:
        out = torch.nn.functional.conv2d(one, two, **options)
        forward = theirs.get_total_flops()
        out.sum().backward()
    a, b = gd.variable(x), gd.variable(w)
    found = gd.statistics(gd.sum(gd.conv2d(a, b, **options)).backward())
    (row,) = (r for r in found.rows if r.node.primitive and r.node.primitive.name == "conv2d")
    assert row.flops == forward
    if groups == 1:  # torch counts a group's gradient by the weight as if it saw every channel
        assert row.backward_flops == theirs.get_total_flops() - forward


def test_a_network_is_counted_as_torch_counts_it():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5, padding=2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 16, 5),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(400, 120),
        torch.nn.ReLU(),
        torch.nn.Linear(120, 84),
        torch.nn.ReLU(),
        torch.nn.Linear(84, 10),
    )
    labels = np.arange(4)
    with FlopCounterMode(display=False) as theirs:
        torch.nn.functional.cross_entropy(net(torch.ones(4, 1, 28, 28)), torch.tensor(labels)).backward()
    x = np.ones((4, 1, 28, 28), "float32")
    found = gd.statistics(gd.models.lenet5(), x, labels, loss=gd.losses.softmax_cross_entropy)
    backward = sum(
        r.backward_flops for r in found.rows if r.node.primitive and r.node.primitive.name in PRODUCTS
    )
    assert counted(found) + backward == theirs.get_total_flops()


def flops_of(fn, *shapes):
    return gd.statistics(gd.make_graph(fn, *(gd.TensorSpec(s, "float64") for s in shapes))).total.flops


@pytest.mark.parametrize(
    ("fn", "shapes", "expected"),
    [
        (lambda x, y: x @ y, [(3, 4), (4, 5)], 2 * 3 * 4 * 5),
        (lambda x, y: x + y, [(3, 4), (4,)], 12),
        (lambda x: gd.exp(x), [(3, 4)], 12),
        (lambda x: gd.reshape(gd.transpose(x), (6, 2)), [(3, 4)], 0),
        (lambda x: gd.cast(gd.stop_gradient(x), "float32"), [(3, 4)], 0),
        (lambda x: gd.sum(x), [(3, 4)], 11),
        (lambda x: gd.max(x, 0), [(3, 4)], 8),
        (lambda x: gd.argmax(x, 1), [(3, 4)], 9),
        (lambda x: gd.sum(x), [(0, 4)], 0),
        (lambda x: gd.cumsum(x, 1), [(3, 4)], 9),
        (lambda x: gd.cumsum(x, 1), [(3, 0)], 0),
        (lambda x: gd.mean(x), [(3, 4)], 12),  # 11 additions and a division
        (lambda x: gd.max_pool2d(x, 2), [(2, 3, 4, 4)], 2 * 3 * 4 * 3),
        (lambda x: gd.avg_pool2d(x, 2), [(2, 3, 4, 4)], 2 * 3 * 4 * (3 + 1)),
        (lambda x: gd.channel_window_sum(x, 3), [(2, 5, 4)], 40 * 2),
        (lambda x, y: gd.einsum("ij,jk->ik", x, y), [(3, 4), (4, 5)], 2 * 3 * 4 * 5),
        (lambda x, y: gd.scatter_add(x, np.array([0, 0]), y), [(3, 4), (2, 4)], 8),
    ],
)
def test_by_hand(fn, shapes, expected):
    assert flops_of(fn, *shapes) == expected


def test_gradients_that_meet_are_added():
    x = gd.variable(np.ones(5))
    found = gd.statistics(gd.sum(x * 2.0 + x * 3.0 + x).backward())
    accumulated = [r.backward_flops for r in found.rows if r.node.role == "input"]
    assert accumulated == [2 * 5]


def test_a_composite_costs_what_its_parts_cost():
    parts = flops_of(lambda x: gd.square(gd.exp(x) + 1.0), (3, 4))
    whole = gd.Composite("whole", lambda x: gd.square(gd.exp(x) + 1.0))
    assert flops_of(whole, (3, 4)) == parts == 36


def test_a_plugin_gives_its_own_rule():
    rule = gd.Primitive("stranger", spec=same_spec, flops=lambda out, x, times: times * x.size)
    assert flops_of(lambda x: rule(x, times=7), (3, 4)) == 84
    assert flops_of(gd.Primitive("silent", spec=same_spec), (3, 4)) == 0
