"""
Cross-validation
================

How strong should the L2 penalty λ · Σ w² be? Too weak, and few images are learned by heart; too strong, and
nothing is learned. Cross-validation trains on four fifths of the training images and measures on the fifth
left out, each fifth in turn, and never looks at the test images: these judge the choice at the end.
"""

from figures import BLUE, ORANGE, panels, save

import graphdiff as gd
from graphdiff.train import grid_options, hold_out, search

digits = gd.datasets.digits()
few = hold_out(digits.train, 0.85, seed=0).train
STRENGTHS = [0.0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]
FIT = {"epochs": 40, "batch_size": 20}


def make(strength):
    """A linear classifier with a penalty on its weights, not on its biases."""

    def penalty(model):
        return gd.losses.l2(model, strength, match=gd.matching.weights)

    return gd.Trainer(
        gd.models.linear(64, 10),
        gd.losses.softmax_cross_entropy,
        gd.optimizers.SGD(lr=0.1, momentum=0.9),
        penalty=penalty,
    )


found = search(make, grid_options(strength=STRENGTHS), few, k=5, seed=0, **FIT)
chosen = found[0].options["strength"]
found.sort(key=lambda scores: scores.options["strength"])
for scores in found:
    print(f"λ {scores.options['strength']:<7g} {scores.mean():6.1%} ± {scores.deviation():.1%}")

# %%
# Now train on all of them, with the λ that was chosen and without one.

tests = {}
for strength in (0.0, chosen):
    gd.seed(0)
    trainer = make(strength)
    trainer.fit(few, progress=False, **FIT)
    tests[strength] = trainer.evaluate(digits.test)
    print(f"test, λ = {strength:g}: accuracy {tests[strength].accuracy:.1%}, loss {tests[strength].loss:.3f}")

figure, (panel,) = panels()
places = range(len(STRENGTHS))
means, deviations = ([100 * f(s) for s in found] for f in (type(found[0]).mean, type(found[0]).deviation))
panel.errorbar(
    places, means, deviations, color=BLUE, marker="o", capsize=4, label="5 folds: mean ± deviation"
)
panel.plot(
    [STRENGTHS.index(s) for s in tests], [100 * m.accuracy for m in tests.values()], "D", color=ORANGE,
    label="test images: λ = 0, and the chosen λ",
)  # fmt: skip
panel.set_xticks(places, [f"{s:g}" for s in STRENGTHS])
panel.set(xlabel="strength of the penalty, λ", ylabel="accuracy (%)")
panel.set_title(f"Cross-validation on {len(few.labels)} digits chooses λ = {chosen:g}", loc="left")
panel.legend(frameon=False, loc="lower left")
save(figure, "cross_validation")
