"""
Transfer learning
=================

For the digits 5 to 9 there are ten images of each. A network that has learned 0 to 4 from many images gets a
new head and learns from those fifty: with its features frozen, or with all of it tuned, the features at half
the rate. The same network from scratch takes equally many steps on the same images. Features that tell five
classes apart are narrow, so 0 to 4 were learned in each of four quarter-turns as classes of their own.

Fifty images go a long way with digits: tuning is ahead of scratch by less than a percentage point, frozen
features only where the fifty are bent at random, both by less than the seeds differ. Network and rate (of
several for each contestant) were chosen with other seeds, on images of 5 to 9 that are neither among the
fifty nor among the test images.
"""

import numpy as np
from figures import BLUE, GREEN, GREY, bars, panels, save

import graphdiff as gd
from graphdiff.train import Arrays, hold_out

digits = gd.datasets.digits(images=True)
layers = gd.layers
bend = gd.transforms.GeometricDistortion(rotation=10, scale=0.1, shear=5, shift=0.05)
bend_more = gd.transforms.GeometricDistortion(rotation=20, scale=0.2, shear=15, shift=0.1, perspective=0.2)


def five(data, first):
    """Five classes from the first on, numbered from 0."""
    chosen = (data.labels >= first) & (data.labels < first + 5)
    return Arrays(data.inputs[chosen], data.labels[chosen] - first)


def turned(data):
    """Every image in four positions, which are classes of their own."""
    turns = [np.rot90(data.inputs, k, (2, 3)) for k in range(4)]
    return Arrays(np.concatenate(turns), np.concatenate([data.labels + 5 * k for k in range(4)]))


def network(classes):
    """Features from three convolutions, and a head of one linear layer."""
    features = layers.Sequential(
        layers.Conv2d(1, 16, 3, padding=1), layers.BatchNorm2d(16), layers.ReLU(),
        layers.Conv2d(16, 32, 3, padding=1), layers.BatchNorm2d(32), layers.ReLU(), layers.MaxPool2d(2),
        layers.Conv2d(32, 128, 3, padding=1), layers.BatchNorm2d(128), layers.ReLU(), layers.MaxPool2d(2),
        layers.Flatten(),
    )  # fmt: skip
    return layers.Sequential(features=features, head=layers.Linear(512, classes))


def trained(model, data, seed, lr, transform, epochs=60, batch_size=10, **options):
    """A trainer after its training, at a rate that falls to zero."""
    trainer = gd.Trainer(model, gd.losses.softmax_cross_entropy, gd.optimizers.Adam(lr=lr, **options))
    trainer.fit(
        data, epochs=epochs, batch_size=batch_size, seed=seed, transform=transform, progress=False,
        schedule=gd.schedules.Cosine(lr, steps=epochs),
    )  # fmt: skip
    return trainer


def with_new_head(weights):
    """The network with what it has learned, and a head for five other classes."""
    model = network(20)
    model.load_state_dict(weights)
    return gd.replace_head(model, 5)


known, new, test = five(digits.train, 0), five(digits.train, 5), five(digits.test, 5)
NAMES = "from scratch", "frozen", "tuned"
WAYS = {"as they are": None, "bent": bend}
scores = {(way, name): [] for way in WAYS for name in NAMES}
for seed in range(10, 15):
    few = hold_out(new, 1 - 50 / len(new.labels), seed=seed).train
    gd.seed(seed)
    expert = trained(network(20), turned(known), seed, 2e-3, bend_more, epochs=8, batch_size=32)
    learned = expert.model.state_dict()
    for way, transform in WAYS.items():
        models = [network(5), with_new_head(learned), with_new_head(learned)]
        gd.freeze(models[1], "features.*")
        for name, model in zip(NAMES, models, strict=True):
            groups = {"features.*": {"lr": 1.5e-3}} if name == "tuned" else {}
            trainer = trained(model, few, seed, 3e-3, transform, groups=groups)
            scores[way, name].append(100 * trainer.evaluate(test).accuracy)

scores = {key: np.array(values) for key, values in scores.items()}
for (way, name), values in scores.items():
    print(f"{way:12} {name:13} {values.mean():.1f} ± {values.std(ddof=1):.1f} %, {values.round(1)}")

# %%
# Bars: the mean; lines: the standard deviation; dots: the seeds.

figure, both = panels(2, (9, 4.2), sharey=True)
for panel, way in zip(both, WAYS, strict=True):
    bars(panel, {name: scores[way, name] for name in NAMES}, [GREY, BLUE, GREEN])
    panel.set_title(f"ten images each of 5 to 9, {way}", loc="left")
both[0].set(ylabel=f"accuracy on {len(test.labels)} test images (%)", ylim=(85, 100))
save(figure, "transfer_learning")
