"""For every layer with a counterpart in torch: a draw of both and of an input."""

import torch

import graphdiff as gd

SAMPLES = {}
F64 = {"dtype": torch.float64}
nn = torch.nn


class Formula(nn.Module):
    """A function where torch has no module."""

    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x)


def sample(name):
    """Register ``draw(source) -> (layer, torch's module, input)``."""

    def register(draw):
        SAMPLES[name] = draw
        return draw

    return register


def _elementwise(name, options=None, spelled=None):
    @sample(name)
    def draw(s):
        chosen = {option: s.choice(values) for option, values in (options or {}).items()}
        theirs = {(spelled or {}).get(option, option): value for option, value in chosen.items()}
        x = s.array(s.shape(min_dims=1, min_side=1))
        return getattr(gd.layers, name)(**chosen), getattr(nn, name)(**theirs), x


for _name in ("ReLU", "Sigmoid", "Tanh", "SELU", "SiLU"):
    _elementwise(_name)
_elementwise("LeakyReLU", {"slope": [0.01, 0.3]}, {"slope": "negative_slope"})
_elementwise("ELU", {"alpha": [1.0, 0.5]})
_elementwise("GELU", {"approximate": ["none", "tanh"]})
_elementwise("Softplus", {"beta": [1.0, 2.5]})
_elementwise("Softmax", {"axis": [-1, 0]}, {"axis": "dim"})


def moved(layer, s):
    """The layer with other parameters than ones and zeros."""
    for p in layer.parameters():
        p.assign(s.array(p.shape, offset=0.6))
    return layer


@sample("PReLU")
def prelu(s):
    channels = s.choice([1, 3])
    shape = (2, channels, *s.shape(max_dims=2, min_side=1)) if channels > 1 else s.shape(min_side=1)
    layer = moved(gd.layers.PReLU(channels, dtype="float64"), s)
    return layer, nn.PReLU(channels, **F64), s.array(shape)


@sample("Maxout")
def maxout(s):
    pieces, rest = s.integer(1, 3), s.shape(max_dims=2, min_side=1)
    x = s.distinct((2, 2 * pieces, *rest))
    return gd.layers.Maxout(pieces), Formula(lambda x: x.reshape(2, 2, pieces, *rest).amax(2)), x


@sample("Linear")
def linear(s):
    inputs, outputs, bias = s.integer(1, 4), s.integer(1, 4), s.boolean()
    x = s.array((*s.shape(max_dims=2, min_side=1), inputs))
    layer = gd.layers.Linear(inputs, outputs, bias, dtype="float64", seed=1)
    return layer, nn.Linear(inputs, outputs, bias, **F64), x


def _convolution(rank):
    @sample(f"Conv{rank}d")
    def draw(s):
        groups, window = s.choice([1, 2]), s.choice([1, 2, 3])
        padding = s.choice([0, 1, "same"] if window % 2 else [0, 1])  # torch warns of an even "same"
        stride = 1 if padding == "same" else s.choice([1, 2])
        sizes = (2 * groups, 3 * groups, window, stride, padding, s.choice([1, 2]), groups, s.boolean())
        layer = getattr(gd.layers, f"Conv{rank}d")(*sizes, rounding="floor", dtype="float64", seed=1)
        x = s.array((s.integer(1, 2), 2 * groups, *(6, 5)[:rank]))
        return layer, getattr(nn, f"Conv{rank}d")(*sizes, **F64), x

    return draw


_convolution(1)
_square = _convolution(2)


@sample("Conv2d")
def conv2d(s):
    """Windows, strides, paddings and dilations alike along both axes, or not."""
    if s.boolean():
        return _square(s)
    each = [tuple(s.integer(low, high) for _ in range(2)) for low, high in ((1, 3), (1, 3), (0, 2), (1, 2))]
    groups = s.choice([1, 3])
    sizes = (3, 6, *each, groups, s.boolean())
    layer = gd.layers.Conv2d(*sizes, rounding="floor", dtype="float64", seed=1)
    return layer, nn.Conv2d(*sizes, **F64), s.array((s.integer(1, 2), 3, 6, 7))


@sample("ConvTranspose2d")
def conv_transpose(s):
    groups, stride = s.choice([1, 2]), s.choice([1, 2, (3, 1)])
    dilation = s.choice([1, 2, (1, 3)])
    extra = s.choice([0, 1 if stride == 2 or dilation == 2 else (2, 0) if stride == (3, 1) else 0])
    sizes = (2 * groups, 3 * groups, (3, 2), stride, (1, 0), extra, groups, s.boolean(), dilation)
    layer = gd.layers.ConvTranspose2d(*sizes, dtype="float64", seed=1)
    return layer, nn.ConvTranspose2d(*sizes, **F64), s.array((s.integer(1, 2), 2 * groups, 3, 4))


@sample("Embedding")
def embedding(s):
    count, features, padding = s.integer(1, 4), s.integer(1, 3), s.choice([None, 0, -1])
    layer = gd.layers.Embedding(count, features, padding, dtype="float64", seed=1)
    theirs = nn.Embedding(count, features, padding, **F64)
    return layer, theirs, s.integers(s.shape(min_side=1), 0, count - 1)


def _batch_norm(name, shapes):
    @sample(name)
    def draw(s):
        options = {"eps": s.choice([1e-5, 1e-3]), "momentum": s.choice([0.1, 0.5])}
        layer = moved(getattr(gd.layers, name)(3, **options, dtype="float64"), s)
        return layer, getattr(nn, name)(3, **options, **F64), s.distinct(s.choice(shapes))


