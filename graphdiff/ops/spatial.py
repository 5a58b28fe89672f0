"""Spatial arithmetic: how windows and filters fit on the spatial axes of a tensor.

A filter of F elements, d apart, spans d·(F − 1) + 1; along N elements with P of padding in all it has
(N − span + P) / stride + 1 places. Canonical parameters have one entry per spatial axis: sizes, strides
and dilations are integers, padding is a pair (before, after).
"""

from __future__ import annotations

import operator as op
from collections.abc import Iterable, Sequence
from typing import Any

from graphdiff.arguments import check_choice, shown
from graphdiff.errors import ArgumentError, ShapeError
from graphdiff.graph import Shape

Pair = tuple[int, int]
Padding = tuple[Pair, ...]
AXES = {1: ("length",), 2: ("height", "width")}


# What users write


def integers(name: str, value: Any, rank: int, minimum: int = 1) -> tuple[int, ...]:
    """One integer per spatial axis, from one for all or a sequence.

    Raises:
        ArgumentError: another number of them, not integers, or one below the minimum.
    """
    try:
        entries = value if isinstance(value, (tuple, list)) else (value,) * rank
        found = tuple(op.index(entry) for entry in entries)
    except TypeError:
        found = ()
    if len(found) != rank or min(found) < minimum:
        per_axis = f"{rank} of them, for {' and '.join(AXES[rank])}" if rank > 1 else "a tuple of one"
        raise ArgumentError(
            f"{name} {shown(value)} is not understood",
            fix=f"give an integer of at least {minimum}, or {per_axis}",
        )
    return found


def padding_pairs(padding: Any, rank: int) -> Padding:
    """A pair (before, after) per spatial axis, from an integer, one entry per axis, or pairs.

    Raises:
        ArgumentError: anything else, or negative padding.
    """
    entries = padding if isinstance(padding, (tuple, list)) else (padding,) * rank
    if rank == 1 and len(entries) == 2:
        entries = (entries,)  # along a single axis, a pair is (before, after)
    try:
        pairs = [tuple(map(op.index, e if isinstance(e, (tuple, list)) else (e, e))) for e in entries]
    except TypeError:
        pairs = []
    if len(pairs) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ArgumentError(
            f"padding {shown(padding)} is not understood",
            fix='give an integer of at least 0, one or a pair (before, after) per axis, "same" or "valid"',
        )
    return tuple((before, after) for before, after in pairs)


