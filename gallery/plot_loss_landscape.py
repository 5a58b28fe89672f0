"""
The loss landscape
==================

A line y = w·x + b through noisy points has two parameters, so its loss is a landscape that can be drawn: a
long valley, as the inputs are not centred. Plain gradient descent zigzags across it and then creeps along;
momentum rolls through; Adam scales each direction by itself.
"""

import numpy as np
from figures import BLUE, GREEN, ORANGE, panels, save

import graphdiff as gd

rng = np.random.default_rng(1)
x = rng.uniform(0, 4, 60)
y = 0.8 * x - 1 + rng.normal(0, 0.4, 60)


class Line(gd.Module):
    """y = w·x + b."""

    def __init__(self):
        self.w, self.b = gd.Parameter(-0.6, "float64"), gd.Parameter(2.0, "float64")

    def forward(self, x):
        return self.w * x + self.b


def descent(optimizer, steps=60):
    """Where the parameters go."""
    line, path = Line(), []
    for _ in range(steps):
        path.append((line.w.item(), line.b.item()))
        loss = gd.losses.mean_squared(line(x), gd.tensor(y))
        optimizer.step(line, loss.backward())
    return np.array(path), loss.item()


OPTIMIZERS = {
    "gradient descent, 0.13": (gd.optimizers.SGD(lr=0.13), ORANGE, "o"),
    "momentum 0.9, 0.02": (gd.optimizers.SGD(lr=0.02, momentum=0.9), BLUE, "s"),
    "Adam, 0.15": (gd.optimizers.Adam(lr=0.15), GREEN, "^"),
}

# %%
# The contours are the loss itself, in steps that double; the cross is where it is lowest.

w, b = np.meshgrid(np.linspace(-1.6, 2.2, 150), np.linspace(-3.2, 3.6, 150))
loss = ((w[..., None] * x + b[..., None] - y) ** 2).mean(-1)
best = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)[0]

figure, (panel,) = panels(size=(8, 5.6))
levels = loss.min() + 0.02 * 2.0 ** np.arange(12)
panel.contourf(w, b, loss, levels=levels, cmap="Greys", alpha=0.35, norm="log", extend="max")
panel.contour(w, b, loss, levels=levels, colors="#888888", linewidths=0.6)
for name, (optimizer, colour, marker) in OPTIMIZERS.items():
    path, final = descent(optimizer)
    print(f"{name:24} loss after 60 steps {final:.4f}")
    panel.plot(*path.T, color=colour, marker=marker, ms=4, lw=1.5, mec="white", mew=0.4, label=name)
panel.plot(*best, "x", color="black", ms=10, mew=2.5, label=f"lowest, {loss.min():.3f}")
panel.set(xlabel="w", ylabel="b", xlim=(-1.6, 2.2), ylim=(-3.2, 3.6))
panel.set_title("Three ways down: 60 steps each", loc="left")
panel.legend(frameon=True, framealpha=0.95, loc="lower left")
save(figure, "loss_landscape")
