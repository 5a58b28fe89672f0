"""A right use of everything public: a call, with its arguments by position and by name. A wrong use is made
of it by putting something else in the place of one argument."""

import itertools

import numpy as np
from train.problems import points, trainer

import graphdiff as gd
from graphdiff import init, matching, ops, random, testing, train
from graphdiff.interop import graph_json

L, S, O, M, T = gd.layers, gd.losses, gd.optimizers, gd.models, gd.transforms
X = gd.variable(np.linspace(0.1, 0.9, 6).reshape(2, 3), name="x")
SQUARE = gd.variable(np.eye(3), name="square")
LINE, LABELS = np.linspace(0, 1, 4), np.array([1, 0])
SEQUENCES, IMAGES = np.ones((2, 3, 8), "float32"), np.ones((2, 3, 8, 8), "float32")
BOOLEANS = np.array([[True, False, True]] * 2)
KEY = random.key(0)
LAYER = L.Linear(3, 2, seed=0)
LOSS = gd.sum(gd.tanh(X)).named("loss")
BACK = LOSS.backward()
GRAPH = gd.make_graph(gd.tanh, X)
DATA = points(12)
STATE = {"weight": np.ones((2, 3), "float32"), "bias": np.ones(2, "float32")}


def use(call, *args, **named):
    return call, args, named


def _entered(manager):
    def call(*args, **named):
        with manager(*args, **named):
            pass

    return call


def _all(generator):
    """All that a generator makes, up to a number that no right use reaches."""
    return lambda *args, **named: list(itertools.islice(generator(*args, **named), 100))


def _then(make, *values):
    """What a call returns, called in turn."""
    return lambda *args, **named: make(*args, **named)(*values)


def _fit(data=DATA, epochs=1, progress=False, **options):
    return trainer().fit(data, epochs=epochs, progress=progress, **options)


def _make(**_):
    return trainer()


def _two(x):
    return x * 2


def _summed(x):
    return gd.sum(x * x)


def _fresh(kind, name, **options):
    """A method of an object made for the call."""
    return lambda *args, **named: getattr(kind(**options), name)(*args, **named)


def _stepped(name):
    """A step of an optimizer made for the call."""
    return lambda *args, **named: getattr(O, name)(*args, **named).step(
        LAYER, {"bias": gd.ones(2, "float32")}
    )


def _primitives():
    logical = {"logical_and", "logical_or", "logical_not"}
    for name in ops.__all__:
        operation = getattr(ops, name)
        if isinstance(operation, gd.Primitive) and name not in ("where", "accumulate"):
            yield name, use(operation, *[BOOLEANS if name in logical else X] * operation.arity)


