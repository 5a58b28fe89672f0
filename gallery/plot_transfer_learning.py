"""
Transfer learning
=================

A network has learned the digits 0 to 4 from many images. For the digits 5 to 9 there are only ten images of
each. Its features are kept and frozen, and a new head learns from them; or all of it is tuned, the features
at a tenth of the rate. The comparison is the same network, trained from scratch on the same fifty images.
"""

import numpy as np
from figures import BLUE, GREEN, GREY, bars, panels, save

import graphdiff as gd
from graphdiff.train import Arrays, hold_out

digits = gd.datasets.digits(images=True)
layers = gd.layers
bend = gd.transforms.GeometricDistortion(rotation=10, scale=0.1, shear=5, shift=0.05)


def five(data, first):
    """Five classes from the first on, numbered from 0."""
    chosen = (data.labels >= first) & (data.labels < first + 5)
    return Arrays(data.inputs[chosen], data.labels[chosen] - first)


known, new, test = five(digits.train, 0), five(digits.train, 5), five(digits.test, 5)


def network():
    """Features from convolutions, and a head of one linear layer."""
    features = layers.Sequential(
        layers.Conv2d(1, 16, 3, padding=1), layers.ReLU(), layers.MaxPool2d(2),
        layers.Conv2d(16, 32, 3, padding=1), layers.ReLU(), layers.MaxPool2d(2),
        layers.Flatten(),
    )  # fmt: skip
    return layers.Sequential(features=features, head=layers.Linear(128, 5))


def trained(model, data, epochs, batch_size, seed, groups=None):
    """A trainer after its training, images bent at random."""
    trainer = gd.Trainer(
        model, gd.losses.softmax_cross_entropy, gd.optimizers.Adam(lr=2e-3, groups=groups or {})
    )
    trainer.fit(data, epochs=epochs, batch_size=batch_size, seed=seed, transform=bend, progress=False)
    return trainer


def on_new(model, seed, groups=None):
    """Test accuracy in percent after training on ten images of each of the digits 5 to 9."""
    few = hold_out(new, 1 - 50 / len(new.labels), seed=seed).train
    return 100 * trained(model, few, 60, 10, seed, groups).evaluate(test).accuracy


scores = {"from scratch": [], "features frozen": [], "all tuned": []}
for seed in range(5):
    gd.seed(seed)
    scores["from scratch"].append(on_new(network(), seed))
    learned = trained(network(), known, 15, 32, seed).model.state_dict()
    for name in ("features frozen", "all tuned"):
        model = network()
        model.load_state_dict(learned)
        gd.replace_head(model, 5)
        if name == "features frozen":
            gd.freeze(model, "features.*")
        scores[name].append(on_new(model, seed, {"features.*": {"lr": 2e-4}}))

scores = {name: np.array(values) for name, values in scores.items()}
for name, values in scores.items():
    print(f"{name:16} {values.mean():.1f} ± {values.std(ddof=1):.1f} %, {values.round(1)}")

figure, (panel,) = panels()
bars(panel, scores, [GREY, BLUE, GREEN])
panel.set(ylabel=f"accuracy on {len(test.labels)} test images (%)", ylim=(80, 100))
panel.set_title("Digits 5 to 9 from ten images each, five seeds (mean ± deviation)", loc="left")
save(figure, "transfer_learning")
