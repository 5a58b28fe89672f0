"""
Over-fitting, and stopping early
================================

A network with many weights and few images learns them by heart: the training loss goes to zero, while the
loss on images held out of training falls first and then rises. Early stopping waits for some epochs
without a better validation loss, ends the training, and brings back the weights of the best epoch.
"""

from figures import BLUE, ORANGE, panels, save

import graphdiff as gd
from graphdiff.train import EarlyStopping, hold_out

digits = gd.datasets.digits()
few, rest = hold_out(digits.train, 0.9, seed=0)  # 134 images to learn from
validation = hold_out(rest, 0.25, seed=0).test


def trained(epochs, *callbacks):
    """A trainer after its training, and what that went through."""
    gd.seed(0)
    model = gd.models.mlp(64, 10, hidden=(128, 64))
    trainer = gd.Trainer(
        model, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(lr=0.05, momentum=0.9, nesterov=True)
    )
    history = trainer.fit(
        few, validation=validation, epochs=epochs, batch_size=16, callbacks=callbacks, progress=False
    )
    return trainer, history


stopping = EarlyStopping(patience=8)
stopped, short = trained(100, stopping)
to_the_end, long = trained(100)

print(f"{len(few.labels)} training images, {len(validation.labels)} for validation")
print(f"stopped after epoch {len(short.epochs)}: {short.stopped}")
for what, trainer in (("stopped early", stopped), ("all 100 epochs", to_the_end)):
    test = trainer.evaluate(digits.test)
    print(f"{what:15} test loss {test.loss:.3f}, test accuracy {test.accuracy:.1%}")

# %%
# The run that goes on shows what stopping spared: both are the same up to where one stops.

figure, (panel,) = panels()
epochs = [e.number for e in long.epochs]
panel.plot(epochs, [e.train.loss for e in long.epochs], color=BLUE, label="training")
panel.plot(epochs, [e.validation.loss for e in long.epochs], color=ORANGE, ls="--", label="validation")
panel.axvline(len(short.epochs), color="#222222", lw=1, ls=":", label=f"stopped, epoch {len(short.epochs)}")
panel.plot(
    stopping.best_epoch, stopping.best, "o", color=ORANGE, ms=9, mec="#222222",
    label=f"weights kept, epoch {stopping.best_epoch}",
)  # fmt: skip
panel.set(xlabel="epoch", ylabel="mean softmax loss (nats)", ylim=(0, 1.2))
panel.set_title(f"Learning {len(few.labels)} digits by heart", loc="left")
panel.legend(frameon=False)
save(figure, "early_stopping")
