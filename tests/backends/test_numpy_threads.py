"""Sharing work among threads: each part once, errors and NumPy's settings carried over, BLAS as it was."""

import os
import threading
import warnings

import numpy as np
import pytest
from graphdiff_numpy import threads
from graphdiff_numpy.kernels import RAW

BUSY = threads.WORTH


@pytest.fixture(autouse=True)
def _three_threads(monkeypatch):
    monkeypatch.setattr(threads, "available", lambda: 3)


def parts_of(count, look, cost=BUSY):
    """What ``look(start, stop)`` gives in each part, by its start."""
    found = {}
    threads.shared(count, lambda start, stop: found.update({start: look(start, stop)}), cost)
    return [found[start] for start in sorted(found)]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_parts_cover_all_once(count):
    parts = parts_of(count, range)
    assert [i for part in parts for i in part] == list(range(count))
    assert len(parts) == min(3, count)


def test_little_work_stays_here():
    here = threading.current_thread()
    assert parts_of(10, lambda start, stop: threading.current_thread(), BUSY - 1) == [here]


def test_each_part_has_a_thread_of_its_own():
    barrier = threading.Barrier(3, timeout=10)  # which opens when all three are there
    assert sorted(parts_of(3, lambda start, stop: barrier.wait())) == [0, 1, 2]


def test_threads_are_kept():
    parts_of(3, range)
    before = threading.active_count()
    for _ in range(3):
        parts_of(3, range)
    assert threading.active_count() == before


def test_who_comes_while_others_share_works_alone():
    inner = parts_of(3, lambda start, stop: parts_of(6, range))
    assert inner == [[range(6)]] * 3


@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_an_error_in_a_part_is_raised_here(culprit):
    ended = []

    def work(start, stop):
        ended.append(start)
        if start == culprit:
            raise ZeroDivisionError(f"part {start}")

    for _ in range(2):  # and the second call is not refused its threads
        with pytest.raises(ZeroDivisionError, match=f"part {culprit}"):
            threads.shared(3, work, BUSY)
        assert sorted(ended) == [0, 1, 2]
        ended.clear()


def test_errstate_holds_in_every_part():
    with np.errstate(all="ignore"):
        assert parts_of(3, lambda start, stop: np.geterr()["over"]) == ["ignore"] * 3


@pytest.mark.parametrize("cost", [0, BUSY])
def test_blas_gets_its_threads_back(cost):
    before = [lib.num_threads for lib in threads._blas()]
    inside = parts_of(2, lambda start, stop: [lib.num_threads for lib in threads._blas()], cost)
    assert {tuple(counts) for counts in inside} == {(1,) * len(before)}
    assert [lib.num_threads for lib in threads._blas()] == before


@pytest.mark.parametrize("channels", [3, 20])
@pytest.mark.parametrize("kernel", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
def test_convolutions_do_not_depend_on_the_number_of_threads(monkeypatch, kernel, channels):
    monkeypatch.setattr(threads, "WORTH", 0)
    rng = np.random.default_rng(0)
    shapes = (4, channels, 18, 18), (24, channels, 3, 3)
    images, filters = (rng.normal(size=s).astype("float32") for s in shapes)
    upstream = rng.normal(size=(4, 24, 18, 18)).astype("float32")
    same = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    operands, rest = {
        "conv2d": ((images, filters), {}),
        "conv2d_input_grad": ((upstream, filters), {"input_shape": images.shape}),
        "conv2d_weight_grad": ((images, upstream), {"weight_shape": filters.shape}),
    }[kernel]
    results = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "available", lambda count=count: count)
        results.append(RAW[kernel](*operands, **same, **rest).tobytes())
    assert len(set(results)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only some systems fork")
def test_a_forked_process_shares_again():
    def fork_in_part(start, stop):
        if start or threading.current_thread() is not threading.main_thread():
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of threads in the parent
            child = os.fork()
        if not child:
            os._exit(0 if len(parts_of(3, range)) == 3 else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert parts_of(3, fork_in_part)[0] == 0