OPERATIONS = {
    **dict(_primitives()),
    "accumulate": use(gd.accumulate, X, X),
    "adaptive_avg_pool2d": use(gd.adaptive_avg_pool2d, IMAGES, 2),
    "adaptive_max_pool2d": use(gd.adaptive_max_pool2d, IMAGES, 2),
    "all_reduce": use(gd.all_reduce, X),
    "arange": use(gd.arange, 0, 4, 1),
    "argmax": use(gd.argmax, X),
    "argmin": use(gd.argmin, X),
    "avg_pool1d": use(gd.avg_pool1d, SEQUENCES, 2),
    "avg_pool2d": use(gd.avg_pool2d, IMAGES, 2),
    "broadcast_from": use(gd.broadcast_from, X, 0),
    "broadcast_to": use(gd.broadcast_to, X, (4, 2, 3)),
    "cast": use(gd.cast, X, "float32"),
    "channel_window_sum": use(gd.channel_window_sum, IMAGES, 3),
    "clip": use(gd.clip, X, 0.2, 0.5),
    "concatenate": use(gd.concatenate, [X, X]),
    "conv1d": use(gd.conv1d, SEQUENCES, np.ones((2, 3, 3), "float32")),
    "conv2d": use(gd.conv2d, IMAGES, np.ones((2, 3, 3, 3), "float32")),
    "conv_transpose1d": use(gd.conv_transpose1d, SEQUENCES, np.ones((3, 2, 3), "float32")),
    "conv_transpose2d": use(gd.conv_transpose2d, IMAGES, np.ones((3, 2, 3, 3), "float32")),
    "cumsum": use(gd.cumsum, X, 0),
    "diagonal": use(gd.diagonal, X),
    "einsum": use(gd.einsum, "ij,kj->ik", X, X),
    "elu": use(gd.elu, X),
    "expand_dims": use(gd.expand_dims, X, 0),
    "eye": use(gd.eye, 3),
    "flip": use(gd.flip, X),
    "full": use(gd.full, (2, 3), 1.5),
    "gelu": use(gd.gelu, X),
    "getitem": use(gd.getitem, X, 0),
    "global_avg_pool2d": use(gd.global_avg_pool2d, IMAGES),
    "global_max_pool2d": use(gd.global_max_pool2d, IMAGES),
    "index_update": use(gd.index_update, X, 0, LINE[:3]),
    "leaky_relu": use(gd.leaky_relu, X),
    "log_softmax": use(gd.log_softmax, X),
    "logsumexp": use(gd.logsumexp, X),
    "matmul": use(gd.matmul, X, SQUARE),
    "max": use(gd.max, X),
    "max_pool1d": use(gd.max_pool1d, SEQUENCES, 2),
    "max_pool2d": use(gd.max_pool2d, IMAGES, 2),
    "mean": use(gd.mean, X),
    "min": use(gd.min, X),
    "moveaxis": use(gd.moveaxis, X, 0, 1),
    "norm": use(gd.norm, X),
    "one_hot": use(gd.one_hot, LABELS, 3),
    "ones": use(gd.ones, (2, 3)),
    "ones_like": use(gd.ones_like, X),
    "outer": use(gd.outer, LINE, LINE),
    "pad": use(gd.pad, X, 1),
    "prod": use(gd.prod, X),
    "repeat": use(gd.repeat, X, 2),
    "reshape": use(gd.reshape, X, (3, 2)),
    "roll": use(gd.roll, X, 1),
    "scatter_add": use(gd.scatter_add, X, 0, LINE[:3]),
    "softmax": use(gd.softmax, X),
    "split": use(gd.split, X, 2),
    "squeeze": use(gd.squeeze, X),
    "stack": use(gd.stack, [X, X]),
    "std": use(gd.std, X),
    "sum": use(gd.sum, X),
    "swapaxes": use(gd.swapaxes, X, 0, 1),
    "take": use(gd.take, X, LABELS),
    "take_along_axis": use(gd.take_along_axis, X, np.zeros((2, 1), int), 1),
    "tensordot": use(gd.tensordot, X, SQUARE, 1),
    "tile": use(gd.tile, X, 2),
    "trace": use(gd.trace, SQUARE),
    "transpose": use(gd.transpose, X),
    "var": use(gd.var, X),
    "where": use(gd.where, BOOLEANS, X, X),
    "zeros": use(gd.zeros, (2, 3)),
    "zeros_like": use(gd.zeros_like, X),
}

