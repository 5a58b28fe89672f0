"""Random programs of tensor operations, each a list that graphdiff and torch's own autograd both run."""

from dataclasses import dataclass

import numpy as np
import torch

import graphdiff as gd

UNARY = {
    "tanh": (gd.tanh, torch.tanh),
    "sigmoid": (gd.sigmoid, torch.sigmoid),
    "square": (gd.square, torch.square),
    "negative": (gd.negative, torch.neg),
    "relu": (gd.relu, torch.relu),
    "softplus": (gd.softplus, torch.nn.functional.softplus),
    "exp of tanh": (lambda x: gd.exp(gd.tanh(x)), lambda x: torch.exp(torch.tanh(x))),
    "log of 1 + x²": (lambda x: gd.log(1 + x * x), lambda x: torch.log(1 + x * x)),
    "softmax": (lambda x: gd.softmax(x, -1), lambda x: torch.softmax(x, -1)),
    "transpose": (lambda x: gd.transpose(x), lambda x: x.T),
    "first row": (lambda x: x[:1], lambda x: x[:1]),
    "backwards": (lambda x: gd.flip(x, 0), lambda x: torch.flip(x, [0])),
    "sum of columns": (lambda x: gd.sum(x, 0, keepdims=True), lambda x: x.sum(0, keepdim=True)),
    "mean of rows": (lambda x: gd.mean(x, 1, keepdims=True), lambda x: x.mean(1, keepdim=True)),
    "flat": (lambda x: gd.reshape(x, (1, -1)), lambda x: x.reshape(1, -1)),
    "gathered": (lambda x: gd.take(x, [0, -1, 0], 1), lambda x: x[:, [0, -1, 0]]),
}
BINARY = {
    "add": (gd.add, torch.add),
    "subtract": (gd.subtract, torch.sub),
    "multiply": (gd.multiply, torch.mul),
    "maximum": (gd.maximum, torch.maximum),
    "over 1 + y²": (lambda x, y: x / (1 + y * y), lambda x, y: x / (1 + y * y)),
    "matmul": (gd.matmul, torch.matmul),
    "where": (lambda x, y: gd.where(x > y, x, y * 2), lambda x, y: torch.where(x > y, x, y * 2)),
    "joined": (lambda x, y: gd.concatenate([x, y], 0), lambda x, y: torch.cat([x, y], 0)),
}
_LARGEST = 64  # elements of a value


@dataclass(frozen=True)
class Program:
    """Inputs, and steps (operation, operands): each operand is the number of an earlier value."""

    inputs: tuple
    steps: tuple

    def run(self, library, *values):
        """The sum of squares of tanh of all that no step used, by one library: 0 graphdiff, 1 torch."""
        values, used = list(values), set()
        for name, operands in self.steps:
            values.append((UNARY.get(name) or BINARY[name])[library](*(values[i] for i in operands)))
            used.update(operands)
        tanh, total = ((gd.tanh, gd.sum), (torch.tanh, torch.sum))[library]
        ends = [total(tanh(v) * tanh(v)) for i, v in enumerate(values) if i not in used]
        return sum(ends[1:], ends[0])


def program(seed):
    """The program of a seed. What torch refuses (shapes that do not fit) is not in it."""
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.integers(1, 4, 2)) for _ in range(rng.integers(1, 4))]
    inputs = tuple(rng.normal(size=shape) for shape in shapes)
    values, steps = [torch.from_numpy(x) for x in inputs], []
    for _ in range(rng.integers(1, 12)):
        table = UNARY if rng.random() < 0.5 else BINARY
        name = list(table)[rng.integers(len(table))]
        operands = tuple(int(i) for i in rng.integers(len(values), size=1 if table is UNARY else 2))
        try:
            made = table[name][1](*(values[i] for i in operands))
        except (RuntimeError, IndexError):
            continue
        if made.ndim == 2 and made.numel() <= _LARGEST and made.abs().max() < 1e6:
            values.append(made)
            steps.append((name, operands))
    return Program(inputs, tuple(steps))


def check(seed):
    """Value and gradients of the program of a seed: eager and compiled, on both backends, against torch's own
    autograd."""
    made = program(seed)
    leaves = [torch.tensor(x, requires_grad=True) for x in made.inputs]
    value = made.run(1, *leaves)
    gradients = [np.zeros(x.shape) if g is None else g.numpy() for x, g in zip(
        leaves, torch.autograd.grad(value, leaves, allow_unused=True), strict=True)]  # fmt: skip
    both = gd.value_and_grad(lambda *xs: made.run(0, *xs), tuple(range(len(leaves))))
    said = f"program {seed}: {made.steps}"
    for backend in ("numpy", "torch"):
        with gd.backend(backend):
            eager, compiled = both(*made.inputs), gd.compile(both)(*map(gd.tensor, made.inputs))
        for found in (eager, compiled):
            np.testing.assert_allclose(found[0].numpy(), value.item(), rtol=1e-10, err_msg=said)
            for ours, theirs in zip(found[1], gradients, strict=True):
                np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-8, atol=1e-10, err_msg=said)
        if backend == "numpy":
            for one, other in zip([eager[0], *eager[1]], [compiled[0], *compiled[1]], strict=True):
                assert one.numpy().tobytes() == other.numpy().tobytes(), said
