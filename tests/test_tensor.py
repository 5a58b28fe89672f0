"""Eager tensors: dtypes, Python's protocols, NumPy interoperability, recording, errors."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.dtypes import as_dtype
from graphdiff.errors import (
    ArgumentError,
    BackendError,
    DTypeError,
    GradientError,
    MutationError,
    ShapeError,
    TracingError,
)
from graphdiff.leaf import abstract

FLOATS = ["float16", "float32", "float64"]


# Dtypes


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scalar", [2, 2.5, True])
def test_python_scalars_take_the_tensors_dtype(dtype, scalar):
    x = gd.variable([1.0, 2.0], dtype)
    for y in (x + scalar, scalar - x, x * scalar, x / scalar, scalar**x, gd.maximum(x, scalar), gd.exp(x)):
        assert y.dtype == dtype
        y.sum().backward()
        assert x.grad.dtype == dtype


def test_integers_never_widen_floats():
    assert (gd.tensor([1, 2]) + gd.tensor([1.0], "float32")).dtype == "float32"
    assert (gd.tensor([True]) * gd.tensor([1.0], "float32")).dtype == "float32"
    assert (gd.tensor([1.0], "float64") + gd.tensor([1.0], "float32")).dtype == "float64"


def test_integers_meet_floats_in_float64():
    assert (gd.tensor([1, 2]) + 0.5).dtype == "float64"
    assert gd.exp(gd.tensor([1, 2])).dtype == "float64"
    assert (gd.tensor([1, 2]) / 2).dtype == "float64"


def test_a_dtype_equals_all_its_spellings():
    dtype = gd.tensor(1.0, "float32").dtype
    assert dtype == "float32" == dtype
    assert dtype == np.float32
    assert dtype == np.dtype("float32")
    assert dtype == torch.float32
    assert dtype != np.float64
    assert dtype != "nonsense"
    assert np.zeros(1, dtype).dtype == np.float32
    assert as_dtype(float) == "float64"
    assert pickle.loads(pickle.dumps(dtype)) is dtype


def test_mixed_dtypes_meet_in_a_cast_that_is_drawn_and_differentiated():
    x, y = gd.variable([1.0], "float32"), gd.variable([2.0], "float64")
    back = (x * y).sum().backward()
    assert back[x].dtype == "float32"
    assert back[y].dtype == "float64"
    assert "cast" in {n.primitive.name for n in back.forward_graph if n.primitive}


# Python


def test_a_tensor_speaks_python():
    x = gd.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert float(x[0, 1]) == 2.0
    assert int(gd.tensor(7)) == 7
    assert [10, 20, 30][gd.tensor(1)] == 20
    assert bool(gd.tensor(1.0))
    assert f"{gd.tensor(1.23456):.2f}" == "1.23"
    assert x.T.shape == (2, 2)
    assert (+x) is x
    assert (abs(-x) == x).numpy().all()
    assert ((x > 1) & ~(x > 3) | (x == 4)).tolist() == [[False, True], [True, True]]
    assert x != None  # noqa: E711
    assert {x: 1}[x] == 1


def test_repr_is_readable():
    assert repr(gd.tensor(-4.0)) == "Tensor(-4., float64)"
    assert repr(gd.variable([1, 2], "float32", name="w")) == "Tensor([1., 2.], float32, name='w')"
    assert "shape=(0, 3)" in repr(gd.zeros((0, 3)))
    assert "shape=(1000,)" in repr(gd.zeros(1000))
    assert "..." in repr(gd.zeros(1000))
    assert repr(abstract(gd.TensorSpec((2,), "float32"), "x")) == "Tensor(float32[2], name='x', traced)"


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_carry_values_and_no_history(make):
    x = gd.variable([1.0, 2.0], "float32", name="x")
    other = make(x)
    assert other.tolist() == [1, 2]
    assert (other.name, other.dtype, other.role, other.recorded) == ("x", "float32", "input", True)
    assert make(x * 2).primitive is None


# NumPy, DLPack


def test_numpy_functions_stay_in_the_graph():
    x = gd.variable([1.0, 2.0, 3.0])
    a = np.arange(3.0)
    for y in (
        np.sin(x),
        np.add(x, a),
        a * x,
        np.sum(x),
        np.mean(x, axis=0),
        np.concatenate([x, a]),
        np.add.reduce(x),
    ):
        assert isinstance(y, gd.Tensor)
        assert y.recorded
    assert np.shape(x) == (3,)
    assert np.clip(x, 1.5, 2.5).tolist() == [1.5, 2, 2.5]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.linalg.norm(x),
        lambda x: np.median(x),
        lambda x: np.sum(x, initial=1.0),
        lambda x: np.multiply.outer(x, x),
        lambda x: np.gcd(x, x),
        lambda x: np.add(x, 1, where=np.array([True])),
    ],
)
def test_numpy_functions_without_counterpart_say_so(call):
    with pytest.raises(ArgumentError, match=r"np\.asarray\(t\) to leave the graph"):
        call(gd.variable([1.0]))


def test_out_is_refused():
    with pytest.raises(MutationError, match="out="):
        np.add(gd.variable([1.0]), 1, out=np.zeros(1))


def test_arrays_taken_out_are_read_only():
    x = gd.variable([1.0, 2.0])
    out = np.asarray(x)
    with pytest.raises(ValueError, match="read-only"):
        out[0] = 5
    assert np.array(x).flags.writeable
    assert np.asarray(x, dtype="float32").dtype == np.float32


def test_a_tensor_does_not_see_later_changes_of_its_array():
    source = np.ones(2)
    x = gd.tensor(source)
    source[0] = 5
    assert x.tolist() == [1, 1]


@given(st.booleans(), st.sampled_from(["float32", "float64", "int64"]))
def test_dlpack_goes_both_ways(reverse, dtype):
    values = np.arange(6, dtype=dtype).reshape(2, 3)[:, :: -1 if reverse else 1]
    out = torch.from_dlpack(gd.tensor(values))
    assert out.tolist() == values.tolist()
    out[0, 0] = 7  # a consumer that writes must not reach the tensor
    back = gd.from_dlpack(torch.tensor(values.tolist()))
    assert back.tolist() == values.tolist()


def test_a_torch_tensor_can_be_given():
    assert gd.tensor(torch.ones(2)).dtype == "float32"


# Recording


def test_only_what_depends_on_a_variable_is_recorded():
    c = gd.tensor(1.0)
    for _ in range(3):
        c = c * 2
    assert c.primitive is None
    assert (c * gd.variable(1.0)).primitive is gd.multiply
    with gd.no_grad():
        assert (gd.variable(1.0) * 2).primitive is None


def test_each_node_knows_the_line_that_made_it():
    x = gd.variable(1.0)
    y = x + 1  # this line
    from graphdiff.autodiff.walk import node_of

    path, _, line = node_of(y).source.rpartition(":")
    assert path.endswith("test_tensor.py")
    with open(__file__) as lines:
        assert lines.readlines()[int(line) - 1].rstrip().endswith("# this line")


def test_scopes_nest_and_end():
    x = gd.variable(1.0)
    with gd.scope("features"), gd.scope("conv1"):
        inside = x + 1
    assert inside.context.scope == "features.conv1"
    assert (x + 1).context.scope == ""


def test_abstract_tensors_have_shapes_and_no_values():
    x = abstract(gd.TensorSpec((2, 3), "float32"), "x")
    y = (x @ gd.ones((3, 4), "float32")).sum(0)
    assert y.shape == (4,)
    assert y.data is None
    for wants_a_value in (lambda: bool(y.sum() > 0), lambda: float(y.sum()), y.numpy, y.tolist):
        with pytest.raises(TracingError, match=r"graphdiff\.where"):
            wants_a_value()


# Errors


def test_an_error_names_operation_tensors_shapes_line_and_remedy():
    w, b = gd.variable(np.ones((2, 3)), name="w"), gd.tensor(np.ones(4), name="b")
    with pytest.raises(ShapeError) as caught:
        w + b
    text = str(caught.value)
    for part in ("add", "w: float64[2, 3]", "b: float64[4]", "sizes 3 and 4", "test_tensor.py:", "fix:"):
        assert part in text


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        (lambda x: x.sum(axis=2), IndexError, "axis 2 is out of range for 2 axes"),
        (lambda x: x.sum(axis=(0, -2)), ShapeError, "twice"),
        (lambda x: x.sum(axis="rows"), ArgumentError, "not an integer"),
        (lambda x: x.reshape(4, 2), ShapeError, "do not fill"),
        (lambda x: x.reshape(-1, -1), ShapeError, "one -1"),
        (lambda x: x @ gd.ones((2, 2)), ShapeError, "3 columns meet 2 rows"),
        (lambda x: x @ 2.0, ShapeError, "scalar"),
        (lambda x: x[5], ArgumentError, "index 5 is out of range for axis 0 of size 2"),
        (lambda x: x[0, 0, 0], ShapeError, "3 indices for 2 axes"),
        (lambda x: x["a"], ArgumentError, "does not index"),
        (lambda x: x[..., ...], ArgumentError, "twice"),
        (lambda x: gd.concatenate([x, gd.ones((2, 2))], 0), ShapeError, "differ outside axis 0"),
        (lambda x: gd.concatenate([]), ArgumentError, "nothing to join"),
        (lambda x: gd.stack([x, x[0]]), ShapeError, "differ"),
        (lambda x: gd.split(x, 3, axis=0), ShapeError, "3 equal parts"),
        (lambda x: gd.einsum("ij,jk", x, gd.ones((2, 2))), ShapeError, "axis 'j' has sizes 3 and 2"),
        (lambda x: gd.einsum("ij->ii", x), ArgumentError, "each once"),
        (lambda x: gd.where(x, 1.0, 0.0), DTypeError, "condition is float64"),
        (lambda x: x & x, DTypeError, "logic takes booleans"),
        (lambda x: (x > 0) - (x > 0), DTypeError, "booleans have no arithmetic"),
        (lambda x: gd.max(x[:0], axis=0), ShapeError, "empty"),
        (lambda x: gd.one_hot([3], 3), ArgumentError, "label 3"),
        (lambda x: gd.pad(x, 1, mode="magic"), ArgumentError, "magic"),
        (lambda x: gd.take(x, [0.5]), ArgumentError, "does not index"),
        (lambda x: gd.index_update(x, 0, [1.0, 2.0]), ShapeError, "broadcast"),
        (lambda x: x.item(), ShapeError, "6 elements"),
        (lambda x: bool(x), ShapeError, "ambiguous"),
        (lambda x: len(x.sum()), ShapeError, "no axes"),
        (lambda x: x.astype("complex64"), DTypeError, "complex64"),
        (lambda x: gd.tensor([[1], [2, 3]]), ArgumentError, "nested lists of equal lengths"),
        (lambda x: gd.tensor("abc"), DTypeError, "dtype"),
        (lambda x: gd.std(x, ddof=6), ShapeError, "ddof=6"),
    ],
)
def test_wrong_use_is_answered(wrong, kind, message):
    x = gd.variable(np.arange(6.0).reshape(2, 3), name="x")
    with pytest.raises(kind, match=message) as caught:
        wrong(x)
    assert isinstance(caught.value, gd.GraphdiffError)


def test_assignment_in_place_names_the_alternative():
    x = gd.variable([1.0, 2.0], name="x")
    with pytest.raises(MutationError, match="index_update"):
        x[0] = 5.0
    assert x.tolist() == [1, 2]
    assert gd.index_update(x, 0, 5.0).tolist() == [5, 2]


def test_augmented_assignment_makes_a_new_tensor():
    x = gd.variable([1.0, 2.0])
    y = x
    y += 1
    assert x.tolist() == [1, 2]
    assert y.tolist() == [2, 3]


def test_tensors_of_two_backends_do_not_meet():
    from graphdiff_numpy import NumpyBackend

    class Elsewhere(NumpyBackend):
        name = "elsewhere"

    x = gd.variable(1.0, name="x")
    y = gd.tensor(2.0, name="y")
    y.backend = Elsewhere()
    with pytest.raises(BackendError, match=r"x on numpy .* y on elsewhere"):
        x + y


def test_a_missing_kernel_names_primitive_and_backend():
    mystery = gd.Primitive("mystery", spec=lambda x: x)
    with pytest.raises(BackendError, match="'numpy' has no kernel for primitive 'mystery'"):
        mystery(gd.variable(1.0))


def test_an_unknown_backend_and_device_are_refused():
    with pytest.raises(gd.errors.PluginError, match="numpi"), gd.backend("numpi"):
        pass
    with pytest.raises(ArgumentError, match="no device 'cuda'"), gd.backend("numpy", device="cuda"):
        pass


def test_an_integer_has_no_gradient():
    with pytest.raises(DTypeError, match="n is int64"):
        (gd.variable(3, name="n") * gd.variable(2)).named("n").backward()
    n = gd.variable(3, name="n")
    with pytest.raises(DTypeError, match="n is int64"):
        (n * gd.variable(1.0)).backward(wrt=[n])


def test_a_constant_has_no_gradient():
    with pytest.raises(GradientError, match="not recorded"):
        gd.tensor(1.0).backward()
