"""CIFAR-10 and CIFAR-100, written here in both published forms; and files that are something else."""

import numpy as np
import pytest
from plugins.data_files import PICKLERS, noise, python2, refusal, written

import graphdiff as gd
from graphdiff.errors import ArgumentError, DataError

NAMES = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]


def batch(n=4, seed=0):
    pixels = noise(n, 3072, seed=seed)
    return {
        "batch_label": "training batch",
        "labels": [(i + seed) % 10 for i in range(n)],
        "data": pixels,
        "filenames": [f"{i}_s.png" for i in range(n)],
    }


def cifar10_files(folder, dump=python2, n=4):
    for seed, name in enumerate(NAMES):
        written(folder, name, dump(batch(n, seed)))
    return folder


@pytest.mark.parametrize("pickler", PICKLERS)
@pytest.mark.parametrize("inner", ["", "cifar-10-batches-py"])
def test_cifar10_in_python(tmp_path, pickler, inner):
    cifar10_files(tmp_path / inner, PICKLERS[pickler])
    data = gd.datasets.cifar10(tmp_path)
    assert data.train.inputs.shape == (20, 3, 32, 32)
    assert data.train.inputs.dtype == np.uint8
    assert data.train.inputs.flags.writeable
    np.testing.assert_array_equal(data.train.inputs[4:8].reshape(4, -1), noise(4, 3072, seed=1))
    assert data.test.labels.tolist() == [5, 6, 7, 8]
    assert data.classes[:2] == ("airplane", "automobile")


def records(labels, pixels):
    return np.concatenate([np.array(labels, np.uint8).reshape(len(pixels), -1), pixels], axis=1).tobytes()


def test_cifar10_in_binary_is_the_same(tmp_path):
    for seed, name in enumerate(NAMES):
        content = batch(4, seed)
        written(tmp_path / "cifar-10-batches-bin", f"{name}.bin", records(content["labels"], content["data"]))
    one = gd.datasets.cifar10(tmp_path)
    other = gd.datasets.cifar10(cifar10_files(tmp_path / "python"))
    for a, b in zip((*one.train, *one.test), (*other.train, *other.test), strict=True):
        np.testing.assert_array_equal(a, b)


def test_cifar100_in_both_forms(tmp_path):
    fine, coarse, pixels = [0, 99, 50], [19, 0, 7], noise(3, 3072)
    names = {
        "fine_label_names": [f"f{i}" for i in range(100)],
        "coarse_label_names": [f"c{i}" for i in range(20)],
    }
    written(tmp_path, "cifar-100-python/meta", python2(names))
    for part in ("train", "test"):
        content = {"data": pixels, "fine_labels": fine, "coarse_labels": coarse, "filenames": ["a", "b", "c"]}
        written(tmp_path, f"cifar-100-python/{part}", python2(content))
        pairs = np.stack([coarse, fine], axis=1)
        written(tmp_path, f"binary/{part}.bin", records(pairs, pixels))
    written(tmp_path, "binary/fine_label_names.txt", "\n".join(names["fine_label_names"]).encode())
    for folder in (tmp_path, tmp_path / "binary"):
        data = gd.datasets.cifar100(folder)
        assert data.train.labels.tolist() == fine
        assert data.classes[99] == "f99"
        np.testing.assert_array_equal(data.test.inputs.reshape(3, -1), pixels)
        assert gd.datasets.cifar100(folder, labels="coarse").test.labels.tolist() == coarse
    assert gd.datasets.cifar100(tmp_path, labels="coarse").classes[7] == "c7"
    assert gd.datasets.cifar100(tmp_path / "binary", labels="coarse").classes == ()
    with pytest.raises(ArgumentError, match="labels='medium'"):
        gd.datasets.cifar100(tmp_path, labels="medium")


def test_cifar_says_which_files_are_missing(tmp_path):
    cifar10_files(tmp_path)
    (tmp_path / "data_batch_3").unlink()
    message = refusal(gd.datasets.cifar10, tmp_path)
    assert "5 of 6 files of CIFAR-10; missing: data_batch_3 or data_batch_3.bin" in message
    assert "missing: train or train.bin, test or test.bin" in refusal(gd.datasets.cifar100, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1, 2, 10]}, "label 10"),
        ({"labels": [0, 1, 2]}, "4 images and 3 labels"),
        ({"labels": [0, 1, 2, "3"]}, "no list of whole numbers"),
        ({"labels": "0123"}, "no list of whole numbers"),
        ({"data": noise(4, 3071)}, "no uint8 array of shape (n, 3072)"),
        ({"data": noise(0, 3072), "labels": []}, "no images"),
        ({"data": [1, 2, 3]}, "no uint8 array"),
    ],
)
def test_cifar_of_something_else_is_refused(tmp_path, change, message):
    path = written(cifar10_files(tmp_path), "data_batch_2", python2(batch() | change))
    with pytest.raises(DataError) as raised:
        gd.datasets.cifar10(tmp_path)
    assert str(path) in raised.value.what
    assert message in raised.value.what


def test_binary_records_cut_or_over_long_are_refused(tmp_path):
    for name in NAMES:
        written(tmp_path, f"{name}.bin", records([1, 2], noise(2, 3072)))
    for content, message in [
        (records([1, 2], noise(2, 3072))[:-1], "truncated"),
        (records([1, 2], noise(2, 3072)) + b"\0", "truncated"),
        (bytes(3073 * 10_000 + 1), "over-long"),
        (b"", "no images"),
        (records([11], noise(1, 3072)), "label 11"),
    ]:
        written(tmp_path, "test_batch.bin", content)
        with pytest.raises(DataError, match=r"test_batch\.bin") as raised:
            gd.datasets.cifar10(tmp_path)
        assert message in raised.value.what
