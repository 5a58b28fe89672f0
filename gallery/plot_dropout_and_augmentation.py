"""
Dropout and augmentation
========================

With twenty images of each digit, a convolutional network soon knows them all, and gets no better at others.
Dropout silences some of the units before each linear layer at random; augmentation shows every image
slightly turned, scaled, slanted and shifted, differently in each epoch. Five seeds choose the images and
the first weights. Rate, length and amounts were chosen with other seeds, on training images that are not
among the two hundred.
"""

import numpy as np
from figures import BLUE, GREEN, GREY, ORANGE, bars, panels, save

import graphdiff as gd
from graphdiff.train import hold_out

digits = gd.datasets.digits(images=True)
layers = gd.layers
bend = gd.transforms.GeometricDistortion(rotation=10, scale=0.1, shear=5, shift=0.05)


def network(dropped):
    """Two convolutions and two linear layers."""
    return layers.Sequential(
        layers.Conv2d(1, 16, 3, padding=1), layers.ReLU(), layers.MaxPool2d(2),
        layers.Conv2d(16, 32, 3, padding=1), layers.ReLU(), layers.MaxPool2d(2),
        layers.Flatten(), layers.Dropout(dropped), layers.Linear(128, 128), layers.ReLU(),
        layers.Dropout(dropped), layers.Linear(128, 10),
    )  # fmt: skip


def score(seed, dropped, transform):
    """Test accuracy in percent after training on 20 images a class."""
    few = hold_out(digits.train, 1 - 200 / len(digits.train.labels), seed=seed).train
    gd.seed(seed)
    trainer = gd.Trainer(network(dropped), gd.losses.softmax_cross_entropy, gd.optimizers.Adam(lr=2e-3))
    trainer.fit(few, epochs=100, batch_size=20, seed=seed, transform=transform, progress=False)
    return 100 * trainer.evaluate(digits.test).accuracy


WAYS = {"neither": (0, None), "dropout": (0.3, None), "augmentation": (0, bend), "both": (0.3, bend)}
scores = {name: np.array([score(seed, *way) for seed in range(10, 15)]) for name, way in WAYS.items()}
for name, values in scores.items():
    print(f"{name:13} {values.mean():.1f} ± {values.std(ddof=1):.1f} %, {values.round(1)}")

# %%
# Bars: the mean; lines: the standard deviation; dots: the seeds.

figure, (panel,) = panels()
bars(panel, scores, [GREY, BLUE, ORANGE, GREEN])
panel.set(ylabel="accuracy on 450 test images (%)", ylim=(85, 100))
panel.set_title("200 digits to learn from, five seeds (mean ± deviation)", loc="left")
save(figure, "dropout_and_augmentation")
