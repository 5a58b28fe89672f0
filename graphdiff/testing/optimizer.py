"""The checks that every optimizer passes, a plugin's too, on a small network of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from graphdiff.autodiff import Backward
from graphdiff.backend import backend, current_backend
from graphdiff.compile import compile
from graphdiff.leaf import as_tensor, tensor
from graphdiff.module import Module, Parameter
from graphdiff.ops import mean, square, tanh
from graphdiff.tensor import Tensor
from graphdiff.testing.comparing import identical
from graphdiff.testing.kit import Check, Kit, NotRunError
from graphdiff.testing.running import near
from graphdiff.testing.source import Source
from graphdiff.train import Optimizer, State

Array = np.ndarray[Any, Any]
Options = Callable[[Source], Mapping[str, Any]]
_LR = 0.05
_STEPS = 6


class Network(Module):
    """tanh(x W₁ + b) W₂, with values that do not change from one to the next."""

    def __init__(self, inputs: int, hidden: int, dtype: str = "float64") -> None:
        rng = np.random.default_rng(0)
        self.first = Parameter(rng.normal(size=(inputs, hidden)), dtype)
        self.bias = Parameter(rng.normal(size=hidden), dtype)
        self.second = Parameter(rng.normal(size=(hidden, 2)), dtype)

    def forward(self, x: Any) -> Tensor:
        return tanh(as_tensor(x) @ self.first + self.bias) @ self.second


@dataclass(frozen=True, eq=False)
class OptimizerCase:
    """An optimizer with one choice of its options, and the sizes of a network.

    Attributes:
        kind: the optimizer's class.
        options: besides the learning rate.
    """

    kind: Callable[..., Optimizer]
    options: Mapping[str, Any]
    inputs: int
    hidden: int

    @classmethod
    def draw(cls, kind: Callable[..., Optimizer], samples: Options, source: Source) -> OptimizerCase:
        return cls(kind, dict(samples(source)), source.integer(1, 4), source.integer(1, 4))

    def made(self, lr: float = _LR, **more: Any) -> Optimizer:
        return self.kind(lr, **{**self.options, **more})

    def network(self, dtype: str = "float64") -> Network:
        return Network(self.inputs, self.hidden, dtype)

    def batch(self, dtype: str = "float64") -> tuple[Array, Array]:
        rng = np.random.default_rng(1)
        return rng.normal(size=(5, self.inputs)).astype(dtype), rng.normal(size=(5, 2)).astype(dtype)

    def stepper(self, network: Module, optimizer: Optimizer, compiled: bool = False) -> Callable[[], Tensor]:
        """One step on the batch; it gives the loss before."""

        def step(x: Tensor, y: Tensor) -> Tensor:
            loss = mean(square(network(x) - y))
            optimizer.step(network, loss.backward(wrt=network.parameters()))
            return loss

        run = compile(step) if compiled else step
        x, y = (tensor(a) for a in self.batch(str(network.parameters()[0].dtype)))
        return lambda: run(x, y)

    def gradients(self, network: Module) -> dict[str, Tensor]:
        """Gradients that do not depend on what the steps did."""
        rng = np.random.default_rng(2)
        return {name: tensor(rng.normal(size=p.shape)) for name, p in network.named_parameters()}

    def backward(self) -> Backward | None:
        """For a picture: of the loss that is minimised."""
        network, (x, y) = self.network(), self.batch()
        return mean(square(network(x) - y)).backward(wrt=network.parameters())

    def __str__(self) -> str:
        options = "".join(f", {k}={v!r}" for k, v in self.options.items())
        name = getattr(self.kind, "__name__", self.kind)
        return f"{name}({_LR}{options}) on parameters of {self.inputs}×{self.hidden} and {self.hidden}×2"


def _everything(network: Module, optimizer: Optimizer) -> dict[str, Array]:
    return network.state_dict() | optimizer.state_dict()


def _same(what: str, found: Mapping[str, Array], expected: Mapping[str, Array]) -> None:
    if found.keys() != expected.keys():
        raise AssertionError(f"{what}: there are {sorted(found)}, expected {sorted(expected)}")
    for name, value in expected.items():
        identical(f"{what}, {name}", found[name], value)


def check_descent(case: OptimizerCase) -> None:
    """Twenty small steps lower the loss."""
    step = case.stepper(case.network(), case.made(0.01))
    before, *_, after = (step().item() for _ in range(21))
    if not after < before:
        raise AssertionError(f"the loss went from {before} to {after}")


def check_resumed(case: OptimizerCase) -> None:
    """Saved and loaded in the middle, it takes the very same steps, eager and compiled."""
    for compiled in (False, True):
        states = []
        for interrupted in (False, True):
            network, optimizer = case.network(), case.made()
            step = case.stepper(network, optimizer, compiled)
            for k in range(_STEPS):
                if interrupted and k == _STEPS // 2:
                    kept, optimizer = optimizer.state_dict(), case.made()
                    optimizer.load_state_dict(kept)
                    step = case.stepper(network, optimizer, compiled)
                step()
            states.append(_everything(network, optimizer))
        # Parameters without state of their own say besides how late they came.
        _same("after an interruption", {name: states[1][name] for name in states[0]}, states[0])


def check_compiled(case: OptimizerCase) -> None:
    """Compiled steps equal eager ones, also at a new rate, for which nothing is traced again."""
    for dtype in ("float64", "float32"):
        states = [_stepped(case, dtype, compiled) for compiled in (False, True)]
        compare = identical if current_backend().name == "numpy" else near
        for name, value in states[0].items():
            compare(f"{name} after compiled steps in {dtype}", states[1][name], value)


def _stepped(case: OptimizerCase, dtype: str, compiled: bool) -> dict[str, Array]:
    network, optimizer = case.network(dtype), case.made()
    step = case.stepper(network, optimizer, compiled)
    for k in range(_STEPS):
        optimizer.lr = _LR / (k + 1)
        step()
    return _everything(network, optimizer)


def check_backends(case: OptimizerCase) -> None:
    """torch takes the steps that NumPy takes, eager and compiled."""
    if find_spec("torch") is None:
        raise NotRunError("torch is not installed: pip install graphdiff[torch]")
    with backend("numpy"):
        expected = _stepped(case, "float64", False)
    with backend("torch"):
        for compiled in (False, True):
            for name, value in _stepped(case, "float64", compiled).items():
                near(f"{name} on torch{', compiled' if compiled else ''}", value, expected[name])


def check_dtype(case: OptimizerCase) -> None:
    """An update gives float32 parameters and all state the dtypes that they had."""
    network, optimizer = case.network("float32"), case.made()
    update = optimizer.update

    def watched(parameter: Tensor, gradient: Tensor, state: State, lr: Tensor) -> tuple[Tensor, State]:
        value, new = update(parameter, gradient, state, lr)
        pairs = {"the parameter": (parameter, value), **{k: (state[k], new[k]) for k in new}}
        for name, (before, after) in pairs.items():
            if before.dtype is not after.dtype:
                raise AssertionError(f"{name} is {before.dtype}, an update gives {after.dtype}")
        return value, new

    object.__setattr__(optimizer, "update", watched)
    step = case.stepper(network, optimizer)
    for _ in range(2):
        step()


def check_unmutated(case: OptimizerCase) -> None:
    """A step changes no gradient."""
    network, optimizer = case.network(), case.made()
    gradients = case.gradients(network)
    before = {name: np.array(g) for name, g in gradients.items()}
    for _ in range(2):
        optimizer.step(network, gradients)
    _same("a step changed the gradient", {name: np.asarray(g) for name, g in gradients.items()}, before)


def check_groups(case: OptimizerCase) -> None:
    """A group's rate is that of an optimizer with this rate, and the others' steps stay as they are."""
    if case.options.get("clip_norm") or case.options.get("groups"):
        raise NotRunError("the options already couple the parameters or group them")
    states = []
    apart: Mapping[str, Any] = {"groups": {"bias": {"lr": _LR / 2}}}
    for lr, more in ((_LR, {}), (_LR / 2, {}), (_LR, apart)):
        network, optimizer = case.network(), case.made(lr, **more)
        for _ in range(3):
            optimizer.step(network, case.gradients(network))
        states.append(network.state_dict())
    whole, half, grouped = states
    for name, expected in {**whole, "bias": half["bias"]}.items():
        near(f"with a group for the bias at half the rate, {name}", grouped[name], expected)


def check_frozen(case: OptimizerCase) -> None:
    """A frozen parameter stays."""
    network, optimizer = case.network(), case.made()
    before = network.state_dict()["bias"]
    network.bias.frozen = True
    for _ in range(2):
        optimizer.step(network, case.gradients(network))
    identical("a frozen parameter", network.bias, before)


def check_skipped(case: OptimizerCase) -> None:
    """A step of which ``when`` is false leaves parameters and state as they were."""
    network, optimizer = case.network(), case.made()
    optimizer.step(network, case.gradients(network))
    before = _everything(network, optimizer)
    optimizer.step(network, case.gradients(network), when=tensor(False))
    _same("after a step that was not to be taken", _everything(network, optimizer), before)


def check_copies(case: OptimizerCase) -> None:
    """A copy of model and optimizer goes on as they do."""
    pair = case.network(), case.made()
    case.stepper(*pair)()
    other = copy.deepcopy(pair)
    for each in (pair, other):
        case.stepper(*each)()
    _same("a copy's step", _everything(*other), _everything(*pair))


CHECKS: Mapping[str, Callable[[OptimizerCase], None]] = {
    "descent": check_descent,
    "resumed": check_resumed,
    "compiled": check_compiled,
    "backends": check_backends,
    "dtype": check_dtype,
    "unmutated": check_unmutated,
    "groups": check_groups,
    "frozen": check_frozen,
    "skipped": check_skipped,
    "copies": check_copies,
}


@Kit
def check_optimizer(
    optimizer: Callable[..., Optimizer],
    samples: Options | None = None,
    *,
    examples: int = 4,
    seed: int = 0,
) -> Iterable[Check]:
    """Put an optimizer through every check: descent, state saved and resumed exactly, compiled steps, another
    backend, precision, groups, freezing, skipped steps, copies.

    Args:
        optimizer: its class, whose first argument is the learning rate.
        samples: ``samples(source) -> options``, keywords for the class besides the learning rate; by default
            the class's own ``samples``, and none where it has none.
        examples: how many samples each check draws.
        seed: of the draws; a failure can be repeated.

    Raises:
        CheckError: a check failed; the report on its smallest failing sample.
        ArgumentError: an expected failure of an unknown check.
    """
    name = getattr(optimizer, "__name__", repr(optimizer))
    options: Options = samples or getattr(optimizer, "samples", None) or (lambda source: {})
    draw = partial(OptimizerCase.draw, optimizer, options)
    return [Check("check_optimizer", name, key, draw, run, examples, seed) for key, run in CHECKS.items()]
