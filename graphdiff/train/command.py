"""``graphdiff train``: a model, a data set and choices by name, to a trained model in a folder."""

from __future__ import annotations

import inspect
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial, wraps
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff import random
from graphdiff.backend import Backend, get_backend
from graphdiff.backend import backend as on_backend
from graphdiff.errors import ArgumentError, StateError
from graphdiff.interop.state_files import drop_unfinished, load_state, save_state, write_whole
from graphdiff.matching import weights
from graphdiff.module import Module
from graphdiff.plugins import Registry
from graphdiff.plugins.choices import made, value_of
from graphdiff.tensor import Tensor
from graphdiff.train.callbacks import EarlyStopping
from graphdiff.train.checkpoint import INDEX, Checkpoints
from graphdiff.train.data import Arrays
from graphdiff.train.dataset import Dataset
from graphdiff.train.history import History
from graphdiff.train.parallel import is_own, meet, synchronise
from graphdiff.train.selection import random_restarts
from graphdiff.train.splits import hold_out
from graphdiff.train.trainer import Trainer
from graphdiff.train.transfer import freeze
from graphdiff.train.transform import Transform

_SHORT = {"softmax": "softmax_cross_entropy"}
_AUGMENTATION = ("GeometricDistortion:rotation=10,scale=0.1,shift=0.05",)
_AUXILIARY = 0.3  # weight of auxiliary heads (Szegedy et al. 2014, section 5)


