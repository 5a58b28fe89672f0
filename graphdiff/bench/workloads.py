"""What is measured: the training step of a network, and forward and backward through scalars.

A workload makes its weights and data once; every contestant starts from copies of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any, Protocol

import numpy as np

import graphdiff as gd
from graphdiff.errors import GraphdiffError

LR, MOMENTUM = 0.01, 0.9

Step = Callable[[], Any]
"""Takes one step; ``.item()`` of what it returns fetches the loss."""

Data = Mapping[str, Any]


class UnavailableError(GraphdiffError):
    """Something is not installed, or cannot do a workload: reported beside the figures, no failure."""


class Workload(Protocol):
    """What the process of a contestant needs to know.

    Attributes:
        device: ``"cpu"`` or ``"cuda"``.
        together: steps between two looks at the loss. A step on a GPU has not ended when it returns.
        nodes: what one step's time is divided by for a time per node; 0 where that says nothing.
        tolerance: of the losses that are compared, relative.
    """

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def together(self) -> int: ...
    @property
    def nodes(self) -> int: ...
    @property
    def tolerance(self) -> float: ...

    def data(self) -> dict[str, Any]:
        """NumPy arrays: weights and data, the same at every call."""

    def start(self, peer: ModuleType, data: Data, options: Mapping[str, Any]) -> Step:
        """A contestant's step, ready to be taken."""


@dataclass(frozen=True)
class Training:
    """Forward, softmax cross-entropy, backward, SGD with momentum.

    Attributes:
        network: what the peers call the model.
        model: makes graphdiff's model; its state dict is what every contestant starts from.
        shape: of the batch of inputs.
        dtype: ``"float32"``, or ``"bfloat16"``: mixed precision, channels-last, weights in float32.
    """

    name: str
    network: str
    model: Callable[[], gd.Module]
    shape: tuple[int, ...]
    classes: int = 10
    device: str = "cpu"
    dtype: str = "float32"
    tolerance: float = 0.01  # three steps through batch statistics; a wrong gradient is far off
    nodes: int = field(default=0, init=False)

    @property
    def together(self) -> int:
        return 1 if self.device == "cpu" else 10

    def data(self) -> dict[str, Any]:
        gd.seed(0)
        rng = np.random.default_rng(0)
        state = {f"state/{name}": np.asarray(value) for name, value in self.model().state_dict().items()}
        inputs = rng.normal(size=self.shape).astype(np.float32)
        return state | {"inputs": inputs, "labels": rng.integers(0, self.classes, self.shape[0])}

    def start(self, peer: ModuleType, data: Data, options: Mapping[str, Any]) -> Step:
        state = {key.removeprefix("state/"): data[key] for key in data if key.startswith("state/")}
        step: Step = _of(peer, "training_step")(self, state, data["inputs"], data["labels"], **options)
        return step


@dataclass(frozen=True)
class Scalars:
    """A fixed random graph of single numbers (+, × and ReLU), forward and backward.

    Branches of a hundred operations fork from the same leaves; within a branch each operation takes the
    latest value and a leaf or one of the branch's last eight values; the branches' sum is the value. It is
    computed in float64, except where a peer knows float32 only. A step returns the value plus the sum of its
    derivatives by the leaves, so that a comparison sees them; the leaves stay as they are.
    """

    name: str
    nodes: int
    device: str = field(default="cpu", init=False)
    together: int = field(default=1, init=False)
    tolerance: float = field(default=1e-4, init=False)

    _LEAVES = 50
    _BRANCH = 100
    _FROM_LEAVES = 0.75

    def data(self) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        return {"leaves": rng.uniform(0.3, 1.2, self._LEAVES) * rng.choice([-1, 1], self._LEAVES)}

    @cached_property
    def program(self) -> list[tuple[str, int, int]]:
        """Operations ``(sign, i, j)`` on the values so far, leaves first."""
        draw = random.Random(0)
        values = self.data()["leaves"].tolist()
        program: list[tuple[str, int, int]] = []

        def append(sign: str, i: int, j: int) -> int:
            program.append((sign, i, j))
            values.append(_apply(sign, values[i], values[j], lambda v: max(v, 0.0)))
            return len(values) - 1

        total = draw.randrange(self._LEAVES)
        while (room := self.nodes - len(values)) > 1:
            branch = [draw.randrange(self._LEAVES)]
            for _ in range(min(self._BRANCH, room) - 1):
                leaf = draw.random() < self._FROM_LEAVES
                i, j = branch[-1], draw.randrange(self._LEAVES) if leaf else draw.choice(branch[-8:])
                signs = [sign for sign in "+*" if abs(_apply(sign, values[i], values[j], max)) < 2]
                sign = "r" if draw.random() < 0.1 else draw.choice(signs or ["r"])
                branch.append(append(sign, i, j))
            total = append("+", total, branch[-1])
        return program

    def loss(self, leaves: Sequence[Any], relu: Callable[[Any], Any]) -> Any:
        """The graph's value, in whatever kind of number the leaves are."""
        values = list(leaves)
        for sign, i, j in self.program:
            values.append(_apply(sign, values[i], values[j], relu))
        return values[-1]

    def start(self, peer: ModuleType, data: Data, options: Mapping[str, Any]) -> Step:
        step: Step = _of(peer, "scalar_step")(self, data["leaves"].tolist(), **options)
        return step


