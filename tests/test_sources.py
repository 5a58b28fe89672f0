"""Batches of any source, splits, and batches made ahead."""

import threading
import time
from itertools import count, islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

import graphdiff as gd
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.train import Arrays, Dataset, Draws, Transform, as_batches, hold_out, k_folds, prefetch


class Noise(Transform):
    """Adds numbers that belong to the example."""

    def apply(self, inputs, draws):
        return inputs + draws.uniform()[0]


def numbered(n):
    return Arrays(np.arange(n, dtype="float64"), np.arange(n))


@given(st.integers(1, 30), st.integers(1, 12), st.booleans(), st.booleans())
def test_batches_hold_every_example_once(n, size, shuffle, drop_last):
    made = list(as_batches(numbered(n), size, shuffle=shuffle, drop_last=drop_last, seed=3))
    labels = [label for batch in made for label in batch.labels]
    assert len(labels) == len(set(labels)) == (n // size * size if drop_last else n)
    assert all((batch.inputs == batch.labels).all() for batch in made)
    assert all(len(batch.labels) == size for batch in made[:-1])
    if not shuffle:
        assert labels == sorted(labels)


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return [b.labels.tolist() for b in as_batches(numbered(50), 8, shuffle=True, seed=seed, epoch=epoch)]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


@given(st.integers(1, 20), st.integers(1, 20))
def test_an_example_is_changed_alike_in_any_batch(one, other):
    def changed(size, shuffle):
        batches = as_batches(numbered(20), size, shuffle=shuffle, transform=Noise(), seed=5, epoch=1)
        return {int(label): value for b in batches for value, label in zip(b.inputs, b.labels, strict=True)}

    assert changed(one, True) == changed(other, False)


def test_ready_batches_are_numbered_in_their_order():
    ready = [(np.zeros(3), np.zeros(3)), (np.zeros(2), np.zeros(2))]
    together = next(as_batches(Arrays(np.zeros(5), np.zeros(5)), 5, transform=Noise(), seed=1)).inputs
    apart = np.concatenate([b.inputs for b in as_batches(ready, transform=Noise(), seed=1)])
    np.testing.assert_array_equal(apart, together)
    assert [len(b.inputs) for b in as_batches(ready, drop_last=True)] == [3]


def test_torchs_loader_is_a_source():
    inputs = torch.arange(20, dtype=torch.float32).reshape(10, 2)
    data = TensorDataset(inputs, torch.arange(10))
    made = list(as_batches(DataLoader(data, batch_size=4)))
    assert [type(a) for a in made[0]] == [np.ndarray, np.ndarray]
    assert [len(b.labels) for b in made] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([b.inputs for b in made]), inputs.numpy())
    assert made[0].labels.dtype == np.int64
    shuffled = DataLoader(data, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(1))
    assert sorted(np.concatenate([b.labels for b in as_batches(shuffled)])) == list(range(10))


def test_torchs_tensors_with_gradients_are_a_pair():
    pair = torch.ones(3, 2, requires_grad=True), torch.tensor([0, 1, 2])
    (batch,) = as_batches(pair, 8)
    assert batch.inputs.tolist() == [[1, 1]] * 3


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (7, ArgumentError, "int gives no examples"),
        ([], ArgumentError, "list gave no batches"),
        ([1, 2, 3], ArgumentError, "a batch is a pair"),
        ([(np.zeros(2), np.zeros(3))], ShapeError, "do not pair"),
        (Arrays(np.zeros(2), np.zeros(3)), ShapeError, "do not pair"),
        (Arrays(np.float64(2), np.float64(3)), ShapeError, "do not pair"),
        (TensorDataset(torch.zeros(4, 2), torch.zeros(4)), ShapeError, "into a DataLoader"),
    ],
)
def test_what_gives_no_batches_is_refused(source, error, message):
    with pytest.raises(error, match=message):
        list(as_batches(source, 2))


