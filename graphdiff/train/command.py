"""``graphdiff train``: a model, a data set and choices by name, to a trained model in a folder."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff import random
from graphdiff.backend import backend as on_backend
from graphdiff.errors import ArgumentError
from graphdiff.interop.state_files import load_state, save_state, write_whole
from graphdiff.matching import weights
from graphdiff.module import Module
from graphdiff.plugins import Registry
from graphdiff.tensor import Tensor
from graphdiff.train.callbacks import EarlyStopping
from graphdiff.train.checkpoint import Checkpoints
from graphdiff.train.data import Arrays
from graphdiff.train.dataset import Dataset
from graphdiff.train.history import History
from graphdiff.train.selection import random_restarts
from graphdiff.train.splits import hold_out
from graphdiff.train.trainer import Trainer
from graphdiff.train.transfer import freeze
from graphdiff.train.transform import Transform

_SHORT = {"softmax": "softmax_cross_entropy"}
_AUXILIARY = 0.3  # weight of auxiliary heads (Szegedy et al. 2014, section 5)


def command(
    *,
    model: str,
    data: str,
    folder: Path | None,
    image_size: int | None,
    model_options: Sequence[str],
    loss: str,
    optimizer: str,
    optimizer_options: Sequence[str],
    lr: float,
    schedule: str,
    l1: float,
    l2: float,
    augment: Sequence[str],
    weights_file: Path | None,
    freeze_pattern: Sequence[str],
    epochs: int,
    batch_size: int,
    validation: float,
    patience: int | None,
    restarts: int,
    seed: int,
    backend: str,
    device: str | None,
    mode: str,
    out: Path,
    resume: bool,
    checkpoint_every: int | None,
    say: Callable[[str], None],
) -> None:
    """Train, measure on the test part, and write weights, history and curves to a folder.

    Raises:
        GraphdiffError: choices that do not exist or do not go together.
    """
    random.seed(seed)
    build = Registry("models")[model]
    dataset = _prepared(data, folder, build, image_size, seed)
    train, held = hold_out(dataset.train, validation, seed=seed) if validation else (dataset.train, None)
    standardize = _standardize(train)
    test, held = _changed(dataset.test, standardize), held and _changed(held, standardize)
    images = dataset.train.inputs.ndim == 4
    transform = _transform([*(_named(a) for a in augment if a and images), *standardize])
    schedules = Registry("schedules")
    options = {"device": device} if device else {}

    def make() -> Trainer:
        net = _model(build, dataset, model_options)
        if weights_file is not None:
            _take_weights(net, load_state(weights_file))
        if freeze_pattern:
            freeze(net, list(freeze_pattern))
        chosen = Registry("optimizers")[optimizer](lr=lr, **parsed(optimizer_options))
        penalty = _penalty(l1, l2) if l1 or l2 else None
        return Trainer(net, _with_auxiliary(_loss(loss)), chosen, penalty=penalty, mode=mode)

    steps = epochs * -(-len(train.labels) // batch_size)
    planned = schedules[schedule](lr, steps=steps) if schedule else None
    fit: dict[str, Any] = {
        "validation": held,
        "epochs": epochs,
        "batch_size": batch_size,
        "schedule": planned,
        "schedule_by": "step",
        "transform": transform,
        "callbacks": [EarlyStopping(patience)] if patience else [],
    }
    with on_backend(backend, **options) if backend != "numpy" or device else nullcontext():
        if restarts > 1:
            found = random_restarts(make, train, restarts=restarts, seed=seed, **fit)
            for k, final in enumerate(found.losses):
                say(f"restart {k + 1}: training loss {final:.4f}")
            trainer, history = found.trainer, found.histories[found.kept]
        else:
            trainer = make()
            kept = Checkpoints(out, every=checkpoint_every)
            history = trainer.fit(train, seed=seed, checkpoints=kept, resume=resume, **fit)
        measured = trainer.evaluate(test)
    say(history.table())
    if history.stopped:
        say(f"stopped: {history.stopped}")
    say(f"test: {', '.join(f'{name} {value:.4f}' for name, value in measured.items())}")
    _write(out, trainer, history, {"model": model, "data": data, "test": measured})
    say(f"weights, history and curves are in {out}")


def _write(out: Path, trainer: Trainer, history: History, facts: Mapping[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    save_state(out / "weights.safetensors", trainer.model.state_dict())
    text = json.dumps({**facts, "history": history.as_dict()}, indent=1)
    write_whole(out / "history.json", text.encode())
    with suppress(ArgumentError):  # matplotlib is an extra
        history.plot().savefig(out / "curves.svg")


# Data and model that fit each other


def _prepared(
    name: str, folder: Path | None, build: Callable[..., Module], image_size: int | None, seed: int
) -> Dataset:
    """The data set in the form that the model takes."""
    make = Registry("datasets")[name]
    taken = inspect.signature(make).parameters
    options: dict[str, Any] = {}
    if folder is not None:
        options["folder"] = folder
    elif "folder" in taken and taken["folder"].default is inspect.Parameter.empty:
        raise ArgumentError(f"the data set {name!r} is read from a folder", fix="give --folder")
    model_takes = inspect.signature(build).parameters
    if "images" in taken:
        options["images"] = "in_features" not in model_takes
    if "size" in taken:
        options["size"] = image_size or _made_for(model_takes, name)
    if "seed" in taken:
        options["seed"] = seed
    dataset: Dataset = make(**options)
    wanted = image_size or _least_size(build, dataset)
    transforms = Registry("transforms")
    if wanted and dataset.train.inputs.shape[-2:] != (wanted, wanted):
        dataset = dataset.map(transforms.Resize(wanted))
    return dataset


def _made_for(model_takes: Mapping[str, inspect.Parameter], name: str) -> int:
    """The side of image that a model is made for.

    Raises:
        ArgumentError: it does not say so.
    """
    if "image_size" not in model_takes:
        raise ArgumentError(f"the images of {name!r} come in any size", fix="give --image-size")
    size: int = model_takes["image_size"].default
    return size


def _least_size(build: Callable[..., Module], dataset: Dataset) -> int | None:
    """The side of image that the model is made for, where the data's images are smaller."""
    size = inspect.signature(build).parameters.get("image_size")
    if size is None or dataset.train.inputs.ndim != 4:
        return None
    return size.default if max(dataset.train.inputs.shape[-2:]) < size.default else None


