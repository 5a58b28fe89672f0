"""The digits, and a user's own arrays."""

import numpy as np
import pytest
from plugins.data_files import noise
from sklearn.datasets import load_digits

import graphdiff as gd
from graphdiff.errors import ShapeError
from graphdiff.train import Dataset


def test_digits_as_images():
    data = gd.datasets.digits(images=True, seed=2)
    flat = gd.datasets.digits(seed=2)
    assert data.train.inputs.shape == (1347, 1, 8, 8)
    assert data.train.inputs.dtype == np.float32
    assert data.classes == flat.classes == tuple("0123456789")
    np.testing.assert_array_equal(data.test.labels, flat.test.labels)
    assert (data.train.inputs.min(), data.train.inputs.max()) == (0, 1)
    whole = np.concatenate([data.train.inputs, data.test.inputs]).sum(axis=0)
    np.testing.assert_allclose(whole[0] * 16, load_digits().images.sum(axis=0), rtol=1e-5)


def test_digits_fit_lenet_once_enlarged():
    data = gd.datasets.digits(images=True).map(gd.transforms.Resize(28))
    assert data.test.inputs.shape == (450, 1, 28, 28)
    assert gd.models.lenet5()(data.test.inputs[:2]).shape == (2, 10)


def test_arrays_of_classes_and_of_numbers():
    classes = gd.datasets.arrays(noise(40, 3), [0] * 8 + [1] * 32)
    assert np.bincount(classes.test.labels).tolist() == [2, 8]
    assert classes.train.inputs.dtype == np.uint8
    assert isinstance(classes, Dataset)
    numbers = gd.datasets.arrays(noise(40, 3), np.linspace(0, 1, 40), test_fraction=0.1)
    assert len(numbers.test.labels) == 4
    with pytest.raises(ShapeError, match="do not pair"):
        gd.datasets.arrays(noise(4, 3), [0, 1])
