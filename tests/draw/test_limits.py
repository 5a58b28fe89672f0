"""What pictures of well-known networks must keep to: a page, a number of boxes, a height."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from draw.reading import needs_engine

import graphdiff as gd
from graphdiff.draw import Picture, draw

A4 = 595, 842
MARGIN = 18  # points


def backward_of(name: str, shape: tuple[int, ...], **options: object) -> gd.Backward:
    net = getattr(gd.models, name)(num_classes=10, **options)
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    return gd.losses.softmax_cross_entropy(net(x), np.arange(shape[0])).backward()


def size(picture: Picture) -> tuple[float, float]:
    """Width and height in points."""
    width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', picture.svg).groups()
    return float(width), float(height)


@needs_engine
@pytest.mark.parametrize(
    ("name", "shape", "least"),
    [("lenet5", (4, 1, 28, 28), 9), ("resnet50", (2, 3, 64, 64), 7), ("resnet152", (2, 3, 64, 64), 7)],
)
def test_forward_and_backward_are_legible_on_one_page(
    name: str, shape: tuple[int, ...], least: float
) -> None:
    picture = draw(backward_of(name, shape), title=name)
    width, height = size(picture)
    scale = min(1, (A4[0] - 2 * MARGIN) / width, (A4[1] - 2 * MARGIN) / height)
    smallest = min(map(float, re.findall(r'font-size="([\d.]+)"', picture.svg)))
    assert smallest * scale >= least


@needs_engine
@pytest.mark.parametrize(
    ("make", "options", "most"),
    [
        (lambda: backward_of("resnet152", (2, 3, 64, 64)), {}, 1400),
        (lambda: backward_of("resnet50", (2, 3, 64, 64)), {}, 1400),
        (lambda: backward_of("googlenet", (2, 3, 64, 64)), {}, 1600),
        (lambda: backward_of("googlenet", (2, 3, 64, 64)), {"unfold": "inception3a"}, 1800),
    ],
)
def test_deep_networks_stay_small(
    make: Callable[[], gd.Backward], options: dict[str, object], most: float
) -> None:
    picture = draw(make(), **options)
    assert len(picture.view.boxes) <= 60
    width, height = size(picture)
    assert height <= most
    assert width <= 1200


def test_every_block_of_resnet_152_is_counted() -> None:
    view = draw(backward_of("resnet152", (2, 3, 64, 64))).view
    blocks = {
        stage: sum(box.repeat.count if box.repeat else 1 for box in view.boxes if box.around == (stage,))
        for stage in ("layer1", "layer2", "layer3", "layer4")
    }
    assert blocks == {"layer1": 3, "layer2": 8, "layer3": 36, "layer4": 3}
    assert all(box.repeat.weights == "distinct" for box in view.boxes if box.repeat)
    strips = [box.repeat.strip for box in view.boxes if box.repeat]
    assert [len(strip) for strip in strips] == [2, 7, 35, 2]
    assert all(norm.state == "known" and norm.value > 0 for strip in strips for norm in strip)
    total = gd.models.resnet152(num_classes=10).parameter_count
    assert sum(box.parameters for box in view.boxes) == total


def test_one_inception_module_is_unfolded_among_the_others() -> None:
    view = draw(backward_of("googlenet", (2, 3, 64, 64)), unfold="inception3a").view
    inside = [box.title for box in view.boxes if box.around[:1] == ("inception3a",)]
    assert len(inside) == 8
    assert "branch1.conv" in inside
    assert "concatenate" in inside
    assert sum(box.title.startswith("inception") for box in view.boxes) == 8