def _model(build: Callable[..., Module], dataset: Dataset, given: Sequence[str]) -> Module:
    inputs = dataset.train.inputs
    classes = len(dataset.classes) or int(dataset.train.labels.max()) + 1
    known = {"num_classes": classes, "in_features": int(np.prod(inputs.shape[1:]))}
    if inputs.ndim == 4:
        known |= {"in_channels": inputs.shape[1], "image_size": inputs.shape[2]}
    taken = inspect.signature(build).parameters
    return build(**{k: v for k, v in known.items() if k in taken} | parsed(given))


def _take_weights(model: Module, state: Mapping[str, Any]) -> None:
    """Weights of a model for the same or for other classes; then the head stays as it was drawn."""
    own = model.state_dict()
    fitting = {n: v for n, v in state.items() if n in own and np.shape(v) == own[n].shape}
    if not fitting:
        raise ArgumentError("the weights are of another model", fix="name the model that they are of")
    model.load_state_dict(fitting, strict=False)


def parsed(given: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE texts; a value is JSON where it can be, else text."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ArgumentError(f"the option {text!r} is not NAME=VALUE", fix="write momentum=0.9")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


# Loss, penalty, augmentation


def _loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    found: Callable[[Tensor, Tensor], Tensor] = Registry("losses")[_SHORT.get(name, name)]
    return found


def _with_auxiliary(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    def total(scores: Any, labels: Tensor) -> Tensor:
        if not isinstance(scores, tuple):
            return loss(scores, labels)
        main, *others = (loss(s, labels) for s in scores)
        for other in others:
            main = main + _AUXILIARY * other
        return main

    return total


def _penalty(l1: float, l2: float) -> Callable[[Module], Tensor]:
    losses = Registry("losses")

    def penalty(model: Module) -> Tensor:
        parts = [losses[name](model, s, match=weights) for name, s in (("l1", l1), ("l2", l2)) if s]
        total: Tensor = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        return total

    return penalty


def _standardize(train: Arrays) -> list[Transform]:
    """Images, whose numbers are as they were stored, are brought to mean 0 and deviation 1 by channel."""
    return [Registry("transforms").Standardize.fit(train.inputs)] if train.inputs.ndim == 4 else []


def _changed(data: Arrays, transforms: Sequence[Transform]) -> Arrays:
    inputs = data.inputs
    for transform in transforms:
        inputs = transform(inputs)
    return Arrays(inputs, data.labels)


def _named(text: str) -> Transform:
    """A transform by name, ``Cutout:8`` or ``GeometricDistortion:rotation=10,scale=0.1`` with arguments."""
    name, _, arguments = text.partition(":")
    parts = arguments.split(",") if arguments else []
    plain = [json.loads(part) for part in parts if "=" not in part]
    made: Transform = Registry("transforms")[name](*plain, **parsed([p for p in parts if "=" in p]))
    return made


def _transform(parts: Sequence[Transform]) -> Transform | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    made: Transform = Registry("transforms").Compose(*parts)
    return made
