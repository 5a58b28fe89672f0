"""
Learning rates
==============

The same network from the same first weights, with rates that are too low, good, too high, and so high that
the loss becomes infinite. The range test finds a good rate beforehand: it trains while the rate rises,
and suggests where the loss falls fastest.
"""

from figures import BLUE, GREEN, ORANGE, PURPLE, panels, save

import graphdiff as gd
from graphdiff.errors import NonFiniteError
from graphdiff.train import range_test

digits = gd.datasets.digits()
loss = gd.losses.softmax_cross_entropy
RATES = {
    0.003: ("too low", BLUE, "-."),
    0.3: ("good", GREEN, "-"),
    2.0: ("too high", ORANGE, "--"),
    5.0: ("diverges", PURPLE, ":"),
}


def beginning(lr):
    """The network with its first weights, and plain gradient descent."""
    gd.seed(0)
    return gd.models.two_layer(64, 10, hidden=32), gd.optimizers.SGD(lr=lr)


model, optimizer = beginning(1.0)
seen = range_test(model, loss, optimizer, digits.train, lowest=1e-4, highest=100, steps=150, batch_size=64)
print(f"the range test suggests a rate of {seen.suggestion:.2g}")


def trained(lr):
    """The loss of every batch; ``keep_going`` also draws what is lost."""
    model, optimizer = beginning(lr)
    trainer = gd.Trainer(model, loss, optimizer)
    history = trainer.fit(digits.train, epochs=10, batch_size=64, keep_going=True, progress=False)
    print(f"rate {lr:g}: test accuracy {trainer.evaluate(digits.test).accuracy:.1%}")
    return history


figure, (left, right) = panels(2, size=(10, 4.2))
for lr, (verdict, colour, line) in RATES.items():
    left.semilogy(trained(lr).losses, color=colour, ls=line, lw=1.5, label=f"{lr:g}: {verdict}")
left.set(xlabel="step", ylabel="softmax loss of the batch (nats)", ylim=(1e-3, 1e8))
left.set_title("Four learning rates", loc="left")
left.legend(frameon=False, loc="upper right")
right.semilogx(seen.rates, seen.losses, color="#9DB8CC", lw=1, label="each batch")
right.semilogx(seen.rates, seen.smoothed, color=BLUE, label="running mean")
right.axvline(seen.suggestion, color=ORANGE, ls="--", label=f"suggestion: {seen.suggestion:.2g}")
right.set(xlabel="learning rate", ylabel="softmax loss (nats)", ylim=(0, 4))
right.set_title("The range test", loc="left")
right.legend(frameon=False, loc="upper left")
save(figure, "learning_rates")

# %%
# Left to itself, a run that diverges stops, and says where the first infinite value arose.

model, optimizer = beginning(5.0)
try:
    gd.Trainer(model, loss, optimizer).fit(digits.train, epochs=10, batch_size=64, progress=False)
except NonFiniteError as error:
    print(error)