CORE = {
    "Cell": use(gd.Cell, LINE),
    "Composite": use(gd.Composite, "some_composite", _two),
    "DType": use(gd.DType, "float32"),
    "LossScaler": use(gd.LossScaler),
    "Parameter": use(gd.Parameter, LINE),
    "TensorSpec": use(gd.TensorSpec, (2, 3), "float32"),
    "Trainer": use(gd.Trainer, LAYER, S.hinge, O.SGD(0.1)),
    "as_tensor": use(gd.as_tensor, LINE),
    "autocast": use(_entered(gd.autocast), "float32"),
    "backend": use(_entered(gd.backend), "numpy"),
    "checkpoint": use(_then(gd.checkpoint, X), _two),
    "compile": use(_then(gd.compile, X), _two),
    "diagnose": use(gd.diagnose, LAYER, np.ones((2, 3), "float32"), LABELS, loss=S.hinge),
    "draw": use(gd.draw, LOSS),
    "draw_diff": use(gd.draw_diff, LOSS, BACK),
    "draw_steps": use(gd.draw_steps, [("start", BACK)]),
    "freeze": use(lambda *a, **o: gd.freeze(L.Linear(2, 2), *a, **o), "*"),
    "from_dlpack": use(gd.from_dlpack, LINE),
    "get_backend": use(gd.get_backend, "numpy"),
    "grad": use(_then(gd.grad, X), _summed),
    "hessian": use(_then(gd.hessian, X), _summed),
    "hvp": use(gd.hvp, _summed, (X,), (X,)),
    "jacobian": use(_then(gd.jacobian, X), _two),
    "jvp": use(gd.jvp, _two, (X,), (X,)),
    "kernel": use(gd.kernel, gd.tanh, "some_backend"),
    "load_state": use(gd.load_state, "no such.safetensors"),
    "make_graph": use(gd.make_graph, _two, X),
    "no_grad": use(_entered(gd.no_grad)),
    "profile": use(gd.profile, LOSS),
    "replace_head": use(lambda *a: gd.replace_head(L.Sequential(L.Linear(3, 2)), *a), 3),
    "save_state": use(gd.save_state, "/proc/self/s.safetensors", STATE),
    "scope": use(_entered(gd.scope), "part"),
    "seed": use(gd.seed, 0),
    "statistics": use(gd.statistics, LOSS),
    "tensor": use(gd.tensor, LINE),
    "value_and_grad": use(_then(gd.value_and_grad, X), _summed),
    "variable": use(gd.variable, LINE),
    "variables": use(gd.variables, x=LINE),
    "vjp": use(gd.vjp, _two, X),
    "random.bernoulli": use(random.bernoulli, KEY),
    "random.bits": use(random.bits, KEY),
    "random.fold_in": use(random.fold_in, KEY, 3),
    "random.generator": use(random.generator, 0),
    "random.key": use(random.key, 0),
    "random.normal": use(random.normal, KEY),
    "random.permutation": use(random.permutation, KEY, 4),
    "random.randint": use(random.randint, KEY, 0, 5),
    "random.split": use(random.split, KEY),
    "random.uniform": use(random.uniform, KEY),
    "random.Stream": use(random.Stream, 0),
    "init.fans": use(init.fans, X),
    "init.gain": use(init.gain, "relu"),
    "init.kaiming_normal": use(init.kaiming_normal, X),
    "init.kaiming_uniform": use(init.kaiming_uniform, X),
    "init.xavier_normal": use(init.xavier_normal, X),
    "init.xavier_uniform": use(init.xavier_uniform, X),
    "matching.fitting": use(matching.fitting, {"weight": LAYER.weight}, "*"),
    "matching.matched": use(_all(matching.matched), LAYER, "*"),
    "matching.matches": use(matching.matches, "*", "weight", LAYER.weight),
    "primitives.register": use(gd.primitives.register, "other name", gd.tanh, override=True),
    "graph_json.from_json": use(graph_json.from_json, GRAPH.to_json()),
    "testing.check_gradients": use(testing.check_gradients, _summed, X),
    "testing.numerical_gradient": use(testing.numerical_gradient, lambda v: float((v * v).sum()), LINE),
    "testing.relative_error": use(testing.relative_error, LINE, LINE),
}