def _apply(sign: str, a: Any, b: Any, relu: Callable[[Any], Any]) -> Any:
    return a + b if sign == "+" else a * b if sign == "*" else relu(a)


def _of(peer: ModuleType, maker: str) -> Callable[..., Step]:
    found = getattr(peer, maker, None)
    if found is None:
        raise UnavailableError(f"not made for a {maker.replace('_', ' ')}")
    made: Callable[..., Step] = found
    return made


def _mlp() -> gd.Module:
    layers = gd.layers
    model: gd.Module = layers.Sequential(
        layers.Linear(784, 256), layers.ReLU(), layers.Linear(256, 128), layers.ReLU(), layers.Linear(128, 10)
    )
    return model


def _zoo(name: str, **options: Any) -> Callable[[], gd.Module]:
    """A model looked up when it is needed: a model not installed leaves the other workloads alone."""

    def make() -> gd.Module:
        if name not in gd.models:
            raise UnavailableError(f"gd.models has no {name!r}")
        model: gd.Module = gd.models[name](**options)
        return model

    return make


_CIFAR = {"num_classes": 10, "stem": "cifar"}


def _mixed(name: str, batch: int, **options: Any) -> Training:
    """An ImageNet model on a GPU, in mixed precision."""
    shape = (batch, 3, 224, 224)
    model = _zoo(name, **options)
    return Training(f"{name}-{batch}-cuda", name, model, shape, 1000, "cuda", "bfloat16", tolerance=0.05)


WORKLOADS: dict[str, Workload] = {
    w.name: w
    for w in (
        Training("mlp-64", "mlp", _mlp, (64, 784)),
        Training("mlp-1024", "mlp", _mlp, (1024, 784)),
        Training("lenet5-64", "lenet5", _zoo("lenet5"), (64, 1, 28, 28)),
        Training("vgg-64", "small_vgg", _zoo("small_vgg"), (64, 3, 32, 32)),
        Training("resnet18-16", "resnet18", _zoo("resnet18", **_CIFAR), (16, 3, 32, 32)),
        # Rounding grows in the statistics of four images: PyTorch and JAX are 1.6 % apart at the third step.
        Training("resnet50-4", "resnet50", _zoo("resnet50"), (4, 3, 224, 224), 1000, tolerance=0.05),
        Training("resnet152-1", "resnet152", _zoo("resnet152"), (1, 3, 64, 64), 1000),
        Scalars("scalar-10000", 10_000),
        Training("lenet5-64-cuda", "lenet5", _zoo("lenet5"), (64, 1, 28, 28), device="cuda"),
        Training("resnet20-32-cuda", "resnet20", _zoo("resnet20"), (32, 3, 32, 32), device="cuda"),
        _mixed("resnet50", 256),
        _mixed("vgg16", 64, dropout=0.0),
        _mixed("googlenet", 128, dropout=0.0),
    )
}
