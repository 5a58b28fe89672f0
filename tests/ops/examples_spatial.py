"""Examples of convolution and pooling, as torch names their arguments."""

import torch
import torch.nn.functional as F
from ops.examples import example

import graphdiff as gd


def both(inputs, ours, theirs):
    """torch's function stands for NumPy's too, which has none."""
    return inputs, ours, lambda *xs: theirs(*map(torch.tensor, xs)).numpy(), theirs


def per_axis(s, values, rank):
    """One value for all axes, or one for each."""
    return values[0] if s.boolean() else tuple(values[:rank])


def plain(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def _convolution(rank):
    @example(f"conv{rank}d")
    def draw(s):
        groups, n, c, o = s.choice([1, 1, 2]), s.integer(0, 2), s.integer(1, 2), s.integer(1, 2)
        kernel = [s.integer(1, 3) for _ in range(rank)]
        stride, dilation, padding = (
            per_axis(s, [s.integer(low, 2), s.integer(low, 2)], rank) for low in (1, 1, 0)
        )
        sizes = [
            d * (k - 1) + 1 + s.integer(0, 3) for k, d in zip(kernel, plain(dilation, rank), strict=True)
        ]
        inputs = [s.array((n, c * groups, *sizes)), s.array((o * groups, c, *kernel))]
        if s.boolean():
            inputs.append(s.array((o * groups,)))
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        ours, theirs = getattr(gd, f"conv{rank}d"), getattr(F, f"conv{rank}d")
        return both(
            inputs, lambda *xs: ours(*xs, **options, rounding="floor"), lambda *xs: theirs(*xs, **options)
        )


def _transposed(rank):
    @example(f"conv_transpose{rank}d")
    def draw(s):
        groups, n, c, o = s.choice([1, 1, 2]), s.integer(1, 2), s.integer(1, 2), s.integer(1, 2)
        kernel, sizes = ([s.integer(1, 3) for _ in range(rank)] for _ in range(2))
        stride, dilation = (per_axis(s, [s.integer(1, 3), s.integer(1, 3)], rank) for _ in range(2))
        spans = [d * (k - 1) + 1 for k, d in zip(kernel, plain(dilation, rank), strict=True)]
        most = max(*plain(stride, rank), *plain(dilation, rank))
        extra = tuple(
            s.integer(0, max(a, b) - 1)
            for a, b in zip(plain(stride, rank), plain(dilation, rank), strict=True)
        )
        padding = tuple(s.integer(0, (span - 1) // 2) for span in spans)
        assert max(extra) < most
        inputs = [s.array((n, c * groups, *sizes)), s.array((c * groups, o, *kernel))]
        if s.boolean():
            inputs.append(s.array((o * groups,)))
        options = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "output_padding": extra,
        }
        ours, theirs = getattr(gd, f"conv_transpose{rank}d"), getattr(F, f"conv_transpose{rank}d")
        return both(inputs, lambda *xs: ours(*xs, **options), lambda *xs: theirs(*xs, **options))


def _pooling(name, rank):
    @example(f"{name}_pool{rank}d")
    def draw(s):
        window = tuple(s.integer(1, 3) for _ in range(rank))
        sizes = [k + s.integer(0, 4) for k in window]
        stride = s.choice([None, 1, 2, 3, (1, 2)[:rank]])
        padding = tuple(s.integer(0, k // 2) for k in window)
        rounding = s.choice(["floor", "ceil"])
        x = s.distinct((s.integer(1, 2), s.integer(1, 2), *sizes))
        options = {"stride": stride, "padding": padding}
        if name == "avg":
            options["count_include_pad"] = s.boolean()
        theirs = {**options, "stride": stride or window, "ceil_mode": rounding == "ceil"}
        function = getattr(F, f"{name}_pool{rank}d")
        return both(
            [x],
            lambda x: getattr(gd, f"{name}_pool{rank}d")(x, window, rounding=rounding, **options),
            lambda x: function(x, window, **theirs),
        )


for _rank in (1, 2):
    _convolution(_rank)
    _transposed(_rank)
    for _name in ("max", "avg"):
        _pooling(_name, _rank)


def _adaptive(name):
    @example(f"adaptive_{name}_pool2d")
    def draw(s):
        x = s.distinct((s.integer(1, 2), s.integer(1, 2), s.integer(1, 5), s.integer(1, 5)))
        size = s.choice([1, 2, 3, (2, 1), (1, 3), (4, 6)])
        ours, theirs = getattr(gd, f"adaptive_{name}_pool2d"), getattr(F, f"adaptive_{name}_pool2d")
        return both([x], lambda x: ours(x, size), lambda x: theirs(x, size))


def _global(name, reduce):
    @example(f"global_{name}_pool2d")
    def draw(s):
        x = s.distinct((s.integer(1, 2), s.integer(1, 3), s.integer(1, 3), s.integer(1, 3)))
        keepdims = s.boolean()
        ours = getattr(gd, f"global_{name}_pool2d")
        return both([x], lambda x: ours(x, keepdims), lambda x: reduce(x, (2, 3), keepdims))


_adaptive("avg")
_adaptive("max")
_global("avg", torch.mean)
_global("max", torch.amax)


@example("channel_window_sum")
def channel_window_sum(s):
    x = s.array((s.integer(1, 2), s.integer(1, 5), *s.shape(max_dims=2, min_side=1, max_side=2)))
    size = s.integer(1, 6)

    def in_torch(x):
        # As torch's own local response normalisation makes its windows.
        flat = F.pad(x.reshape(x.shape[0], 1, x.shape[1], -1), (0, 0, size // 2, (size - 1) // 2))
        return (F.avg_pool2d(flat, (size, 1), stride=1) * size).reshape(x.shape)

    return both([x], lambda x: gd.channel_window_sum(x, size), in_torch)