METHODS = {
    "Tensor.argmax": use(X.argmax),
    "Tensor.argmin": use(X.argmin),
    "Tensor.astype": use(X.astype, "float32"),
    "Tensor.backward": use(LOSS.backward),
    "Tensor.cumsum": use(X.cumsum),
    "Tensor.max": use(X.max),
    "Tensor.mean": use(X.mean),
    "Tensor.min": use(X.min),
    "Tensor.named": use((X * 1).named, "product"),
    "Tensor.prod": use(X.prod),
    "Tensor.reshape": use(X.reshape, 3, 2),
    "Tensor.squeeze": use(X.squeeze),
    "Tensor.std": use(X.std),
    "Tensor.sum": use(X.sum),
    "Tensor.transpose": use(X.transpose, 1, 0),
    "Tensor.var": use(X.var),
    "Tensor[]": use(X.__getitem__, 0),
    "Tensor + other": use(lambda other: X + other, X),
    "other + Tensor": use(lambda other: other + X, X),
    "Tensor @ other": use(lambda other: X @ other, SQUARE),
    "Tensor ** other": use(lambda other: X**other, 2),
    "Tensor == other": use(lambda other: other == X, X),
    "Tensor < other": use(lambda other: other > X, X),
    "Tensor & other": use(lambda other: (X > 0) & other, BOOLEANS),
    "Cell.assign": use(_fresh(gd.Parameter, "assign", value=LINE), LINE),
    "Backward[]": use(BACK.__getitem__, X),
    "Backward.contribution": use(BACK.contribution, *BACK.edges()[0]),
    "Backward.gradient": use(BACK.gradient, X),
    "Backward.local": use(BACK.local, *BACK.edges()[0]),
    "Backward.passed": use(BACK.passed, *BACK.edges()[0]),
    "Backward.tensor": use(BACK.tensor, BACK.edges()[0][0]),
    "Backward.upstream": use(BACK.upstream, BACK.edges()[0][0]),
    "Backward.value": use(BACK.value, X),
    "Graph.from_json": use(gd.Graph.from_json, GRAPH.to_json()),
    "Graph.users": use(GRAPH.users, GRAPH.nodes[0].id),
    "Module()": use(LAYER, np.ones((2, 3), "float32")),
    "Module.load_state_dict": use(LAYER.load_state_dict, STATE),
    "Module.state_dict": use(LAYER.state_dict),
    "Module.train": use(LAYER.train),
    "Numbers.by_scope": use(gd.statistics(LOSS).by_scope),
    "Numbers.table": use(gd.statistics(LOSS).table),
    "Report.in_state": use(gd.diagnose(LOSS).in_state, "zero"),
    "Picture.laid_out": use(gd.draw(LOSS).laid_out, "svg"),
    "Picture.save": use(gd.draw(LOSS).save, "/proc/self/picture.dot"),
    "Compiled()": use(gd.compile(_two), X),
    "Trainer.evaluate": use(_fresh(trainer, "evaluate"), DATA),
    "Trainer.fit": use(_fit, DATA),
    "Trainer.objective": use(trainer().objective, gd.tensor(DATA.inputs), gd.tensor(DATA.labels)),
    "Trainer.step": use(_fresh(trainer, "step"), gd.tensor(DATA.inputs), gd.tensor(DATA.labels)),
    "Trainer.stop": use(_fresh(trainer, "stop"), "enough"),
    "Optimizer.step": use(lambda *a, **o: O.SGD(0.1).step(*a, **o), LAYER, {"bias": gd.ones(2, "float32")}),
    "Optimizer.load_state_dict": use(_fresh(O.SGD, "load_state_dict", lr=0.1), O.SGD(0.1).state_dict()),
    "LossScaler.scaled": use(gd.LossScaler().scaled, LOSS),
    "LossScaler.load_state_dict": use(_fresh(gd.LossScaler, "load_state_dict"), gd.LossScaler().state_dict()),
    "Checkpoints.write": use(
        lambda *a: train.Checkpoints("/proc/self/kept").write(*a), 1, 1, {"w": LINE}, {"epoch": 1}
    ),
    "History.from_dict": use(train.History.from_dict, train.History().as_dict()),
}