def test_a_spent_iterator_is_refused():
    once = iter([(np.zeros(2), np.zeros(2))])
    assert len(list(as_batches(once))) == 1
    with pytest.raises(ArgumentError, match="starts again"):
        list(as_batches(once))


# --- splits ---


def labelled(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    return Arrays(np.arange(len(labels)), labels)


@given(st.lists(st.integers(8, 30), min_size=2, max_size=4), st.integers(0, 9))
def test_a_part_held_out_has_its_share_of_every_class(counts, seed):
    train, test = hold_out(labelled(counts), 0.25, seed=seed)
    assert sorted([*train.inputs, *test.inputs]) == list(range(sum(counts)))
    held = np.bincount(test.labels, minlength=len(counts))
    assert (abs(held - np.array(counts) / 4) <= 1).all()


@given(st.lists(st.integers(5, 20), min_size=2, max_size=4), st.integers(2, 5), st.booleans())
def test_every_example_is_held_out_by_one_fold(counts, k, stratify):
    folds = list(k_folds(labelled(counts), k, seed=1, stratify=stratify))
    assert len(folds) == k
    assert sorted(i for fold in folds for i in fold.test.inputs) == list(range(sum(counts)))
    for train, test in folds:
        assert sorted([*train.inputs, *test.inputs]) == list(range(sum(counts)))
        if stratify:
            held = np.bincount(test.labels, minlength=len(counts))
            assert (abs(held - np.array(counts) / k) < 1).all()


def test_splits_follow_the_seed():
    data = labelled([20, 20])
    assert (hold_out(data, seed=1).test.inputs == hold_out(data, seed=1).test.inputs).all()
    assert (hold_out(data, seed=1).test.inputs != hold_out(data, seed=2).test.inputs).any()


def test_splits_that_make_no_sense_are_refused():
    data = labelled([3, 9])
    with pytest.raises(ArgumentError, match="the rarest class has 3 examples"):
        next(k_folds(data, 4))
    with pytest.raises(ArgumentError, match="k=1 folds"):
        next(k_folds(data, 1))
    with pytest.raises(ArgumentError, match="the data has 12 examples"):
        next(k_folds(data, 13, stratify=False))
    with pytest.raises(ArgumentError, match=r"test_fraction=1\.5"):
        hold_out(data, 1.5)
    with pytest.raises(ArgumentError, match="test_fraction=4"):
        hold_out(data, 4)
    real = Arrays(np.zeros((8, 2)), np.linspace(0, 1, 8))
    with pytest.raises(ArgumentError, match="stratify=False"):
        hold_out(real)
    assert len(hold_out(real, stratify=False).test.labels) == 2


def test_a_dataset_unpacks_and_maps():
    data = Dataset(numbered(4), numbered(2), ["a", "b"], "numbers")
    doubled = data.map(lambda x: 2 * x)
    train, test = doubled
    assert train.inputs.tolist() == [0, 2, 4, 6]
    assert test.labels.tolist() == [0, 1]
    assert (doubled.classes, doubled.description) == (("a", "b"), "numbers")


# --- random numbers that belong to an example ---


@given(
    st.integers(0, 2**64 - 1), st.integers(0, 1000), st.lists(st.integers(0, 2**40), min_size=2, max_size=9)
)
def test_draws_do_not_depend_on_the_batch(seed, epoch, indices):
    whole = Draws(seed, epoch, np.array(indices))
    first = Draws(seed, epoch, np.array(indices[:1]))
    for _ in range(2):
        np.testing.assert_array_equal(whole.uniform(count=3)[:, :1], first.uniform(count=3))
    np.testing.assert_array_equal(whole.fork(1).integers(9)[:, :1], first.fork(1).integers(9))


def test_draws_are_uniform_and_unrelated():
    draws = Draws(0, 0, np.arange(20_000))
    a, b = draws.uniform(count=2)
    others = [
        draws.uniform()[0],
        draws.fork(0).uniform()[0],
        draws.fork(1).uniform()[0],
        Draws(1, 0, np.arange(20_000)).uniform()[0],
        Draws(0, 1, np.arange(20_000)).uniform()[0],
        np.roll(a, 1),
    ]
    columns = np.array([a, b, *others])
    assert ((columns >= 0) & (columns < 1)).all()
    # Twenty thousand numbers: a mean lies within 5 standard errors of 1/2, a correlation of 0.
    np.testing.assert_allclose(columns.mean(axis=1), 0.5, atol=5 / np.sqrt(12 * 20_000))
    np.testing.assert_allclose(np.corrcoef(columns) - np.eye(len(columns)), 0, atol=5 / np.sqrt(20_000))
    tenths = np.bincount((a * 10).astype(int), minlength=10)
    assert ((tenths - 2000) ** 2 / 2000).sum() < 35  # chi squared of 9 degrees, beyond the 0.9999 quantile
    assert set(draws.integers(3)[0].tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    "arguments",
    [(-1, 0, [0]), (2**64, 0, [0]), (0, -1, [0]), (0.5, 0, [0]), (0, 0, [-1]), (0, 0, [0.5]), (0, 0, [[0]])],
)
def test_what_is_no_seed_or_index_is_refused(arguments):
    seed, epoch, indices = arguments
    with pytest.raises((ArgumentError, ShapeError)):
        Draws(seed, epoch, np.array(indices))


# --- prefetch ---


def workers():
    return [t for t in threading.enumerate() if t is not threading.main_thread()]


@given(st.lists(st.integers(), max_size=20), st.integers(1, 5))
def test_prefetch_gives_the_same_items(items, depth):
    before = workers()
    assert list(prefetch(iter(items), depth)) == items
    assert workers() == before


def test_prefetch_works_ahead_in_another_thread():
    made, enough = [], threading.Event()

    def source():
        for number in range(9):
            made.append(threading.current_thread())
            if number == 2:
                enough.set()
            yield number

    ahead = prefetch(source(), 2)
    assert next(ahead) == 0
    assert enough.wait(30)
    assert threading.main_thread() not in made
    assert list(ahead) == list(range(1, 9))


def test_an_error_comes_after_the_items_before_it():
    def source():
        yield 1
        yield 2
        raise KeyError("broken")

    ahead = prefetch(source())
    assert list(islice(ahead, 2)) == [1, 2]
    with pytest.raises(KeyError, match="broken"):
        next(ahead)
    assert list(ahead) == []


@pytest.mark.parametrize("taken", [1, 3])
def test_closing_ends_the_thread_and_the_source(taken):
    closed, before = [], workers()

    def source():
        try:
            yield from count()
        finally:
            closed.append(threading.current_thread())

    ahead = prefetch(source(), 2)
    assert list(islice(ahead, taken)) == list(range(taken))
    ahead.close()
    assert workers() == before
    assert len(closed) == 1
    assert closed[0] is not threading.main_thread()


def test_an_error_while_closing_is_kept_from_no_one():
    def source():
        try:
            yield 1
        finally:
            raise OSError("while closing")

    with pytest.raises(OSError, match="while closing"):
        list(prefetch(source()))


def test_prefetch_keeps_the_callers_backend():
    def source():
        yield gd.tensor(1.0).backend.name

    with gd.backend("torch"):
        assert list(prefetch(source())) == ["torch"]


def test_prefetch_of_a_slow_source_and_a_slow_user():
    def source():
        for number in range(5):
            time.sleep(0.002)
            yield number

    taken = []
    for number in prefetch(source(), 1):
        time.sleep(0.002)
        taken.append(number)
    assert taken == list(range(5))


def test_prefetch_of_nothing_ahead_is_refused():
    with pytest.raises(ArgumentError, match="depth=0"):
        prefetch([1], 0)