_batch_norm("BatchNorm1d", [(4, 3), (2, 3, 4), (1, 3, 5)])
_batch_norm("BatchNorm2d", [(2, 3, 2, 3), (1, 3, 3, 2)])


@sample("LayerNorm")
def layer_norm(s):
    shape = s.choice([(4,), (2, 3), (3, 1, 2)])
    eps, affine = s.choice([1e-5, 1e-2]), s.boolean()
    layer = moved(gd.layers.LayerNorm(shape, eps, affine, dtype="float64"), s)
    x = s.distinct((*s.shape(max_dims=2, min_side=1), *shape))
    return layer, nn.LayerNorm(shape, eps, affine, **F64), x


@sample("GroupNorm")
def group_norm(s):
    groups, channels = s.choice([(1, 3), (2, 4), (3, 6)])
    eps, affine = s.choice([1e-5, 1e-2]), s.boolean()
    layer = moved(gd.layers.GroupNorm(groups, channels, eps, affine, dtype="float64"), s)
    return layer, nn.GroupNorm(groups, channels, eps, affine, **F64), s.distinct((2, channels, 2, 3))


@sample("LocalResponseNorm")
def local_response_norm(s):
    options = (s.integer(1, 5), s.choice([1e-4, 0.5]), s.choice([0.75, 0.5]), s.choice([1.0, 2.0]))
    x = s.array((2, s.integer(1, 6), *s.shape(min_dims=1, max_dims=2, min_side=1)))
    return gd.layers.LocalResponseNorm(*options), nn.LocalResponseNorm(*options), x


def _pooled(name, draw_options, spelled=lambda *options: options):
    @sample(name)
    def draw(s):
        options = draw_options(s)
        x = s.distinct((2, 2, 6, 5))
        return getattr(gd.layers, name)(*options), getattr(nn, name)(*spelled(*options)), x


def _windows(s):
    return s.choice([1, 2, 3]), s.choice([None, 1, 2]), s.choice([0, 0, 1]), s.choice(["floor", "ceil"])


def _max_pool(window, stride, padding, rounding):
    return window, stride, min(padding, window // 2), 1, False, rounding == "ceil"


def _avg_pool(window, stride, padding, rounding):
    return window, stride, min(padding, window // 2), rounding == "ceil"


def _fitting(s):
    window, stride, padding, rounding = _windows(s)
    return window, stride, min(padding, window // 2), rounding


_pooled("MaxPool2d", _fitting, _max_pool)
_pooled("AvgPool2d", _fitting, _avg_pool)
_pooled("AdaptiveAvgPool2d", lambda s: (s.choice([1, (2, 3), (6, 5), (4, 1), (7, 9)]),))


@sample("GlobalAvgPool2d")
def global_avg_pool(s):
    return gd.layers.GlobalAvgPool2d(), Formula(lambda x: x.mean((2, 3))), s.array((2, 3, s.integer(1, 4), 2))


@sample("Flatten")
def flatten(s):
    return gd.layers.Flatten(), nn.Flatten(), s.array((s.integer(1, 3), *s.shape(min_dims=1, min_side=1)))


class Joined(nn.Module):
    def __init__(self, **branches):
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.children()], 1)


@sample("Concat")
def concat(s):
    x = s.array((2, 3, *s.shape(max_dims=1, min_side=1), 4))
    layers, l = gd.layers, {"dtype": "float64"}
    if x.ndim == 3:
        ours = layers.Concat(branch1=layers.Conv1d(3, 2, 1, **l), branch2=layers.Tanh())
        return ours, Joined(branch1=nn.Conv1d(3, 2, 1, **F64), branch2=nn.Tanh()), x
    return layers.Concat(layers.ReLU(), layers.Sigmoid()), Joined(a=nn.ReLU(), b=nn.Sigmoid()), x[..., 0]


@sample("Sequential")
def sequential(s):
    layers, l = gd.layers, {"dtype": "float64"}
    ours = layers.Sequential(layers.Linear(3, 4, **l), layers.Tanh(), last=layers.Linear(4, 2, **l))
    theirs = nn.Sequential()
    for name, part in (("0", nn.Linear(3, 4, **F64)), ("1", nn.Tanh()), ("last", nn.Linear(4, 2, **F64))):
        theirs.add_module(name, part)
    return ours, theirs, s.array((s.integer(1, 3), 3))


class Around(nn.Module):
    def __init__(self, body, shortcut=None, activation=torch.relu):
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut or nn.Identity(), activation

    def forward(self, x):
        return self.activation(self.body(x) + self.shortcut(x))


@sample("Residual")
def residual(s):
    body, x = gd.layers.Linear(3, 3, dtype="float64", seed=s.integer(0, 3)), s.array((s.integer(1, 3), 3))
    if s.boolean():
        return gd.layers.Residual(body), Around(nn.Linear(3, 3, **F64)), x
    shortcut, activation = gd.layers.Linear(3, 3, False, dtype="float64"), s.choice([None, gd.tanh])
    theirs = Around(
        nn.Linear(3, 3, **F64), nn.Linear(3, 3, False, **F64), torch.tanh if activation else lambda x: x
    )
    return gd.layers.Residual(body, shortcut, activation), theirs, x
