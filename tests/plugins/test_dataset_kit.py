"""Every registered data set through the kit, its files written here in the published forms."""

import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from plugins.data_files import noise, python2, written
from plugins.test_cifar import cifar10_files
from plugins.test_image_folder import picture
from plugins.test_mnist import mnist_files

import graphdiff as gd
from graphdiff.testing import check_dataset


@cache
def root():
    return Path(tempfile.mkdtemp(prefix="graphdiff-data-"))


@cache
def mnist():
    return mnist_files(root() / "mnist")


@cache
def cifar10():
    return cifar10_files(root() / "cifar10")


@cache
def cifar100():
    for part, n in (("train", 12), ("test", 6)):
        labels = {"fine_labels": [7 * i % 100 for i in range(n)], "coarse_labels": [i % 20 for i in range(n)]}
        written(root() / "cifar100", part, python2({"data": noise(n, 3072), **labels}))
    return root() / "cifar100"


@cache
def pictures():
    for number, name in enumerate(["cat", "ant", "bee"]):
        for n in range(4):
            picture(root() / "pictures" / name / f"{n}.png", np.full((8, 8, 3), 40 * number + n, np.uint8))
    return root() / "pictures"


KIT = {
    "arrays": lambda s: partial(gd.datasets.arrays, noise(40, 3), np.arange(40) % s.integer(2, 4)),
    "digits": lambda s: partial(gd.datasets.digits, images=s.boolean()),
    "mnist": lambda s: partial(gd.datasets.mnist, mnist()),
    "cifar10": lambda s: partial(gd.datasets.cifar10, cifar10()),
    "cifar100": lambda s: partial(gd.datasets.cifar100, cifar100()),
    "image_folder": lambda s: partial(gd.datasets.image_folder, pictures(), size=8),
}
FIXED = {"mnist", "cifar10", "cifar100"}  # published in two parts
CHECKS = {
    f"{name}-{key}": check
    for name, samples in KIT.items()
    for key, check in check_dataset.checks(gd.datasets[name], samples, examples=2).items()
    if key != "splits" or name not in FIXED
}


def test_every_registered_data_set_is_checked():
    assert KIT.keys() == {info.name for info in gd.datasets.list() if info.distribution == "graphdiff"}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_check(check):
    check()