OPTIONS = {"weight_decay": 0.1, "clip_norm": 1.0, "groups": {}}
TRAINING = {
    "train.Dataset": use(train.Dataset, DATA, DATA),
    "train.Draws": use(train.Draws, 0, 0, np.arange(3)),
    "train.EarlyStopping": use(train.EarlyStopping),
    "train.Checkpoints": use(train.Checkpoints, "/proc/self/kept"),
    "train.TensorBoard": use(train.TensorBoard, "/proc/self/events"),
    "train.accuracy": use(train.accuracy, gd.tensor([[1.0, 2.0]]), gd.tensor([1])),
    "train.agree": use(train.agree, [gd.Parameter([1.0])]),
    "train.as_batches": use(_all(train.as_batches), DATA),
    "train.batches": use(_all(train.batches), DATA, 5),
    "train.check_schedule": use(train.check_schedule, gd.schedules.Constant(0.1), True),
    "train.cross_validate": use(
        train.cross_validate, _make, DATA, k=2, epochs=1, progress=False, options={}
    ),
    "train.global_norm": use(train.global_norm, [X, X]),
    "train.grid_options": use(train.grid_options, lr=[0.1, 0.2]),
    "train.hold_out": use(train.hold_out, DATA),
    "train.k_folds": use(_all(train.k_folds), DATA),
    "train.prefetch": use(_all(train.prefetch), [1, 2, 3]),
    "train.random_options": use(train.random_options, 2, lr=[0.1, 0.2]),
    "train.random_restarts": use(train.random_restarts, _make, DATA, restarts=1, epochs=1, progress=False),
    "train.range_test": use(train.range_test, trainer().model, S.hinge, O.SGD(0.1), DATA, steps=3),
    "train.search": use(train.search, _make, [{}], DATA, k=2, epochs=1, progress=False),
    "train.reduced": use(train.reduced, {"w": X}),
    "train.synchronise": use(train.synchronise, L.BatchNorm1d(2)),
    "transforms.ColorCast": use(_then(T.ColorCast, IMAGES)),
    "transforms.ColorJitter": use(_then(T.ColorJitter, IMAGES)),
    "transforms.Compose": use(_then(T.Compose, IMAGES), T.HorizontalFlip()),
    "transforms.Cutout": use(_then(T.Cutout, IMAGES)),
    "transforms.GeometricDistortion": use(_then(T.GeometricDistortion, IMAGES)),
    "transforms.HorizontalFlip": use(_then(T.HorizontalFlip, IMAGES)),
    "transforms.RandomCrop": use(_then(T.RandomCrop, IMAGES)),
    "transforms.Resize": use(_then(T.Resize, IMAGES), 4),
    "transforms.Standardize": use(_then(T.Standardize, IMAGES), 0.5, 0.5),
    "Transform()": use(T.RandomCrop(1), IMAGES),
    "datasets.arrays": use(gd.datasets.arrays, np.ones((8, 2)), np.arange(8) % 2),
    "datasets.cifar10": use(gd.datasets.cifar10, "no such folder"),
    "datasets.cifar100": use(gd.datasets.cifar100, "no such folder"),
    "datasets.digits": use(gd.datasets.digits),
    "datasets.image_folder": use(gd.datasets.image_folder, "no such folder", size=4),
    "datasets.mnist": use(gd.datasets.mnist, "no such folder"),
    "schedules.Constant": use(_then(gd.schedules.Constant, 3), 0.1),
    "schedules.Cosine": use(_then(gd.schedules.Cosine, 3), 0.1, 10),
    "schedules.CosineRestarts": use(_then(gd.schedules.CosineRestarts, 3), 0.1, 10),
    "schedules.Exponential": use(_then(gd.schedules.Exponential, 3), 0.1, 0.9),
    "schedules.MultiStep": use(_then(gd.schedules.MultiStep, 3), 0.1, [2, 4]),
    "schedules.OneCycle": use(_then(gd.schedules.OneCycle, 3), 0.1, 10),
    "schedules.ReduceOnPlateau": use(gd.schedules.ReduceOnPlateau, 0.1),
    "schedules.Step": use(_then(gd.schedules.Step, 3), 0.1, 2),
    "schedules.WarmUp": use(_then(gd.schedules.WarmUp, 3), gd.schedules.Constant(0.1), 2),
    **{f"optimizers.{name}": use(_stepped(name), 0.1, **OPTIONS) for name in sorted(O)},
}  # fmt: skip

