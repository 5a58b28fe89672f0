"""
A loop of one's own, in several processes
=========================================

``Trainer.fit`` does all of this by itself. Who writes the loop writes four lines more for several processes:
all begin with the weights of the first; each takes its share of every batch; its loss counts as much as that
share; and the update is made from the sum of everybody's gradients. ``python gallery/plot_own_loop.py`` runs
in one process, and ``torchrun --nproc-per-node=2 gallery/plot_own_loop.py`` in two, to the same result.
"""

import numpy as np
from figures import BLUE, ORANGE, panels, save

import graphdiff as gd
from graphdiff.train import agree, batches, reduced

digits = gd.datasets.digits()
EPOCHS, SIZE = 8, 100
gd.seed(0)

with gd.backend("torch") as backend:
    processes = backend.processes  # this one's rank, and how many there are
    model = gd.models.mlp(64, 10, hidden=(32,))
    optimizer = gd.optimizers.SGD(lr=0.1, momentum=0.9)
    agree(model.parameters())  # the first one's weights for all

    @gd.compile
    def step(images, labels, weight):
        """One update; gives the loss over the examples of all processes."""
        part = gd.losses.softmax_cross_entropy(model(images), labels) * weight
        found = part.backward(wrt=model.parameters())
        gradients = {name: found.gradient(p) for name, p in model.named_parameters()}
        optimizer.step(model, reduced(gradients))
        return gd.all_reduce(part)

    @gd.compile
    def right(images, labels):
        """How many images of all processes' are taken for what they are."""
        with gd.no_grad():
            return gd.all_reduce(gd.sum(gd.argmax(model(images), -1) == labels))

    losses = []
    for epoch in range(EPOCHS):
        for images, labels in batches(digits.train, SIZE, np.random.default_rng(epoch)):  # the same in all
            own, weight = processes.share(len(labels))
            losses.append(step(images[own], labels[own], np.float32(weight)))
    own, _ = processes.share(len(digits.test.labels))
    accuracy = int(right(digits.test.inputs[own], digits.test.labels[own])) / len(digits.test.labels)

# %%
# One process speaks and writes files for all.

if processes.first:
    curve = np.array([loss.item() for loss in losses])
    print(f"{processes.size} processes: last loss {curve[-1]:.4f}, test accuracy {accuracy:.2%}")

    figure, (panel,) = panels()
    per_epoch = len(curve) // EPOCHS
    panel.plot(np.arange(1, len(curve) + 1) / per_epoch, curve, color=BLUE, lw=1, label="each batch")
    means = curve.reshape(EPOCHS, per_epoch).mean(1)
    panel.plot(np.arange(EPOCHS) + 0.5, means, "o-", color=ORANGE, label="mean of the epoch")
    panel.set(
        xlabel="epochs", ylabel="softmax loss over all processes (nats)", ylim=(0, None), xlim=(0, EPOCHS)
    )
    panel.set_title("A loop of one's own: the digits, learned in shared batches", loc="left")
    panel.legend(frameon=False)
    save(figure, "own_loop")
