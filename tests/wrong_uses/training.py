"""Optimizers, schedules, data in batches, the loop, selection."""

import numpy as np
from train.problems import points, trainer

import graphdiff as gd
from graphdiff import train

O, L = gd.optimizers, gd.layers
DATA = points(12)


def _fit(data=DATA, **options):
    return trainer().fit(data, **{"epochs": 1, "progress": False, **options})


def _step(gradients, optimizer=None):
    (optimizer or O.SGD(0.1)).step(L.Linear(2, 3), gradients)


def _other_model():
    x = L.Linear(2, 3)
    back = gd.sum(x(np.ones((1, 2), "float32"))).backward()
    O.SGD(0.1).step(L.Linear(2, 3), back)


def _changed_option():
    O.SGD(0.1, momentum=0.9).momentum = 0.5


def _foreign_state():
    adam, layer = O.Adam(0.1), L.Linear(1, 1)
    sgd = O.SGD(0.1, momentum=0.9)
    gradients = {"weight": gd.ones((1, 1), "float32")}
    adam.step(layer, gradients)
    sgd.load_state_dict(adam.state_dict())
    sgd.step(layer, gradients)


class _Model(gd.Module):
    def forward(self, x):
        return x


WRONG = {
    "a learning rate of 0": (lambda: O.SGD(0), ["lr=0"]),
    "a learning rate of NaN": (lambda: O.Adam(float("nan")), ["lr=nan"]),
    "an infinite learning rate": (lambda: O.SGD(float("inf")), ["lr=inf"]),
    "a learning rate of text": (lambda: O.SGD("0.1"), ["lr='0.1'"]),
    "an unknown option": (lambda: O.SGD(0.1, momentun=0.9), ["momentun", "momentum"]),
    "a momentum of 1": (lambda: O.SGD(0.1, momentum=1), ["momentum=1"]),
    "a momentum of text": (lambda: O.SGD(0.1, momentum="a"), ["momentum='a'"]),
    "a decay rate of 1": (lambda: O.Adam(0.1, betas=(1, 0.9)), ["beta1=1"]),
    "a negative weight decay": (lambda: O.SGD(0.1, weight_decay=-1), ["weight_decay=-1"]),
    "a weight decay of text": (lambda: O.SGD(0.1, weight_decay="a"), ["weight_decay='a'"]),
    "a clipping norm of 0": (lambda: O.SGD(0.1, clip_norm=0), ["clip_norm=0"]),
    "a clipping value of text": (lambda: O.SGD(0.1, clip_value="a"), ["clip_value='a'"]),
    "groups that are no mapping": (lambda: O.SGD(0.1, groups=["*"]), ["groups"]),
    "a group's unknown option": (lambda: O.SGD(0.1, groups={"*": {"momentum": 1}}), ["momentum"]),
    "a group that none fits": (
        lambda: _step({"bias": gd.ones(3, "float32")}, O.SGD(0.1, groups={"conv*": {"lr": 1.0}})),
        ["conv*"],
    ),
    "an option changed after the start": (_changed_option, ["momentum"]),
    "a negative rate later": (lambda: setattr(O.SGD(0.1), "lr", -1), ["-1"]),
    "a rate of text later": (lambda: setattr(O.SGD(0.1), "lr", "a"), ["'a'"]),
    "an unknown optimizer": (lambda: O.Adamm, ["Adamm", "Adam"]),
    "gradients that are none": (lambda: _step([1.0]), ["list", "backward()"]),
    "no gradients": (lambda: _step({}), ["Linear", "weight"]),
    "a gradient of an unknown name": (lambda: _step({"w": gd.ones(3)}), ["w", "weight, bias"]),
    "a gradient of a smaller shape": (lambda: _step({"weight": gd.ones(2)}), ["weight", "(3, 2)", "(2,)"]),
    "a gradient that is text": (lambda: _step({"bias": "abc"}), ["bias"]),
    "a gradient that is not there": (lambda: _step({"bias": None}), ["bias"]),
    "gradients of another model": (_other_model, ["Linear", "weight, bias"]),
    "a step on what is no module": (lambda: O.SGD(0.1).step(3, {}), ["int"]),
    "the state of another optimizer": (_foreign_state, ["weight", "SGD"]),
    "an optimizer's state that is none": (lambda: O.SGD(0.1).load_state_dict({"x": 1}), ["'x'"]),
    "an optimizer's state of text": (lambda: O.SGD(0.1).load_state_dict({"/lr": "a"}), ["/lr"]),
    "the norm of nothing": (lambda: train.global_norm([]), ["global_norm", "gradient"]),
    "the norm of text": (lambda: train.global_norm(["a"]), ["tensor"]),
    "a loss scale of 0": (lambda: gd.LossScaler(0), ["scale=0"]),
    "a loss scale that is text": (lambda: gd.LossScaler("a"), ["scale='a'"]),
    "a scaler's state that is none": (lambda: gd.LossScaler().load_state_dict({"x": 1}), ["x", "scale"]),
    "a schedule of no steps": (lambda: gd.schedules.Cosine(0.1, 0), ["0"]),
    "a schedule of a negative rate": (lambda: gd.schedules.Exponential(-0.1, 0.9), ["-0.1"]),
    "a schedule that gives text": (lambda: _fit(schedule=lambda n: "a"), ["'a'"]),
    "a schedule that is none": (lambda: _fit(schedule="cosine"), ["cosine"]),
    "a schedule by something else": (lambda: _fit(schedule=0.1, schedule_by="batch"), ["batch"]),
    "no epochs": (lambda: _fit(epochs=0), ["0 epochs"]),
    "half an epoch": (lambda: _fit(epochs=1.5), ["epochs=1.5"]),
    "epochs of text": (lambda: _fit(epochs="3"), ["epochs='3'"]),
    "batches of half an example": (lambda: _fit(batch_size=2.5), ["batch_size=2.5"]),
    "batches of nothing": (lambda: _fit(batch_size=0), ["0"]),
    "batches of a fractional number, by the function": (
        lambda: list(train.batches(DATA, 2.0)),
        ["2.0"],
    ),
    "a seed that is a fraction": (lambda: _fit(seed=0.5), ["seed=0.5"]),
    "a negative seed": (lambda: _fit(seed=-1), ["seed=-1"]),
    "fetching every half step": (lambda: _fit(fetch_every=0.5), ["fetch_every=0.5"]),
    "callbacks that are none": (lambda: _fit(callbacks=[3]), ["3", "Callback"]),
    "resuming without checkpoints": (lambda: _fit(resume=True), ["checkpoints"]),
    "checkpoints that are a path": (lambda: _fit(checkpoints="folder"), ["checkpoints", "Checkpoints"]),
    "early stopping without validation": (lambda: _fit(callbacks=[train.EarlyStopping()]), ["validation"]),
    "early stopping without patience": (lambda: train.EarlyStopping(patience=0), ["patience=0"]),
    "early stopping of half a patience": (lambda: train.EarlyStopping(patience="a"), ["patience='a'"]),
    "no data": (lambda: _fit(None), ["NoneType"]),
    "data without examples": (lambda: _fit((DATA.inputs[:0], DATA.labels[:0])), ["0 examples"]),
    "an empty list of batches": (lambda: _fit([]), ["no batches"]),
    "unequally many labels": (lambda: _fit((DATA.inputs, DATA.labels[:5])), ["(12, 3)", "(5,)"]),
    "two examples as Python lists": (
        lambda: _fit(([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [0, 1])),
        ["lists", "np.asarray"],
    ),
    "three examples as Python lists": (
        lambda: _fit(([[1.0, 2.0, 3.0]] * 3, [0, 1, 0])),
        ["np.asarray"],
    ),
    "data of text": (lambda: _fit((np.array(["a", "b"]), np.array([0, 1]))), ["tensor"]),
    "data of objects": (lambda: _fit((np.array([{}, {}]), np.array([0, 1]))), ["tensor"]),
    "labels of training out of range": (
        lambda: _fit((DATA.inputs, DATA.labels + 5)),
        ["label 6", "0 … 1", "int64[12]"],
    ),
    "labels of training as columns": (lambda: _fit((DATA.inputs, DATA.labels[:, None])), ["(12, 1)"]),
    "inputs of another width": (lambda: _fit((DATA.inputs[:, :2], DATA.labels)), ["fc1", "(12, 2)"]),
    "NaN in the data": (lambda: _fit((DATA.inputs * np.nan, DATA.labels)), ["nan", "inputs"]),
    "infinity in the data": (lambda: _fit((DATA.inputs * np.inf, DATA.labels)), ["epoch 1, step 1"]),
    "a batch that is no pair": (lambda: _fit([DATA.inputs]), ["pair"]),
    "a transform that is none": (lambda: _fit(transform=3), ["transform"]),
    "a model without parameters": (
        lambda: gd.Trainer(_Model(), gd.losses.mean_squared, O.SGD(0.1), metrics={}).fit(
            DATA, epochs=1, progress=False
        ),
        ["no parameters"],
    ),
    "a trainer of what is no model": (
        lambda: gd.Trainer(3, gd.losses.mean_squared, O.SGD(0.1)),
        ["model", "int"],
    ),
    "a trainer without a loss": (
        lambda: gd.Trainer(L.Linear(2, 2), "hinge", O.SGD(0.1)),
        ["loss", "'hinge'"],
    ),
    "a trainer with an optimizer's class": (
        lambda: gd.Trainer(L.Linear(2, 2), gd.losses.hinge, O.SGD),
        ["optimizer", "SGD"],
    ),
    "a metric that is none": (
        lambda: gd.Trainer(L.Linear(2, 2), gd.losses.hinge, O.SGD(0.1), metrics={"a": 3}),
        ["metrics", "'a'"],
    ),
    "an evaluation of nothing": (lambda: trainer().evaluate([]), ["no batches"]),
    "an accuracy of other shapes": (
        lambda: train.accuracy(gd.ones((2, 3)), gd.ones((3,))),
        ["(2, 3)", "(3,)"],
    ),
    "a fraction held out that is all": (lambda: train.hold_out(DATA, 1.0), ["1.0"]),
    "a fraction of text": (lambda: train.hold_out(DATA, "a"), ["'a'"]),
    "one fold": (lambda: list(train.k_folds(DATA, 1)), ["k=1"]),
    "folds of a fraction": (lambda: list(train.k_folds(DATA, 2.5)), ["k=2.5"]),
    "more folds than examples": (lambda: list(train.k_folds(DATA, 99)), ["k=99"]),
    "a prefetch of nothing": (lambda: list(train.prefetch([], 0)), ["depth=0"]),
    "no candidates": (lambda: train.search(lambda **o: trainer(), [], DATA), ["candidates"]),
    "milestones that are a set": (lambda: gd.schedules.MultiStep(0.1, {2, 4}), ["MultiStep", "milestones"]),
    "a schedule of text": (lambda: gd.schedules.Cosine("a", 10), ["Cosine", "lr='a'"]),
    "metrics that are a list": (
        lambda: gd.Trainer(L.Linear(2, 2), gd.losses.hinge, O.SGD(0.1), metrics=[1]),
        ["Trainer", "metrics=[1]"],
    ),
    "a search for what is not measured": (
        lambda: train.search(lambda **o: trainer(), [{}], DATA, k=2, metric="f1", epochs=1),
        ["f1", "accuracy"],
    ),
    "what makes no trainer": (
        lambda: train.random_restarts(lambda: 3, DATA),
        ["random_restarts", "make(…)=3"],
    ),
    "hyperparameters without values": (lambda: train.grid_options(lr=0.1), ["grid_options", "lr"]),
    "shuffling by text": (lambda: next(train.as_batches(DATA, shuffle="yes")), ["shuffle='yes'"]),
    "no restarts": (lambda: train.random_restarts(lambda s: trainer(), DATA, restarts=0), ["0 restarts"]),
    "arrays of unequal number": (lambda: gd.datasets.arrays(np.ones((3, 2)), [0, 1]), ["(3, 2)", "(2,)"]),
    "digits all held out": (lambda: gd.datasets.digits(test_fraction=2), ["2"]),
    "an unknown data set": (lambda: gd.datasets.minst, ["minst", "mnist"]),
    "a resize to nothing": (lambda: gd.transforms.Resize(0), ["0"]),
    "a crop with negative padding": (lambda: gd.transforms.RandomCrop(-1), ["-1"]),
    "an unknown transform": (lambda: gd.transforms.Rotate, ["Rotate"]),
}
