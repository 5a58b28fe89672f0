"""Indexing: reading elements by position, and writing them into a new tensor.

A key is split into its static part (a template: integers number the index tensors, the rest are slices
and ``...``) and the index tensors, which are operands. ``index`` and ``scatter_add`` are each other's
vjps. Basic keys (integers, slices, ``...``, ``None``) become a strided slice and a reshape.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphdiff.arguments import check_integers, shown
from graphdiff.dtypes import as_dtype
from graphdiff.errors import ArgumentError, DTypeError, GraphdiffError, ShapeError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.leaf import as_tensor, leaf
from graphdiff.ops import samples
from graphdiff.ops.common import broadcast_shapes, located, locating, normalize_axis
from graphdiff.ops.creation import zeros_like
from graphdiff.ops.elementwise import equal, where
from graphdiff.ops.shape import broadcast_to, reshape, strided_slice, transpose
from graphdiff.primitive import Primitive
from graphdiff.tensor import Tensor

Template = tuple[Any, ...]


def full_key(template: Template, index: Sequence[Any]) -> tuple[Any, ...]:
    """The key that arrays understand, from a template and the index arrays."""
    return tuple(index[entry] if isinstance(entry, int) else _slice(entry) for entry in template)


def _slice(entry: Any) -> Any:
    return slice(*entry) if isinstance(entry, tuple) else entry


def indexed_shape(shape: Shape, index: Sequence[TensorSpec], template: Template) -> Shape:
    """NumPy's rule for mixed keys: index tensors broadcast together, and their axes stand where the first
    of them stood, or in front where a slice parts them.

    Raises:
        ShapeError: more entries than axes, or index tensors that do not broadcast.
        DTypeError: an index that is not integer.
    """
    for spec in index:
        if not spec.dtype.is_integer:
            raise DTypeError(f"an index is {spec.dtype}", fix="index with integers: i.astype('int64')")
    used = sum(entry is not Ellipsis and entry is not None for entry in template)
    if used > len(shape):
        raise ShapeError(f"{used} indices for {len(shape)} axes", fix="index no more axes than there are")
    if Ellipsis not in template:
        template = (*template, Ellipsis)
    place = template.index(Ellipsis)
    template = (*template[:place], *[(None, None, None)] * (len(shape) - used), *template[place + 1 :])
    together = broadcast_shapes(*(s.shape for s in index)) if index else ()
    axis = 0
    result: list[int] = []
    spots: list[tuple[int, int]] = []  # where index tensors stand: in the key, in the result
    for position, entry in enumerate(template):
        if isinstance(entry, int):
            spots.append((position, len(result)))
        elif entry is None:
            result.append(1)
        else:
            result.append(len(range(*slice(*entry).indices(shape[axis]))))
        axis += entry is not None
    if not spots:
        return tuple(result)
    contiguous = spots[-1][0] - spots[0][0] == len(spots) - 1
    start = spots[0][1] if contiguous else 0
    return (*result[:start], *together, *result[start:])


def _index_spec(x: TensorSpec, *index: TensorSpec, key: Template) -> TensorSpec:
    return TensorSpec(indexed_shape(x.shape, index, key), x.dtype)


def _index_vjp(g: Tensor, out: Tensor, x: Tensor, *index: Tensor, key: Template) -> Tensor:
    return _scatter_add(zeros_like(x), g, *index, key=key)


class _FirstOperands:
    """Rules for the first operands; the index tensors behind them have no derivative."""

    def __init__(self, *rules: Any) -> None:
        self._rules = rules

    def __getitem__(self, argnum: int) -> Any:
        return self._rules[argnum] if argnum < len(self._rules) else None


_index = Primitive(
    "index",
    spec=_index_spec,
    vjp=_FirstOperands(_index_vjp),
    formula=("1 where taken, else 0",),
    symbol="[ ]",
    samples=samples.indexed,
)


def _update_spec(x: TensorSpec, values: TensorSpec, *index: TensorSpec, key: Template) -> TensorSpec:
    spots = indexed_shape(x.shape, index, key)
    if values.shape != spots:
        raise ShapeError(
            f"values of shape {values.shape} for spots of shape {spots}",
            fix="give values of the spots' shape",
        )
    return x


_scatter_add = Primitive(
    "scatter_add",
    spec=_update_spec,
    flops=lambda out, x, values, *index, key: values.size,
    vjp=_FirstOperands(
        lambda g, out, x, values, *index, key: g,
        lambda g, out, x, values, *index, key: _index(g, *index, key=key),
    ),
    formula=("1", "1"),
    unify=slice(0, 2),
    samples=samples.updated,
)


def _kept(g: Tensor, out: Tensor, x: Tensor, values: Tensor, *index: Tensor, key: Template) -> Tensor:
    return _index_set(g, zeros_like(values), *index, key=key)


def _written(g: Tensor, out: Tensor, x: Tensor, values: Tensor, *index: Tensor, key: Template) -> Tensor:
    taken = _index(g, *index, key=key)
    if not index:
        return taken
    # Where a spot was written twice, only the value that stayed has a gradient.
    numbers = np.arange(values.size).reshape(values.shape)
    stayed = _index_set(np.zeros(x.shape, np.int64), numbers, *index, key=key)
    return where(equal(_index(stayed, *index, key=key), numbers), taken, 0)


_index_set = Primitive(
    "index_update",
    spec=_update_spec,
    vjp=_FirstOperands(_kept, _written),
    formula=("0 where written, else 1", "1"),
    unify=slice(0, 2),
    samples=samples.updated,
)


# Keys


def _parse(operation: str, x: Tensor, key: Any) -> tuple[Template, list[Tensor]]:
    """A key as a template and index tensors; boolean masks become the indices of what they let through.

    Raises:
        ArgumentError: an entry that indexes nothing, an integer out of range, or ``...`` twice.
        ShapeError: more entries than axes, or a mask that does not fit.
    """
    entries = _without_masks(operation, x, key if isinstance(key, tuple) else (key,))
    used = _axes_used(operation, x, entries)
    template: list[Any] = []
    index: list[Tensor] = []
    axis = 0
    for entry in entries:
        if entry is Ellipsis:
            axis += x.ndim - used
            template.append(entry)
        elif entry is None:
            template.append(entry)
        elif isinstance(entry, slice):
            _bounds(operation, x, axis, entry)
            template.append((entry.start, entry.stop, entry.step))
            axis += 1
        else:
            template.append(len(index))
            index.append(_index_tensor(operation, x, axis, entry))
            axis += 1
    return tuple(template), index


def _axes_used(operation: str, x: Tensor, entries: Sequence[Any]) -> int:
    used = sum(e is not None and e is not Ellipsis for e in entries)
    if used > x.ndim:
        error = ShapeError(f"{used} indices for {x.ndim} axes", fix="index no more axes than there are")
        raise located(error, operation, x)
    if sum(e is Ellipsis for e in entries) > 1:
        raise located(ArgumentError("... stands twice in the key", fix="use it once"), operation, x)
    return used


def _out_of_range(operation: str, x: Tensor, axis: int, i: int) -> GraphdiffError:
    n = x.shape[axis]
    error = ArgumentError(
        f"index {i} is out of range for axis {axis} of size {n}",
        fix=f"use an index from {-n} to {n - 1}" if n else "the axis is empty",
    )
    return located(error, operation, x)


def _bounds(operation: str, x: Tensor, axis: int, entry: slice) -> tuple[int, int, int]:
    """Start, stop and step of a slice along an axis, counted from the front.

    Raises:
        ArgumentError: bounds that are not integers, or a step of 0.
    """
    try:
        return entry.indices(x.shape[axis])
    except (TypeError, ValueError) as problem:
        error = ArgumentError(
            f"{entry} does not index axis {axis}: {problem}", fix="give integers, and a step other than 0"
        )
        raise located(error, operation, x) from None


def _without_masks(operation: str, x: Tensor, entries: tuple[Any, ...]) -> list[Any]:
    entries = tuple(_listed(operation, x, e) if isinstance(e, list) else e for e in entries)
    widths = [np.ndim(e) if _is_mask(e) else e is not None and e is not Ellipsis for e in entries]
    result: list[Any] = []
    for k, entry in enumerate(entries):
        if not _is_mask(entry):
            result.append(entry)
            continue
        mask = np.asarray(entry)
        after_dots = any(e is Ellipsis for e in result)
        axis = x.ndim - sum(widths[k:]) if after_dots else sum(widths[:k])
        if not mask.ndim or mask.shape != x.shape[axis : axis + mask.ndim]:
            error = ShapeError(
                f"a mask of shape {mask.shape} does not fit shape {x.shape} from axis {axis} on",
                fix="a mask has the sizes of the axes it covers, one at least",
            )
            raise located(error, operation, x)
        result.extend(np.nonzero(mask))
    return result


def _listed(operation: str, x: Tensor, entry: list[Any]) -> Any:
    try:
        return np.asarray(entry, None if entry else np.int64)
    except ValueError:
        error = ArgumentError(f"{shown(entry)} is no index", fix="give lists of integers of equal lengths")
        raise located(error, operation, x) from None


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, bool) or getattr(entry, "dtype", None) == np.dtype(bool)


def _index_tensor(operation: str, x: Tensor, axis: int, entry: Any) -> Tensor:
    try:
        index = entry if isinstance(entry, Tensor) else leaf(np.asarray(entry), backend=x.backend)
        fine = index.dtype.is_integer
    except (DTypeError, ArgumentError, ValueError):
        fine = False
    if not fine:
        error = ArgumentError(
            f"{shown(entry)} does not index axis {axis}",
            fix="use integers, slices, ..., None or integer arrays",
        )
        raise located(error, operation, x) from None
    if index.data is not None:
        n = x.shape[axis]
        values = index.numpy()
        wrong = values[(values < -n) | (values >= n)]
        if wrong.size:
            raise _out_of_range(operation, x, axis, wrong.flat[0])
    return index


def _is_basic(key: Any) -> bool:
    entries = key if isinstance(key, tuple) else (key,)
    plain = (slice, type(None), type(Ellipsis), int, np.integer)
    return all(isinstance(e, plain) and not isinstance(e, bool) for e in entries)


def getitem(x: Any, key: Any) -> Tensor:
    """``x[key]`` with integers, slices, ``...``, ``None``, integer arrays and boolean masks, as NumPy.

    Raises:
        ArgumentError: an index out of range or of a wrong kind. ShapeError: too many indices.
    """
    x = as_tensor(x)
    if not _is_basic(key):
        template, index = _parse("index", x, key)
        return _index(x, *index, key=template)
    bounds, shape = _basic(x, key if isinstance(key, tuple) else (key,))
    whole = all(b == (0, n, 1) for b, n in zip(bounds, x.shape, strict=True))
    return reshape(x if whole else strided_slice(x, bounds=bounds), shape)


def _basic(x: Tensor, entries: tuple[Any, ...]) -> tuple[tuple[tuple[int, int, int], ...], Shape]:
    """Bounds per axis, and the shape of the result after integers have dropped theirs."""
    used = _axes_used("index", x, entries)
    if Ellipsis not in entries:
        entries = (*entries, Ellipsis)
    place = entries.index(Ellipsis)
    entries = (*entries[:place], *[slice(None)] * (x.ndim - used), *entries[place + 1 :])
    bounds: list[tuple[int, int, int]] = []
    shape: list[int] = []
    for entry in entries:
        if entry is None:
            shape.append(1)
            continue
        n = x.shape[len(bounds)]
        if isinstance(entry, slice):
            bounds.append(_bounds("index", x, len(bounds), entry))
            shape.append(len(range(*bounds[-1])))
        else:
            i = int(entry)
            if not -n <= i < n:
                raise _out_of_range("index", x, len(bounds), i)
            bounds.append((i % n, i % n + 1, 1))
    return tuple(bounds), tuple(shape)


def index_update(x: Any, key: Any, values: Any) -> Tensor:
    """A new tensor that equals x except that ``x[key]`` is ``values`` (broadcast).

    Where integer arrays name a spot twice, the last value stays, and it alone has a gradient.

    Raises:
        ShapeError, ArgumentError: as for indexing, or values that do not broadcast to the spots.
    """
    return _update(_index_set, x, key, values)


def scatter_add(x: Any, key: Any, values: Any) -> Tensor:
    """A new tensor with ``values`` (broadcast) added to ``x[key]``; spots named twice get both.

    Raises:
        ShapeError, ArgumentError: as for indexing, or values that do not broadcast to the spots.
    """
    return _update(_scatter_add, x, key, values)


def _update(primitive: Primitive, x: Any, key: Any, values: Any) -> Tensor:
    x = as_tensor(x)
    values = values if isinstance(values, Tensor) else leaf(values, x.dtype, backend=x.backend)
    template, index = _parse(primitive.name, x, key)
    spots = indexed_shape(x.shape, [t.spec for t in index], template)
    return primitive(x, broadcast_to(values, spots), *index, key=template)


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Elements at positions along an axis (of the flattened tensor for ``None``); the axes of ``indices``
    stand in place of that axis.

    Raises:
        AxisError: the axis. ArgumentError: indices out of range or not integers.
    """
    x = as_tensor(x)
    if axis is None or not x.ndim:
        x, axis = reshape(x, -1), axis or 0
    axis = normalize_axis("take", x, axis)
    index = _index_tensor("take", x, axis, indices)
    return _index(x, index, key=((None, None, None),) * axis + (0,))


