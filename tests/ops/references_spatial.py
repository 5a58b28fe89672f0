"""Convolution and pooling written a second time: the elements under every place are looked up one by one."""

import numpy as np
import torch


def _positions(places, window, stride, dilation):
    return np.arange(places)[:, None] * stride + np.arange(window) * dilation


def _grid(shape, window, stride, padding, dilation):
    """Row and column, in the padded plane, of every element (place, place, window, window)."""
    reach = [d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True)]
    places = [
        (n + sum(p) - r) // s + 1 for n, p, r, s in zip(shape[-2:], padding, reach, stride, strict=True)
    ]
    rows, columns = (_positions(*axis) for axis in zip(places, window, stride, dilation, strict=True))
    return rows[:, None, :, None], columns[None, :, None, :]


def patches(x, window, stride, padding, dilation=(1, 1), value=0.0):
    """(N, C, H, W) -> (N, C, place, place, window, window), arrays of NumPy or torch."""
    rows, columns = _grid(x.shape, window, stride, padding, dilation)
    if isinstance(x, torch.Tensor):
        (top, bottom), (left, right) = padding
        x = torch.nn.functional.pad(x, (left, right, top, bottom), value=value)
        return x[:, :, torch.from_numpy(rows), torch.from_numpy(columns)]
    return np.pad(x, ((0, 0), (0, 0), *padding), constant_values=value)[:, :, rows, columns]


# Convolution


def _grouped(x, groups):
    """The channels as (group, channel)."""
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])


def _numpy_conv2d(x, w, stride, padding, dilation, groups):
    under = _grouped(patches(x, w.shape[2:], stride, padding, dilation), groups)
    filters = w.reshape(groups, -1, *w.shape[1:])
    return np.einsum("ngchvij,gocij->ngohv", under, filters).reshape(len(x), len(w), *under.shape[3:5])


def _numpy_input_grad(g, w, stride, padding, dilation, groups, input_shape):
    rows, columns = _grid(input_shape, w.shape[2:], stride, padding, dilation)
    filters = w.reshape(groups, -1, *w.shape[1:])
    under = np.einsum("ngohv,gocij->ngchvij", _grouped(g, groups), filters)
    padded = np.zeros(
        (*input_shape[:2], *(n + sum(p) for n, p in zip(input_shape[2:], padding, strict=True)))
    )
    under = under.reshape(*input_shape[:2], *under.shape[3:])
    np.add.at(padded, (slice(None), slice(None), rows, columns), under)
    (top, _), (left, _) = padding
    return padded[:, :, top : top + input_shape[2], left : left + input_shape[3]]


def _numpy_weight_grad(x, g, stride, padding, dilation, groups, weight_shape):
    under = _grouped(patches(x, weight_shape[2:], stride, padding, dilation), groups)
    return np.einsum("ngchvij,ngohv->gocij", under, _grouped(g, groups)).reshape(weight_shape)


def torch_conv2d(x, w, stride, padding, dilation, groups):
    (top, bottom), (left, right) = padding
    x = torch.nn.functional.pad(x, (left, right, top, bottom))
    return torch.nn.functional.conv2d(x, w, None, stride, 0, dilation, groups)


def _torch_transposed(fn, shape, cotangent):
    """The transpose of a linear function of tensors of that shape, by torch's own autograd."""
    at = torch.zeros(shape, dtype=cotangent.dtype, requires_grad=True)
    return torch.autograd.grad(fn(at), at, cotangent, create_graph=True)[0]


def _torch_input_grad(g, w, input_shape, **params):
    return _torch_transposed(lambda x: torch_conv2d(x, w, **params), input_shape, g)


def _torch_weight_grad(x, g, weight_shape, **params):
    return _torch_transposed(lambda w: torch_conv2d(x, w, **params), weight_shape, g)


# Pooling


