"""Which dtype results have: promotion, Python scalars, integers, and what arithmetic refuses."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import DTypeError

F32, F64, I64, I32 = (np.ones(2, dtype) for dtype in ("float32", "float64", "int64", "int32"))
BOOL = np.array([True, False])


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (F32, F64, "float64"),
        (I64, F32, "float32"),
        (I64, F64, "float64"),
        (I32, I64, "int64"),
        (BOOL, F32, "float32"),
        (BOOL, I32, "int32"),
        (F32, 2.5, "float32"),
        (F32, 2, "float32"),
        (F32, True, "float32"),
        (I32, 2, "int32"),
        (I32, 2.5, "float64"),
    ],
)
@pytest.mark.parametrize("fn", [gd.add, gd.multiply, gd.maximum, gd.power])
def test_mixed_operands_meet(fn, one, two, expected):
    for x, y in ((one, two), (two, one)):
        assert fn(x, y).dtype == expected
        assert fn(*(gd.tensor(v) if isinstance(v, np.ndarray) else v for v in (x, y))).dtype == expected


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: 2 * x + 1.5,
        lambda x: 1 / x - 3,
        lambda x: x**2,
        lambda x: 2**x,
        lambda x: gd.where(x > 0, x, 0.5),
        lambda x: gd.clip(x, -1.0, 1.0),
        lambda x: gd.maximum(x, 0.1),
        lambda x: gd.sum(gd.softmax(x) * gd.log_softmax(x)),
        lambda x: gd.var(x, ddof=1) + gd.std(x) + gd.norm(x) + gd.mean(x) + gd.logsumexp(x),
        lambda x: gd.index_update(x, 0, 2.5),
        lambda x: gd.scatter_add(x, [0, 0], 2.5),
        lambda x: gd.pad(x, 1, value=0.1),
    ],
)
def test_float32_survives_python_scalars(fn):
    x = gd.variable(np.array([0.5, 1.5, 2.5], np.float32))
    out = fn(x)
    assert out.dtype == "float32"
    assert gd.sum(out).backward()[x].dtype == "float32"


@pytest.mark.parametrize(
    "fn", [gd.exp, gd.sqrt, gd.sin, gd.sigmoid, gd.softmax, gd.mean, gd.var, gd.norm, gd.erf]
)
@pytest.mark.parametrize("x", [I64, I32, BOOL])
def test_integers_become_float64_where_results_are_fractions(fn, x):
    out = fn(x)
    assert out.dtype == "float64"
    np.testing.assert_allclose(out, fn(x.astype(np.float64)))


def test_dividing_integers_gives_float64():
    assert gd.divide(I64, 2).dtype == (gd.tensor(1) / gd.tensor(2)).dtype == "float64"
    assert (gd.tensor(1) / gd.tensor(2)).item() == 0.5


def test_integers_stay_integers_in_arithmetic():
    x = gd.tensor([1, 2])
    for out in (
        x + 1,
        x * x,
        -x,
        x**2,
        gd.abs(x),
        gd.maximum(x, 0),
        gd.sum(x),
        gd.prod(x),
        gd.cumsum(x),
        gd.max(x),
    ):
        assert out.dtype == "int64"


@pytest.mark.parametrize(("dtype", "wide"), [("int8", "int64"), ("uint8", "uint64"), ("bool", "int64")])
def test_small_integers_are_counted_in_64_bits(dtype, wide):
    x = np.ones(300, dtype)
    for fn, value in ((gd.sum, 300), (gd.prod, 1), (lambda x: gd.cumsum(x)[-1], 300)):
        assert fn(x).dtype == wide
        assert fn(x).item() == value


def test_joined_tensors_meet_in_one_dtype():
    assert gd.concatenate([F32, F64]).dtype == gd.stack([I64, F64]).dtype == "float64"
    assert gd.matmul(F32, I64).dtype == "float32"
    assert gd.einsum("i,i->i", F32, F64).dtype == "float64"
    back = gd.variable(F32)
    assert gd.sum(gd.concatenate([back, F64])).backward()[back].dtype == "float32"


def test_gradients_are_cast_back_to_each_operand():
    x, y = gd.variable(F32), gd.variable(F64)
    record = gd.sum(x * y).backward()
    assert (record[x].dtype, record[y].dtype) == ("float32", "float64")


def test_comparisons_and_logic_give_booleans():
    x = gd.tensor([1.0, 2.0])
    for out in (x > 1, x == 2, x != x, ~(x >= 2), (x > 0) & (x < 2), (x > 0) | (x < 2), gd.isnan(x)):
        assert out.dtype == "bool"


@pytest.mark.parametrize(
    "call",
    [
        lambda: gd.tensor(BOOL) + gd.tensor(BOOL),
        lambda: -gd.tensor(BOOL),
        lambda: gd.logical_and(F64, F64),
        lambda: ~gd.tensor(I64),
        lambda: gd.where(F64, 1.0, 2.0),
        lambda: gd.one_hot(F64, 3),
        lambda: gd.grad(lambda x: gd.sum(x))(I64),
        lambda: gd.cast(F64, "complex128"),
    ],
)
def test_what_has_no_meaning_is_refused(call):
    with pytest.raises(DTypeError):
        call()


def kept(t):
    """The dtype that the array really has."""
    return t.backend.spec(t.data).dtype


def test_clipped_integers_stay_integers_between_integers():
    cases = {(2, None): [2, 2, 3], (None, 2): [1, 2, 2], (0, 2): [1, 2, 2], (-(10**30), 10**30): [1, 2, 3]}
    for bounds, expected in cases.items():
        out = gd.clip([1, 2, 3], *bounds)
        assert out.dtype == kept(out) == "int64"
        assert out.tolist() == expected


@pytest.mark.parametrize("bounds", [(0.5, 2.5), (1.5, None), (None, 2.0), (0, 2.5)])
def test_clipped_integers_are_float64_between_floats(bounds):
    out = gd.clip([1, 2, 3], *bounds)
    assert out.dtype == kept(out) == "float64"
    np.testing.assert_array_equal(out, np.clip([1, 2, 3], *bounds))


@pytest.mark.parametrize("fn", [gd.sigmoid, gd.erf])
def test_float16_stays_float16(fn):
    for shape in ((), (3,)):
        assert kept(fn(gd.ones(shape, "float16"))) == "float16"


def test_moments_of_float16_are_gathered_in_more_range():
    x = gd.variable(np.full(1000, 100, "float16"))
    for fn, value in ((gd.mean, 100), (gd.var, 0), (gd.std, 0), (gd.norm, 3162)):
        assert fn(x).dtype == kept(fn(x)) == "float16"
        assert fn(x).item() == value
    assert gd.mean(x).backward()[x].dtype == "float16"
    assert gd.logsumexp(np.zeros(100_000, "float16")).item() == pytest.approx(np.log(1e5), rel=1e-3)
