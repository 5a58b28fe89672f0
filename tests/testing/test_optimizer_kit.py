"""The optimizers' kit: every check catches the flaw that it is meant for."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.testing import CheckError, check_optimizer
from graphdiff.testing.optimizer import CHECKS
from graphdiff.train import Optimizer


class Momentum(Optimizer):
    """v ← 0.9 v + g, w ← w − lr · v: without a flaw."""

    def initial(self, parameter):
        return {"velocity": gd.zeros_like(parameter)}

    def update(self, parameter, gradient, state, lr):
        velocity = 0.9 * state["velocity"] + gradient
        return parameter - lr * velocity, {"velocity": velocity}


class Forgetful(Optimizer):
    """Keeps its velocities where no state dict sees them."""

    def __init__(self, lr, **common):
        super().__init__(lr, **common)
        self._velocities = {}

    def update(self, parameter, gradient, state, lr):
        name = parameter.name
        velocity = 0.9 * self._velocities.get(name, gd.zeros_like(parameter)) + gradient
        self._velocities[name] = gd.tensor(np.asarray(velocity))
        return parameter - lr * velocity, {}


class Ascending(Momentum):
    def update(self, parameter, gradient, state, lr):
        return super().update(parameter, -gradient, state, lr)


class Deaf(Momentum):
    """Takes the rate that it was made with, whatever a group's is."""

    def update(self, parameter, gradient, state, lr):
        return super().update(parameter, gradient, state, self.options["lr"] + 0 * lr)


class Baked(Momentum):
    """Reads its own rate as a number, which compiling makes a constant of the graph."""

    def update(self, parameter, gradient, state, lr):
        return super().update(parameter, gradient, state, self._lr.data.item())


class Widening(Momentum):
    def update(self, parameter, gradient, state, lr):
        return super().update(parameter, gd.cast(gradient, "float64"), state, lr)


class Writing(Momentum):
    def update(self, parameter, gradient, state, lr):
        if isinstance(gradient.data, np.ndarray):
            gradient.data *= 0.5
        return super().update(parameter, gradient, state, lr)


class Thawing(Momentum):
    """Steps frozen parameters as well."""

    def step(self, module, gradients, *, when=None):
        frozen = [p for p in module.parameters() if p.frozen]
        for p in frozen:
            p.frozen = False
        super().step(module, gradients, when=when)
        for p in frozen:
            p.frozen = True


class Unasked(Momentum):
    """Steps whether it is to or not."""

    def step(self, module, gradients, *, when=None):
        super().step(module, gradients)


class Uncopied(Momentum):
    def __deepcopy__(self, memo):
        return type(self)(self.lr / 2)


class OnNumpyAlone(Momentum):
    def update(self, parameter, gradient, state, lr):
        scale = 1.0 if parameter.backend.name == "numpy" else 2.0
        return super().update(parameter, scale * gradient, state, lr)


FLAWS = {
    Forgetful: "resumed",
    Ascending: "descent",
    Baked: "compiled",
    Deaf: "groups",
    Widening: "dtype",
    Writing: "unmutated",
    Thawing: "frozen",
    Unasked: "skipped",
    Uncopied: "copies",
    OnNumpyAlone: "backends",
}


def test_a_sound_optimizer_passes():
    results = check_optimizer(Momentum)
    assert set(results.passed) == CHECKS.keys()


@pytest.mark.parametrize("kind", FLAWS, ids=lambda kind: kind.__name__)
def test_a_flaw_is_caught_by_the_check_meant_for_it(kind):
    with pytest.raises(CheckError) as caught:
        check_optimizer.checks(kind, examples=1)[FLAWS[kind]]()
    assert str(caught.value).startswith(f"check_optimizer({kind.__name__}): check {FLAWS[kind]!r} failed")


def test_every_check_has_a_flaw_to_catch():
    assert set(FLAWS.values()) == CHECKS.keys()