ROWS = np.ones((2, 3), "float32")
VOLUMES = np.ones((2, 4, 5, 5), "float32")
MODULES = {
    "layers.AdaptiveAvgPool2d": use(_then(L.AdaptiveAvgPool2d, IMAGES), 2),
    "layers.AvgPool2d": use(_then(L.AvgPool2d, IMAGES), 2),
    "layers.BatchNorm1d": use(_then(L.BatchNorm1d, ROWS), 3),
    "layers.BatchNorm2d": use(_then(L.BatchNorm2d, IMAGES), 3),
    "layers.Concat": use(_then(L.Concat, ROWS), LAYER, LAYER),
    "layers.Conv1d": use(_then(L.Conv1d, SEQUENCES), 3, 2, 3),
    "layers.Conv2d": use(_then(L.Conv2d, IMAGES), 3, 2, 3),
    "layers.ConvTranspose2d": use(_then(L.ConvTranspose2d, IMAGES), 3, 2, 3),
    "layers.Dropout": use(_then(L.Dropout, ROWS)),
    "layers.Dropout2d": use(_then(L.Dropout2d, IMAGES)),
    "layers.ELU": use(_then(L.ELU, ROWS)),
    "layers.Embedding": use(_then(L.Embedding, LABELS), 4, 2),
    "layers.Flatten": use(_then(L.Flatten, IMAGES)),
    "layers.GELU": use(_then(L.GELU, ROWS)),
    "layers.GlobalAvgPool2d": use(_then(L.GlobalAvgPool2d, IMAGES)),
    "layers.GroupNorm": use(_then(L.GroupNorm, VOLUMES), 2, 4),
    "layers.LayerNorm": use(_then(L.LayerNorm, ROWS), 3),
    "layers.LeakyReLU": use(_then(L.LeakyReLU, ROWS)),
    "layers.Linear": use(_then(L.Linear, ROWS), 3, 2),
    "layers.LocalResponseNorm": use(_then(L.LocalResponseNorm, IMAGES), 3),
    "layers.Maxout": use(_then(L.Maxout, VOLUMES), 2),
    "layers.MaxPool2d": use(_then(L.MaxPool2d, IMAGES), 2),
    "layers.PReLU": use(_then(L.PReLU, ROWS)),
    "layers.ReLU": use(_then(L.ReLU, ROWS)),
    "layers.Residual": use(_then(L.Residual, ROWS), gd.tanh),
    "layers.SELU": use(_then(L.SELU, ROWS)),
    "layers.Sequential": use(_then(L.Sequential, ROWS), LAYER),
    "layers.Sigmoid": use(_then(L.Sigmoid, ROWS)),
    "layers.SiLU": use(_then(L.SiLU, ROWS)),
    "layers.Softmax": use(_then(L.Softmax, ROWS)),
    "layers.Softplus": use(_then(L.Softplus, ROWS)),
    "layers.Tanh": use(_then(L.Tanh, ROWS)),
    "losses.binary_cross_entropy": use(S.binary_cross_entropy, ROWS, ROWS),
    "losses.elastic_net": use(S.elastic_net, LAYER, 0.1),
    "losses.hinge": use(S.hinge, ROWS, LABELS),
    "losses.huber": use(S.huber, ROWS, ROWS),
    "losses.kl_divergence": use(S.kl_divergence, ROWS, ROWS),
    "losses.l1": use(S.l1, LAYER, 0.1),
    "losses.l2": use(S.l2, LAYER, 0.1),
    "losses.mean_absolute": use(S.mean_absolute, ROWS, ROWS),
    "losses.mean_squared": use(S.mean_squared, ROWS, ROWS),
    "losses.softmax_cross_entropy": use(S.softmax_cross_entropy, ROWS, LABELS),
    "models.lenet5": use(M.lenet5),
    "models.lenet5_1998": use(M.lenet5_1998),
    "models.linear": use(M.linear, 3, 2),
    "models.mlp": use(M.mlp, 3, 2, (4,)),
    "models.small_vgg": use(M.small_vgg, 3, 1, (4, 8, 8)),
    "models.two_layer": use(M.two_layer, 3, 2, 4),
    "models.resnet20": use(M.resnet20),
}
LARGE = {  # a second or more for each use
    f"models.{name}": use(getattr(M, name), 10) for name in sorted(M) if f"models.{name}" not in MODULES
}

RIGHT = OPERATIONS | CORE | METHODS | TRAINING | MODULES