def take_along_axis(x: Any, indices: Any, axis: int) -> Tensor:
    """For every position of ``indices``, the element of x at that index along the axis.

    Raises:
        ShapeError: ``indices`` has another rank. ArgumentError: out of range or not integers.
    """
    x = as_tensor(x)
    axis = normalize_axis("take_along_axis", x, axis)
    index = _index_tensor("take_along_axis", x, axis, indices)
    if index.ndim != x.ndim:
        error = ShapeError(
            f"indices have {index.ndim} axes, the tensor {x.ndim}", fix="expand_dims the indices"
        )
        raise located(error, "take_along_axis", x, index)
    grid = [
        index if a == axis else np.arange(n).reshape([-1 if b == a else 1 for b in range(x.ndim)])
        for a, n in enumerate(x.shape)
    ]
    return _index(x, *grid, key=tuple(range(x.ndim)))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of two axes, as a new last axis.

    Raises:
        ShapeError: fewer than two axes, or one axis named twice.
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise located(ShapeError(f"shape {x.shape} has no diagonal", fix="give two axes"), "diagonal", x)
    one, two = normalize_axis("diagonal", x, axis1), normalize_axis("diagonal", x, axis2)
    with locating("diagonal", x):
        check_integers(offset=offset)
    if one == two:
        raise located(ShapeError("a diagonal needs two different axes", fix="name two axes"), "diagonal", x)
    x = transpose(x, [a for a in range(x.ndim) if a not in (one, two)] + [one, two])
    rows, columns = min(max(0, -offset), x.shape[-2]), min(max(0, offset), x.shape[-1])
    n = max(0, min(x.shape[-2] - rows, x.shape[-1] - columns))
    steps = np.arange(n)
    return _index(x, steps + rows, steps + columns, key=(Ellipsis, 0, 1))


def _one_hot_spec(labels: TensorSpec, depth: int, dtype: str) -> TensorSpec:
    if not labels.dtype.is_integer:
        raise DTypeError(f"labels are {labels.dtype}, not integers", fix="labels.astype('int64')")
    return TensorSpec((*labels.shape, depth), dtype)


_one_hot = Primitive("one_hot", spec=_one_hot_spec, samples=samples.labels)


def one_hot(labels: Any, depth: int, dtype: Any = "float64") -> Tensor:
    """1 at the position each label names along a new last axis of size ``depth``, else 0. No derivative.

    Raises:
        ArgumentError: a label outside 0 … depth − 1, or a depth that is no integer of at least 0.
        DTypeError: labels that are not integers.
    """
    labels = as_tensor(labels)
    try:
        size = operator.index(depth)
    except TypeError:
        size = -1
    if size < 0:
        error = ArgumentError(
            f"depth {shown(depth)} is no number of classes", fix="give an integer of at least 0"
        )
        raise located(error, "one_hot", labels)
    return _one_hot(labels, depth=size, dtype=as_dtype(dtype))