def _argmax(x, window, stride, padding, dilation):
    under = patches(x, window, stride, padding, dilation, -np.inf)
    rows, columns = _grid(x.shape, window, stride, padding, dilation)
    flat = (rows - padding[0][0]) * x.shape[3] + columns - padding[1][0]
    winner = under.reshape(*under.shape[:4], window[0] * window[1]).argmax(-1)
    every = np.broadcast_to(flat.reshape(*flat.shape[:2], -1), (*winner.shape, flat[0, 0].size))
    return np.take_along_axis(every, winner[..., None], -1)[..., 0]


def _spread(g, window, stride, padding, shape):
    out = np.zeros((*g.shape[:2], *(n + sum(p) for n, p in zip(shape, padding, strict=True))))
    for h in range(g.shape[2]):
        for v in range(g.shape[3]):
            row, column = h * stride[0], v * stride[1]
            out[:, :, row : row + window[0], column : column + window[1]] += g[:, :, h : h + 1, v : v + 1]
    (top, _), (left, _) = padding
    return out[:, :, top : top + shape[0], left : left + shape[1]]


def _scatter(g, index, shape):
    out = np.zeros((*g.shape[:2], *shape))
    for n, c, h, v in np.ndindex(g.shape):
        out[n, c].reshape(-1)[index[n, c, h, v]] += g[n, c, h, v]
    return out


def _gather(x, index):
    return np.take_along_axis(x.reshape(*x.shape[:2], -1), index.reshape(*x.shape[:2], -1), -1).reshape(
        index.shape
    )


def _channels(x, before, after):
    return sum(_moved(x, k) for k in range(-after, before + 1))


def _moved(x, by):
    """Channel c is what channel c − by was."""
    n = x.shape[1]
    inside = [c for c in range(n) if 0 <= c - by < n]
    at = np.array(inside, np.int64)
    if isinstance(x, torch.Tensor):
        return torch.zeros_like(x).index_copy(1, torch.from_numpy(at), x[:, torch.from_numpy(at - by)])
    out = np.zeros_like(x)
    out[:, at] = x[:, at - by]
    return out


def _torch_scatter(g, index, shape):
    out = torch.zeros((*g.shape[:2], shape[0] * shape[1]), dtype=g.dtype)
    places = index.reshape(*index.shape[:2], -1)
    return out.scatter_add(2, places, g.reshape(places.shape)).reshape(*g.shape[:2], *shape)


def _torch_gather(x, index):
    places = index.reshape(*index.shape[:2], -1)
    return x.reshape(*x.shape[:2], -1).gather(2, places).reshape(index.shape)


def _torch_spread(g, window, stride, padding, shape):
    return _torch_transposed(
        lambda x: patches(x, window, stride, padding).sum((-2, -1)), (*g.shape[:2], *shape), g
    )


NUMPY = {
    "channel_window_sum": _channels,
    "conv2d": _numpy_conv2d,
    "conv2d_input_grad": _numpy_input_grad,
    "conv2d_weight_grad": _numpy_weight_grad,
    "max_pool2d": lambda x, **p: patches(x, **p, value=-np.inf).max((-2, -1)),
    "window_argmax": _argmax,
    "window_gather": _gather,
    "window_scatter": _scatter,
    "window_spread": _spread,
    "window_sum": lambda x, **p: patches(x, **p).sum((-2, -1)),
}
TORCH = {
    "channel_window_sum": _channels,
    "conv2d": torch_conv2d,
    "conv2d_input_grad": _torch_input_grad,
    "conv2d_weight_grad": _torch_weight_grad,
    "max_pool2d": lambda x, **p: patches(x, **p, value=-np.inf).amax((-2, -1)),
    "window_argmax": lambda x, **p: torch.from_numpy(_argmax(x.numpy(), **p)),
    "window_gather": _torch_gather,
    "window_scatter": _torch_scatter,
    "window_spread": _torch_spread,
    "window_sum": lambda x, **p: patches(x, **p).sum((-2, -1)),
}