_WRITTEN = (INDEX, "weights.safetensors", "history.json")


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
    deterministic: bool,
    mode: str,
    synchronised: bool,
    shard_optimizer: bool,
    out: Path | None,
    resume: bool,
    checkpoint_every: int | None,
    say: Callable[[str], None],
) -> None:
    """Train, measure on the test part, and write weights, history and curves to a folder.

    Started several times by a launcher, all train one model together, and the first speaks and writes.

    Raises:
        GraphdiffError: choices that do not exist or do not go together.
    """
    if resume and restarts > 1:
        raise ArgumentError("restarts keep no checkpoints", fix="leave --resume or --restarts out")
    chosen_options = {"device": device, "deterministic": deterministic}
    options: dict[str, Any] = {name: value for name, value in chosen_options.items() if value}
    home = get_backend(backend, **options)
    out = _folder(out, resume, home)
    if home.processes.size > 1:
        meet(home)  # before one of them makes the folder
    random.seed(seed)
    build = Registry("models")[model]
    dataset = _prepared(data, folder, build, image_size, seed)
    train, held = hold_out(dataset.train, validation, seed=seed) if validation else (dataset.train, None)
    standardize = _standardize(train)
    test, held = _changed(dataset.test, standardize), held and _changed(held, standardize)
    images = dataset.train.inputs.ndim == 4
    transform = _transform([*_augmentation(augment, images), *standardize])

    def make() -> Trainer:
        net: Module = made("models", model, given=model_options, **_facts(dataset))
        if weights_file is not None:
            _take_weights(net, load_state(weights_file))
        if freeze_pattern:
            freeze(net, list(freeze_pattern))
        if synchronised:
            synchronise(net)
        chosen = made("optimizers", optimizer, lr, given=optimizer_options)
        penalty = partial(_penalty, l1=l1, l2=l2) if l1 or l2 else None
        return Trainer(
            net,
            _with_auxiliary(_loss(loss)),
            chosen,
            penalty=penalty,
            mode=mode,
            shard_optimizer=shard_optimizer,
        )

    steps = epochs * -(-len(train.labels) // batch_size)
    planned = made("schedules", schedule, lr, steps=steps) if schedule else None
    fit: dict[str, Any] = {
        "validation": held,
        "epochs": epochs,
        "batch_size": batch_size,
        "schedule": planned,
        "schedule_by": "step",
        "transform": transform,
        "callbacks": [EarlyStopping(patience)] if patience else [],
    }
    with on_backend(backend, **options) if backend != "numpy" or options else nullcontext():
        if restarts > 1:
            found = random_restarts(make, train, restarts=restarts, seed=seed, **fit)
            for k, final in enumerate(found.losses if home.processes.first else ()):
                say(f"restart {k + 1}: training loss {final:.4f}")
            trainer, history = found.trainer, found.histories[found.kept]
        else:
            trainer = make()
            kept = Checkpoints(out, every=checkpoint_every)
            history = trainer.fit(train, seed=seed, checkpoints=kept, resume=resume, **fit)
        measured = trainer.evaluate(test)
    if not home.processes.first:
        return
    say(history.table())
    if history.stopped:
        say(f"stopped: {history.stopped}")
    say(f"test: {', '.join(f'{name} {value:.4f}' for name, value in measured.items())}")
    _write(out, trainer, history, {"model": model, "data": data, "test": measured})
    say(f"weights, history and curves are in {out}")


def _folder(out: Path | None, resume: bool, home: Backend) -> Path:
    """Where the run goes: by default a folder of its own, or the latest of these to go on from.

    Raises:
        StateError: another run is there.
    """
    if out is None:
        folders = (Path(f"graphdiff-train-{k}") for k in itertools.count(1))
        there = list(itertools.takewhile(Path.exists, folders))
        goes_on = there and (resume or is_own(Checkpoints(there[-1]), home))
        out = there[-1] if goes_on else Path(f"graphdiff-train-{len(there) + 1}")
    held = [name for name in _WRITTEN if (out / name).exists()]
    if held and not (resume or is_own(Checkpoints(out), home)):
        raise StateError(
            f"{out} holds {', '.join(held)} of an older run, which this one would overwrite",
            fix="go on with it (--resume), or name another folder (--out)",
        )
    return out


def _write(out: Path, trainer: Trainer, history: History, facts: Mapping[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    save_state(out / "weights.safetensors", trainer.model.state_dict())
    text = json.dumps({**facts, "history": history.as_dict()}, indent=1)
    write_whole(out / "history.json", text.encode())
    with suppress(ArgumentError):  # matplotlib is an extra
        drawn = BytesIO()
        history.plot().savefig(drawn, format="svg")
        write_whole(out / "curves.svg", drawn.getvalue())
    for name in ("weights.safetensors", "history.json", "curves.svg"):
        drop_unfinished(out, name)


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


def _facts(dataset: Dataset) -> dict[str, Any]:
    """What a model may want to know of the data."""
    inputs = dataset.train.inputs
    classes = len(dataset.classes) or int(dataset.train.labels.max()) + 1
    known = {"num_classes": classes, "in_features": int(np.prod(inputs.shape[1:]))}
    if inputs.ndim == 4:
        known |= {"in_channels": inputs.shape[1], "image_size": inputs.shape[2]}
    return known


def _take_weights(model: Module, state: Mapping[str, Any]) -> None:
    """Weights of a model for the same or for other classes; then the head stays as it was drawn."""
    own = model.state_dict()
    fitting = {n: v for n, v in state.items() if n in own and np.shape(v) == own[n].shape}
    if not fitting:
        raise ArgumentError("the weights are of another model", fix="name the model that they are of")
    model.load_state_dict(fitting, strict=False)


# Loss, penalty, augmentation


def _loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    found: Callable[[Tensor, Tensor], Tensor] = Registry("losses")[_SHORT.get(name, name)]
    return found


def _with_auxiliary(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    @wraps(loss)  # a checkpoint tells losses apart by their names
    def total(scores: Any, labels: Tensor) -> Tensor:
        if not isinstance(scores, tuple):
            return loss(scores, labels)
        main, *others = (loss(s, labels) for s in scores)
        for other in others:
            main = main + _AUXILIARY * other
        return main

    return total


def _penalty(model: Module, *, l1: float, l2: float) -> Tensor:
    losses = Registry("losses")
    parts = [losses[name](model, s, match=weights) for name, s in (("l1", l1), ("l2", l2)) if s]
    total: Tensor = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    return total


def _standardize(train: Arrays) -> list[Transform]:
    """Images, whose numbers are as they were stored, are brought to mean 0 and deviation 1 by channel."""
    return [Registry("transforms").Standardize.fit(train.inputs)] if train.inputs.ndim == 4 else []


def _changed(data: Arrays, transforms: Sequence[Transform]) -> Arrays:
    inputs = data.inputs
    for transform in transforms:
        inputs = transform(inputs)
    return Arrays(inputs, data.labels)


def _augmentation(texts: Sequence[str], images: bool) -> list[Transform]:
    """What is done to training images; the usual where nothing is said, nothing where "" is.

    Raises:
        ArgumentError: the examples are no images.
    """
    named = [text for text in texts or (_AUGMENTATION if images else ()) if text]
    if named and not images:
        raise ArgumentError(
            f"--augment {named[0]} changes images, and the model takes each example as a row of numbers",
            fix="choose a model of images, such as lenet5, or leave --augment out",
        )
    return [_named(text) for text in named]


def _named(text: str) -> Transform:
    """A transform by name, ``Cutout:8`` or ``GeometricDistortion:rotation=10,scale=0.1`` with arguments."""
    name, _, arguments = text.partition(":")
    parts = arguments.split(",") if arguments else []
    plain = [value_of(part) for part in parts if "=" not in part]
    found: Transform = made("transforms", name, *plain, given=[part for part in parts if "=" in part])
    return found


def _transform(parts: Sequence[Transform]) -> Transform | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    made: Transform = Registry("transforms").Compose(*parts)
    return made
