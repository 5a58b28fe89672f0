"""What the operations refuse: each with an error of its kind that names the operation and the fix."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import ArgumentError, AxisError, DTypeError, ShapeError

X, CUBE = np.ones((2, 3)), np.ones((2, 3, 4))

REFUSED = {
    "shapes that do not broadcast": (lambda: gd.add(X, np.ones(2)), ShapeError, "axis -1"),
    "matrices that do not multiply": (lambda: gd.matmul(X, X), ShapeError, "3 columns meet 2 rows"),
    "a scalar in a matrix product": (lambda: gd.matmul(1.0, X), ShapeError, "matmul"),
    "an axis out of range": (lambda: gd.sum(X, 2), AxisError, "axis 2 is out of range for 2 axes"),
    "a negative axis out of range": (lambda: gd.softmax(X, -3), AxisError, "axis -3"),
    "an axis named twice": (lambda: gd.mean(X, (0, -2)), AxisError, "twice"),
    "an axis that is no integer": (lambda: gd.max(X, 1.0), ArgumentError, "not an integer"),
    "an axis of a 0-d tensor": (lambda: gd.flip(1.0, 0), AxisError, "without axes"),
    "another number of elements": (lambda: gd.reshape(X, (4, 2)), ShapeError, "6 elements"),
    "two unknown sizes": (lambda: gd.reshape(X, (-1, -1)), ShapeError, "-1"),
    "an unknown size that does not divide": (lambda: gd.reshape(X, (4, -1)), ShapeError, "-1"),
    "a shape that is none": (lambda: gd.reshape(X, "ab"), ShapeError, "not a shape"),
    "squeezing a long axis": (lambda: gd.squeeze(X, 0), ShapeError, "size 2, not 1"),
    "expanding one position twice": (lambda: gd.expand_dims(X, (0, 0)), ShapeError, "twice"),
    "an unknown approximation": (lambda: gd.gelu(X, "erf"), ArgumentError, "use one of none, tanh"),
    "half a permutation": (lambda: gd.transpose(X, (0, 0)), ShapeError, "each of 2 axes once"),
    "stretching a long axis": (lambda: gd.broadcast_to(X, (2, 4)), ShapeError, "broadcast"),
    "shrinking": (lambda: gd.broadcast_to(X, (3,)), ShapeError, "broadcast"),
    "joining unequal sizes": (lambda: gd.concatenate([X, CUBE]), ShapeError, "concatenate"),
    "joining nothing": (lambda: gd.concatenate([]), ArgumentError, "nothing to join"),
    "stacking unequal shapes": (lambda: gd.stack([X, X.T]), ShapeError, "differ"),
    "an uneven split": (lambda: gd.split(X, 2, 1), ShapeError, "does not divide into 2"),
    "a negative width": (lambda: gd.pad(X, -1), ArgumentError, "pad"),
    "widths of another rank": (lambda: gd.pad(X, [(1, 1)] * 3), ArgumentError, "pad"),
    "an unknown mode": (lambda: gd.pad(X, 1, "mirror"), ArgumentError, "reflect"),
    "negative repetitions": (lambda: gd.tile(X, -1), ArgumentError, "negative"),
    "repeats that do not fit": (lambda: gd.repeat(X, [1, 2, 3], 0), ArgumentError, "repeats"),
    "more shifts than axes": (lambda: gd.roll(X, (1, 2, 3), (0, 1)), ArgumentError, "3 shifts for 2 axes"),
    "an index out of range": (lambda: gd.getitem(X, 2), ArgumentError, "index 2 is out of range for axis 0"),
    "an index array out of range": (lambda: gd.take(X, [0, -4], 1), ArgumentError, "index -4"),
    "too many indices": (lambda: gd.getitem(X, (0, 0, 0)), ShapeError, "3 indices for 2 axes"),
    "two ellipses": (lambda: gd.getitem(CUBE, (..., 0, ...)), ArgumentError, "twice"),
    "an index that is no number": (lambda: gd.getitem(X, "a"), ArgumentError, "does not index"),
    "a fractional index": (lambda: gd.getitem(X, [0.5]), ArgumentError, "does not index"),
    "a mask of another shape": (lambda: gd.getitem(X, np.ones(3, bool)), ShapeError, "mask of shape (3,)"),
    "a short mask behind an ellipsis": (
        lambda: gd.getitem(X, (..., np.ones(2, bool))),
        ShapeError,
        "from axis 1",
    ),
    "a mask without axes": (lambda: gd.getitem(X, True), ShapeError, "mask of shape ()"),
    "index arrays that do not broadcast": (
        lambda: gd.getitem(X, ([0, 1], [0, 1, 2])),
        ShapeError,
        "broadcast",
    ),
    "values for other spots": (lambda: gd.index_update(X, 0, np.ones(2)), ShapeError, "broadcast"),
    "indices of another rank": (lambda: gd.take_along_axis(X, [0], 1), ShapeError, "indices have 1 axes"),
    "a diagonal of a vector": (lambda: gd.diagonal(np.ones(3)), ShapeError, "no diagonal"),
    "a diagonal of one axis": (lambda: gd.trace(X, 0, 1, -1), ShapeError, "two different axes"),
    "a label out of range": (lambda: gd.one_hot([0, 3], 3), ArgumentError, "label 3"),
    "paired axes of unequal sizes": (lambda: gd.tensordot(X, X.T), ShapeError, "differ in size"),
    "too few terms": (lambda: gd.einsum("ij", X, X), ArgumentError, "1 terms for 2 operands"),
    "a term too long": (lambda: gd.einsum("ijk->k", X), ShapeError, "names 3 axes"),
    "a result from nowhere": (lambda: gd.einsum("ij->k", X), ArgumentError, "each once"),
    "signs that are no letters": (lambda: gd.einsum("i1->i", X), ArgumentError, "only letters"),
    "a negative size": (lambda: gd.full((-1,), 0.0), ShapeError, "(-1,) is not a shape"),
    "a constant that is no number": (lambda: gd.full((2,), "a"), ArgumentError, "no float64 tensor of 'a'"),
    "a dtype NumPy lacks": (lambda: gd.zeros(2, "bfloat16"), DTypeError, "bfloat16"),
    "a matrix of negative size": (lambda: gd.eye(-1), ShapeError, "(-1, -1)"),
    "a matrix of fractional size": (lambda: gd.eye(2, 1.5), ShapeError, "not a shape"),
    "a range of nothing": (lambda: gd.arange(), ArgumentError, "no range of ()"),
    "a range of text": (lambda: gd.arange("a"), ArgumentError, "no range of ('a',)"),
    "a range in steps of 0": (lambda: gd.arange(0, 1, 0), ArgumentError, "no range"),
    "a range of four numbers": (lambda: gd.arange(1, 2, 3, 4), ArgumentError, "at most 3"),
    "a fractional split": (lambda: gd.split(X, 1.5), ArgumentError, "1.5 is neither an integer"),
    "a split at text": (lambda: gd.split(X, ["a"]), ArgumentError, "neither an integer"),
    "a fractional shift": (lambda: gd.roll(X, 1.5), ArgumentError, "1.5 is neither an integer"),
    "padding that is no number": (lambda: gd.pad(X, 1, value="a"), ArgumentError, "'a' is not a number"),
    "a depth that is text": (lambda: gd.one_hot([0], "a"), ArgumentError, "depth 'a'"),
    "a fractional depth": (lambda: gd.one_hot([0], 2.5), ArgumentError, "depth 2.5"),
    "a negative depth": (lambda: gd.one_hot([0], -1), ArgumentError, "depth -1"),
    "a step of 0": (lambda: gd.getitem(X, slice(None, None, 0)), ArgumentError, "step cannot be zero"),
    "a step of 0 beside an index array": (
        lambda: gd.getitem(X, (slice(None, None, 0), [0, 1])),
        ArgumentError,
        "step cannot be zero",
    ),
    "a slice from text": (
        lambda: gd.getitem(X, (slice("a", None), [0])),
        ArgumentError,
        "does not index axis 0",
    ),
    "a variance of nothing": (lambda: gd.var(np.ones((2, 0)), 1), ShapeError, "0 elements along axes (1,)"),
    "a mean along an axis of a number": (lambda: gd.mean(1.0, 0), AxisError, "out of range"),
    "a second axis of a number": (lambda: gd.sum(1.0, 1), AxisError, "axis 1 is out of range"),
    "one letter for two sizes": (lambda: gd.einsum("ij,jk->ik", X, X), ShapeError, "'j' has sizes 3 and 2"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    call, kind, text = REFUSED[what]
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)
    assert "test_errors.py:" in str(caught.value)  # the user's line
    assert caught.value.operation
    assert caught.value.fix
