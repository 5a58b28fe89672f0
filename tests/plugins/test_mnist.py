"""IDX files and MNIST, written here in the published form; damaged and hostile ones."""

import gzip
import os
import struct

import numpy as np
import pytest
from graphdiff_data.idx import read_idx
from hypothesis import given
from hypothesis import strategies as st
from plugins.data_files import noise, peak, read_or_refuse, refusal, written

import graphdiff as gd
from graphdiff.errors import DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx(array):
    header = struct.pack(">HBB", 0, CODES[array.dtype.name], array.ndim)
    values = array.astype(array.dtype.newbyteorder(">"))
    return header + struct.pack(f">{array.ndim}I", *array.shape) + values.tobytes()


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("shape", [(7,), (2, 3), (0, 4), (2, 3, 2, 1)])
def test_idx_round_trip(tmp_path, dtype, pack, shape):
    array = noise(*shape).astype(dtype)
    made = read_idx(written(tmp_path, "a", pack(idx(array))))
    assert made.dtype == array.dtype
    assert made.dtype.isnative
    np.testing.assert_array_equal(made, array)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_cut_off_anywhere_is_refused(tmp_path, pack):
    content = pack(idx(noise(3, 2, 2)))
    for length in range(len(content)):
        refusal(read_idx, written(tmp_path, "cut", content[:length]))
    assert read_idx(written(tmp_path, "whole", content)).shape == (3, 2, 2)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_over_long_is_refused(tmp_path, pack):
    assert "over-long" in refusal(read_idx, written(tmp_path, "a", pack(idx(noise(5)) + b"\0")))


def test_gzip_with_something_behind_is_refused(tmp_path):
    refusal(read_idx, written(tmp_path, "a", gzip.compress(idx(noise(5))) + b"#!/bin/sh"))
    refusal(read_idx, written(tmp_path, "b", gzip.compress(idx(noise(5))) + gzip.compress(b"more")))


@given(st.integers(0, 19), st.integers(1, 255))
def test_idx_with_a_changed_byte_is_read_or_refused(folder, place, change):
    content = bytearray(idx(noise(2, 2)))
    content[place % len(content)] ^= change
    read_or_refuse(read_idx, written(folder, "a", bytes(content)))


def test_gzip_with_a_changed_byte_is_refused_or_the_same(tmp_path):
    array = noise(40, 5)
    content = gzip.compress(idx(array))
    for place in range(len(content)):
        broken = content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]
        try:
            np.testing.assert_array_equal(read_idx(written(tmp_path, "a", broken)), array)
        except DataError:
            continue


HUGE = [(2**32 - 1,) * 8, (2**31, 28, 28), (2**30,), (60_000, 28, 28)]


@pytest.mark.parametrize("shape", HUGE)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_of_huge_dimensions_takes_no_memory(tmp_path, shape, pack):
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    path = written(tmp_path, "a", pack(header + bytes(100)))
    assert peak(lambda: refusal(read_idx, path)) < 1 << 20


def test_a_gzip_bomb_is_read_no_further_than_declared(tmp_path):
    path = written(tmp_path, "a", gzip.compress(idx(np.zeros(1000, np.uint8)) + bytes(1 << 28)))
    assert peak(lambda: refusal(read_idx, path)) < 1 << 21


def mnist_files(folder, n=12, suffix="", pack=bytes):
    for part, count in (("train", n), ("t10k", n // 2)):
        written(folder, f"{part}-images-idx3-ubyte{suffix}", pack(idx(noise(count, 28, 28))))
        written(
            folder, f"{part}-labels-idx1-ubyte{suffix}", pack(idx((np.arange(count) % 10).astype(np.uint8)))
        )
    return folder


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress)])
def test_mnist(tmp_path, suffix, pack):
    data = gd.datasets.mnist(mnist_files(tmp_path, suffix=suffix, pack=pack))
    assert data.train.inputs.shape == (12, 1, 28, 28)
    assert data.train.inputs.dtype == np.uint8
    assert data.test.labels.dtype == np.int64
    np.testing.assert_array_equal(data.train.inputs[:, 0], noise(12, 28, 28))
    assert data.test.labels.tolist() == list(range(6))
    assert data.classes == tuple("0123456789")


def test_mnist_says_which_files_are_missing(tmp_path):
    assert "no such folder" in refusal(gd.datasets.mnist, tmp_path / "nowhere")
    mnist_files(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    message = refusal(gd.datasets.mnist, tmp_path)
    assert "3 of 4 files of MNIST" in message
    assert "missing: t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz" in message


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-images-idx3-ubyte", noise(12, 28, 27), "not uint8 (n, 28, 28)"),
        ("train-images-idx3-ubyte", noise(12, 28, 28).astype("int32"), "int32"),
        ("train-images-idx3-ubyte", noise(0, 28, 28), "(0, 28, 28)"),
        ("train-images-idx3-ubyte", noise(12), "(12,)"),
        ("train-labels-idx1-ubyte", noise(11), "(11,)"),
        ("train-labels-idx1-ubyte", np.full(12, 10, np.uint8), "label 10"),
    ],
)
def test_mnist_of_something_else_is_refused(tmp_path, name, array, message):
    written(mnist_files(tmp_path), name, idx(array))
    with pytest.raises(DataError, match=name) as raised:
        gd.datasets.mnist(tmp_path)
    assert message in raised.value.what


def test_what_is_no_file_is_refused(tmp_path):
    mnist_files(tmp_path)
    pipe = tmp_path / "train-labels-idx1-ubyte"
    pipe.unlink()
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="not a regular file"):
        gd.datasets.mnist(tmp_path)
