"""Random numbers: Philox as published, the same bits everywhere, keys, streams, and what passes may do."""

import math

import backends.strict  # noqa: F401
import numpy as np
import pytest
import torch
from graphdiff_numpy import random as on_numpy
from graphdiff_torch.kernels import random as on_torch
from hypothesis import given
from hypothesis import strategies as st
from ops.references_random import NUMPY as REFERENCES
from ops.references_random import WORD
from ops.references_random import philox as plain_philox

import graphdiff as gd
from graphdiff.backend import get_backend
from graphdiff.errors import ArgumentError, DTypeError, ShapeError, StateError
from graphdiff.philox import philox, signed
from graphdiff.testing import CHECKS, Case, RandomSource
from graphdiff.testing.strategies import sources

WORDS = st.integers(0, WORD - 1)
ONES = WORD - 1
# tests/kat_vectors of the Random123 library, lines "philox4x64 10": counter, key, block.
KNOWN = [
    (
        (0, 0, 0, 0),
        (0, 0),
        (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B),
    ),
    (
        (ONES, ONES, ONES, ONES),
        (ONES, ONES),
        (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
    ),
    (
        (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0x452821E638D01377, 0xBE5466CF34E90C6C),
        (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
    ),
]


def computed(counter, key, array):
    parts = [array([signed(n)]) for n in (*counter, *key)]
    with np.errstate(all="ignore"):
        return tuple(int(w[0]) % WORD for w in philox(tuple(parts[:4]), tuple(parts[4:])))


@pytest.mark.parametrize("array", [np.array, torch.tensor])
@pytest.mark.parametrize(("counter", "key", "block"), KNOWN)
def test_known_answers(counter, key, block, array):
    assert computed(counter, key, array) == plain_philox(counter, key) == block


@given(st.tuples(WORDS, WORDS, WORDS, WORDS), st.tuples(WORDS, WORDS))
def test_wrapping_arithmetic_is_that_of_whole_numbers(counter, key):
    for array in (np.array, torch.tensor):
        assert computed(counter, key, array) == plain_philox(counter, key)


@given(st.tuples(WORDS, WORDS), st.integers(0, 70_000))
def test_a_stream_in_blocks_and_threads_is_that_of_numpys_generator(key, count):
    numpys = np.random.Philox(key=np.array(key, np.uint64), counter=[ONES] * 4).random_raw(-(-count // 2))
    halves = np.zeros(count, np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_numpy.threads, "available", lambda: 3)
        patch.setattr(on_numpy.threads, "WORTH", 1)
        on_numpy.stream(np.array([signed(k) for k in key]), count, halves.__setitem__)
    np.testing.assert_array_equal(halves, numpys.view(np.int32)[:count])


EXACT = sorted(REFERENCES.keys() - {"random_normal"})


@pytest.mark.parametrize("name", EXACT)
@given(source=sources())
def test_every_backend_draws_the_same_to_the_last_bit(name, source):
    from ops.catalogue import PRIMITIVES

    case = Case.draw(PRIMITIVES[name], source)
    expected = REFERENCES[name](*case.inputs, **case.params)
    found = []
    for backend in ("numpy", "torch", "strict"):
        with gd.backend(backend):
            found.append(np.asarray(case(*case.inputs)))
    # What runs where the host is not asked, on tensors that are on the host for once.
    found.append(on_torch.COMPUTED[name](*map(torch.tensor, case.inputs), **case.params).numpy())
    for value in found:
        assert (value.dtype, value.shape) == (expected.dtype, expected.shape)
        assert value.tobytes() == expected.tobytes()


def test_many_keys_at_once_are_those_made_one_by_one():
    key = gd.random.key(5)
    keys = gd.random.split(key, 100)
    assert keys.shape == (100, 2)
    for k in (0, 31, 99):
        np.testing.assert_array_equal(keys[k], gd.random.fold_in(key, k))
    assert len({tuple(k) for k in keys.tolist()}) == 100


# What the numbers are like

MANY = 100_000


def test_uniform_numbers_fill_their_range():
    for dtype in ("float16", "float32", "float64"):
        u = np.asarray(gd.random.uniform(gd.random.key(1), (MANY,), dtype=dtype), np.float64)
        assert 0 <= u.min() < 1e-3 < 1 - 1e-3 < u.max() < 1
        assert u.mean() == pytest.approx(0.5, abs=5 / math.sqrt(12 * MANY))
    v = np.asarray(gd.random.uniform(gd.random.key(1), (MANY,), -3.0, 1.0))
    assert -3 <= v.min() < -2.99
    assert 0.99 < v.max() <= 1
    assert v.dtype == np.float32


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_small_floats_on_torch(dtype):
    with gd.backend("torch"):
        key = gd.random.key(1)
        u, z = gd.random.uniform(key, (MANY,), dtype=dtype), gd.random.normal(key, (MANY,), dtype)
        assert u.dtype == z.dtype == dtype
        assert 0 <= u.numpy().min() < u.numpy().max() < 1
        expected = gd.random.normal(key, (MANY,)).numpy()
        np.testing.assert_allclose(z, expected, rtol=1e-2, atol=1e-2)
        dropped = gd.layers.Dropout(0.25, seed=0)(gd.ones(MANY, dtype))
        assert dropped.dtype == dtype
        assert set(dropped.numpy().tolist()) == {0.0, float(gd.tensor(4 / 3, dtype))}
    if dtype == "float16":
        np.testing.assert_array_equal(u, gd.random.uniform(gd.random.key(1), (MANY,), dtype=dtype))


def test_normal_numbers_are_normal():
    from scipy import stats

    z = np.asarray(gd.random.normal(gd.random.key(2), (MANY,)))
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(z[: MANY // 2], z[MANY // 2 :])[0, 1]) < 5 / math.sqrt(MANY / 2)
    assert gd.random.normal(gd.random.key(2), (3, 5), "float64").shape == (3, 5)


@given(st.sampled_from([0.0, 1e-3, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 2**128 - 1))
def test_bernoullis_share_of_trues_is_p(p, seed):
    share = np.asarray(gd.random.bernoulli(gd.random.key(seed), p, (MANY,))).mean()
    assert abs(share - p) <= 6 * math.sqrt(p * (1 - p) / MANY)


@given(st.integers(-50, 50), st.integers(1, 7), st.integers(0, 2**64))
def test_integers_are_equally_probable(low, width, seed):
    drawn = np.asarray(gd.random.randint(gd.random.key(seed), low, low + width, (10_000,)))
    counts = np.bincount(drawn - low, minlength=width)
    assert len(counts) == width
    assert np.abs(counts - 10_000 / width).max() <= 6 * math.sqrt(10_000 / width)


def test_integers_reach_both_ends_of_int64():
    for low in (-(2**63), 2**63 - 2**32):
        drawn = np.asarray(gd.random.randint(gd.random.key(0), low, low + 2**32, (1000,)))
        assert ((drawn >= low) & (drawn <= low + (2**32 - 1))).all()


@given(st.integers(0, 200), st.integers(0, 2**64))
def test_a_permutation_holds_every_number_once(n, seed):
    assert sorted(gd.random.permutation(gd.random.key(seed), n).tolist()) == list(range(n))


# Keys


def test_other_keys_other_numbers():
    keys = [gd.random.key(k) for k in (0, 1, 2**64, 2**128 - 1)]
    keys += list(gd.random.split(keys[0], 3))
    keys += [gd.random.fold_in(keys[0], -1), gd.random.fold_in(keys[1], 0)]
    drawn = {gd.random.bits(key, (4,)).numpy().tobytes() for key in keys}
    assert len(drawn) == len(keys)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda k: gd.random.key(-1), ArgumentError, "-1 is no seed"),
        (lambda k: gd.random.key(2**128), ArgumentError, "no seed"),
        (lambda k: gd.random.key(0.5), ArgumentError, "no seed"),
        (
            lambda k: gd.random.bits([1, 2, 3]),
            ShapeError,
            r"int64\[3\] is no .*random\.key\(seed\)",
        ),
        (lambda k: gd.random.normal(np.zeros(2)), DTypeError, "float64.* is no random key"),
        (lambda k: gd.random.bits(k, (-1,)), ShapeError, "not a shape"),
        (lambda k: gd.random.bits(k, "ab"), ShapeError, "not a shape"),
        (lambda k: gd.random.uniform(k, 3, dtype="int64"), DTypeError, "floating"),
        (lambda k: gd.random.normal(k, 3, dtype="bool"), DTypeError, "floating"),
        (lambda k: gd.random.bernoulli(k, 1.5), ArgumentError, "1.5 is no probability"),
        (lambda k: gd.random.bernoulli(k, float("nan")), ArgumentError, "no probability"),
        (lambda k: gd.random.randint(k, 3, 3), ArgumentError, "apart"),
        (lambda k: gd.random.randint(k, 0, 2**33), ArgumentError, "apart"),
        (lambda k: gd.random.randint(k, 0.0, 2), ArgumentError, "integers"),
        (lambda k: gd.random.permutation(k, -1), ShapeError, "not a shape"),
        (lambda k: gd.random.fold_in(k, 0.5), DTypeError, "give integers"),
    ],
)
def test_refused(call, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        call(gd.random.key(0))


def test_parameters_are_differentiated_by_users_arithmetic():
    mean, deviation = gd.variables(mean=1.0, deviation=2.0)
    z = gd.random.normal(gd.random.key(0), (5,), "float64")
    back = gd.sum(mean + deviation * z).backward()
    assert back[mean] == 5
    assert back[deviation].item() == pytest.approx(z.numpy().sum())


# In compiled functions


def test_the_key_is_an_input():
    def draw(key):
        return gd.random.normal(key, (3,)), gd.random.bernoulli(key, 0.5, (9,))

    compiled = gd.compile(draw)
    for key in gd.random.split(gd.random.key(0), 3):
        for found, expected in zip(compiled(key), draw(key), strict=True):
            assert found.numpy().tobytes() == expected.numpy().tobytes()
    assert compiled.traces == 1


def test_equal_draws_become_one_and_a_known_key_is_drawn_from_once():
    twice = gd.compile(lambda key: gd.random.bits(key, (3,)) + gd.random.bits(key, (3,)))
    key = gd.random.key(0)
    np.testing.assert_array_equal(twice(key), 2 * gd.random.bits(key, (3,)).numpy())
    assert [n.primitive.name for n in twice.graph if n.primitive].count("random_bits") == 1
    apart = gd.compile(lambda key: gd.random.bits(key, (3,)) + gd.random.bits(key, (3, 1)))
    apart(key)
    assert [n.primitive.name for n in apart.graph if n.primitive].count("random_bits") == 2
    known = gd.compile(lambda x: x + gd.random.uniform(key, (3,)))
    np.testing.assert_array_equal(known(np.zeros(3, "float32")), gd.random.uniform(key, (3,)))
    assert [n.primitive.name for n in known.graph if n.primitive] == ["add"]


# Streams


def numbers(stream, count, compiled=False, backend="numpy"):
    def step():
        return gd.random.bits(stream.next(), (2,))

    run = gd.compile(step) if compiled else step
    return [run().tolist() for _ in range(count)]


def test_a_stream_gives_new_numbers_and_is_one_whether_compiled_or_not():
    eager = numbers(gd.random.Stream(3), 4)
    assert len({tuple(n) for n in eager}) == 4
    assert numbers(gd.random.Stream(3), 4, compiled=True) == eager
    with gd.backend("torch"):
        assert numbers(gd.random.Stream(3), 4) == numbers(gd.random.Stream(3), 4, compiled=True) == eager


def test_streams_follow_the_seed():
    drawn = []
    for _ in range(2):
        gd.seed(7)
        drawn.append([numbers(gd.random.Stream(), 2), numbers(gd.random.Stream(), 2)])
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


def test_a_stream_is_resumed_by_its_state():
    stream = gd.random.Stream(3)
    numbers(stream, 2)
    state = stream.state_dict()
    expected = numbers(stream, 3)
    other = gd.random.Stream(9)
    other.load_state_dict(state)
    assert numbers(other, 3, compiled=True) == expected


def test_a_state_dict_may_lack_streams_but_nothing_else():
    model = gd.layers.Sequential(gd.layers.Linear(2, 2), gd.random.Stream(1))
    numbers(model[1], 1)
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("1.")}
    assert set(state) == {"0.weight", "0.bias"}
    model.load_state_dict(state)
    assert model[1].count.item() == 1
    with pytest.raises(StateError, match=r"missing 0\.bias; unknown none"):
        model.load_state_dict({"0.weight": state["0.weight"]})
    gd.random.Stream(1).load_state_dict({})


def test_no_check_is_left_out_for_composites_of_random_primitives():
    from ops.catalogue import PRIMITIVES

    assert get_backend("numpy").kernel(PRIMITIVES["random_normal"]) is None
    for seed in range(5):
        CHECKS["decomposition"](Case.draw(PRIMITIVES["random_normal"], RandomSource(seed)))


@pytest.mark.parametrize("name", ["random_bits", "random_bernoulli", "random_fold_in"])
def test_a_captured_torch_program_draws_from_the_key_it_is_given(name):
    from ops.catalogue import PRIMITIVES
    from torch.fx.experimental.proxy_tensor import make_fx

    case = Case.draw(PRIMITIVES[name], RandomSource(3))
    inputs = [torch.tensor(x) for x in case.inputs]
    captured = make_fx(lambda *xs: on_torch.RANDOM[name](*xs, **case.params), tracing_mode="fake")(*inputs)
    for k in range(3):
        given = [inputs[0] + k, *inputs[1:]]
        expected = REFERENCES[name](*(x.numpy() for x in given), **case.params)
        np.testing.assert_array_equal(captured(*given), expected)
