"""
Random restarts
===============

Gradient descent ends where its first weights lead it, and a network with a narrow layer can end badly. So it
is trained from several random beginnings, and the run with the lowest training loss is kept; the test
images have no say in that.
"""

from figures import BLUE, GREY, panels, save

import graphdiff as gd
from graphdiff.train import random_restarts

digits = gd.datasets.digits()
RESTARTS = 6


def make():
    """A network that has only five units in each of two hidden layers."""
    model = gd.models.mlp(64, 10, hidden=(5, 5))
    return gd.Trainer(model, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(lr=0.05, momentum=0.9))


found = random_restarts(make, digits.train, restarts=RESTARTS, seed=0, epochs=25, batch_size=64)
for number, final in enumerate(found.losses, 1):
    print(f"run {number}: training loss {final:.3f}")
print(f"kept: run {found.kept + 1}, test accuracy {found.trainer.evaluate(digits.test).accuracy:.1%}")

# %%
# The six runs; the one that was kept is thick.

figure, (panel,) = panels()
for number, history in enumerate(found.histories):
    colour, width, order = (BLUE, 3, 3) if number == found.kept else (GREY, 1.2, 2)
    panel.plot(
        [e.number for e in history.epochs], [e.train.loss for e in history.epochs],
        color=colour, lw=width, zorder=order,
    )  # fmt: skip
panel.plot([], [], color=BLUE, lw=3, label=f"run {found.kept + 1}, which is kept")
panel.plot([], [], color=GREY, lw=1.2, label="the others")
panel.set(xlabel="epoch", ylabel="mean training loss (nats)", yscale="log")
panel.set_title(f"{RESTARTS} random beginnings of one small network", loc="left")
panel.legend(frameon=False)
save(figure, "random_restarts")