def same_padding(n: int, span: int, stride: int) -> Pair:
    """What makes ⌈n / stride⌉ places; where it is odd, the extra element comes after, as in torch."""
    total = max((-(-n // stride) - 1) * stride + span - n, 0)
    return total // 2, total - total // 2


# How it fits


def spans(kernel: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """From the first to the last element of a filter, both included."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def places(n: int, span: int, stride: int, padding: Pair) -> int:
    """How many places a filter has along an axis, rounded down.

    Raises:
        ShapeError: the window is larger than the padded input.
    """
    free = n + sum(padding) - span
    if free < 0:
        padded = f"{n} padded by {padding[0]} and {padding[1]}" if any(padding) else f"{n}"
        raise ShapeError(
            f"a window that spans {span} is larger than the input of {padded}",
            fix=f"pad by {span - n} in all, or take a smaller window",
        )
    return free // stride + 1


def output_sizes(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
) -> Shape:
    """The number of places along every spatial axis, rounded down.

    Raises:
        ShapeError: a window larger than the padded input.
    """
    return tuple(map(places, sizes, spans(kernel, dilation), stride, padding))


def fitted(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    rounding: str,
    thing: str = "filter",
) -> Padding:
    """The padding with which rounding down gives what was asked for.

    Args:
        padding: as users write it.
        rounding: of a number of places that is not whole: ``"exact"`` refuses it, ``"floor"`` leaves the
            end of the input out, ``"ceil"`` lets a last window reach beyond the padding, as long as it
            starts before it.
        thing: what is laid on the input, for errors.

    Raises:
        ShapeError: a window larger than the padded input, or one that does not fit exactly; the message
            shows the sum and offers strides and paddings that fit.
        ArgumentError: a padding or rounding that is not understood.
    """
    rank = len(sizes)
    check_choice("rounding", rounding, ("exact", "floor", "ceil"))
    reach = spans(kernel, dilation)
    named = padding if isinstance(padding, str) else ""
    if named == "same":
        return tuple(map(same_padding, sizes, reach, stride))
    pairs = padding_pairs(0 if named == "valid" else padding, rank)
    wholes = output_sizes(sizes, kernel, stride, pairs, dilation)
    result = []
    for axis, (n, span, step, pair) in enumerate(zip(sizes, reach, stride, pairs, strict=True)):
        if (n + sum(pair) - span) % step:
            if rounding == "exact":
                raise _no_fit(thing, axis, sizes, reach, stride, pairs)
            if rounding == "ceil" and wholes[axis] * step < n + pair[0]:
                pair = (pair[0], wholes[axis] * step + span - n - pair[0])
        result.append(pair)
    return tuple(result)


def _no_fit(
    thing: str, axis: int, sizes: Sequence[int], reach: Shape, stride: Sequence[int], pairs: Padding
) -> ShapeError:
    n, span, step, pair = sizes[axis], reach[axis], stride[axis], pairs[axis]
    count = f"{(n + sum(pair) - span) / step + 1:.2f}".rstrip("0")
    strides = _offered(map(_strides_that_fit, sizes, reach, stride, pairs))
    pads = _offered(map(_paddings_that_fit, sizes, reach, stride, pairs))
    return ShapeError(
        f"the {thing} does not fit along the {AXES[len(sizes)][axis]}: "
        f"({n} - {span}{_sum_of(pair)}) / {step} + 1 = {count}",
        fix=f'use stride {strides}, or padding {pads}, or rounding="floor", which leaves the end out',
    )


def _sum_of(pair: Pair) -> str:
    """The padding as it stands in the sum."""
    if not any(pair):
        return ""
    return f" + 2*{pair[0]}" if pair[0] == pair[1] else f" + {pair[0]} + {pair[1]}"


Choice = tuple[Any, Any]  # the nearest below and above, None where there is none


def _strides_that_fit(n: int, span: int, stride: int, pair: Pair) -> Choice:
    free = n + sum(pair) - span
    if free % stride == 0:
        return stride, stride
    fitting = [s for s in range(1, free + 1) if free % s == 0]
    return max(s for s in fitting if s < stride), min((s for s in fitting if s > stride), default=None)


def _paddings_that_fit(n: int, span: int, stride: int, pair: Pair) -> Choice:
    """As even as they go; an integer where before and after are equal."""
    total = sum(pair)
    rest = (n + total - span) % stride
    if not rest:
        return (pair, pair)
    lower, upper = total - rest, total - rest + stride
    return (lower // 2, lower - lower // 2) if lower >= 0 else None, (upper // 2, upper - upper // 2)


def _offered(axes: Iterable[Choice]) -> str:
    """What fits along every axis, written as an argument: all a little less, or all a little more."""
    return " or ".join(_written(choice) for choice in zip(*axes, strict=True) if None not in choice)


def _written(entries: tuple[Any, ...]) -> str:
    """One entry per axis, as short as it can be written without another meaning."""
    if all(isinstance(e, tuple) and e[0] == e[1] for e in entries):
        entries = tuple(before for before, _ in entries)
    single = len(entries) == 1 or (isinstance(entries[0], int) and len(set(entries)) == 1)
    return str(entries[0] if single else entries)


# One spatial axis as two


def lifted(values: tuple[Any, ...], unit: Any) -> tuple[Any, ...]:
    """Parameters of the last spatial axis as those of two, the first of which is trivial."""
    return values if len(values) == 2 else (unit, *values)
