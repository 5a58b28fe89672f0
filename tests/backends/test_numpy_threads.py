"""Sharing work among threads: parts in order, errors and NumPy's settings carried over, BLAS as it was."""

import threading

import numpy as np
import pytest
from graphdiff_numpy import threads

BUSY = threads.WORTH


@pytest.fixture(autouse=True)
def _three_threads(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda: 3)


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_parts_cover_all_in_order(count):
    parts = threads.shared(count, lambda start, stop: list(range(start, stop)), BUSY)
    assert [i for part in parts for i in part] == list(range(count))
    assert len(parts) == min(3, count)


def test_little_work_stays_here():
    assert threads.shared(10, lambda start, stop: threading.current_thread(), BUSY - 1) == [
        threading.current_thread()
    ]


@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_an_error_in_a_part_is_raised_here(culprit):
    ended = []

    def work(start, stop):
        ended.append(start)
        if start == culprit:
            raise ZeroDivisionError(f"part {start}")

    with pytest.raises(ZeroDivisionError, match=f"part {culprit}"):
        threads.shared(3, work, BUSY)
    assert sorted(ended) == [0, 1, 2]


def test_errstate_holds_in_every_part():
    with np.errstate(all="ignore"):
        assert threads.shared(3, lambda start, stop: np.geterr()["over"], BUSY) == ["ignore"] * 3


def test_blas_gets_its_threads_back():
    before = [lib.num_threads for lib in threads._blas()]
    inside = threads.shared(2, lambda start, stop: [lib.num_threads for lib in threads._blas()], BUSY)
    assert inside == [[1] * len(before)] * 2
    assert [lib.num_threads for lib in threads._blas()] == before
