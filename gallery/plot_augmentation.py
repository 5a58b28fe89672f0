"""
Augmentation
============

Each row is one image, and what the first epochs of training see of it. What happens to an image depends on
the seed, the epoch and its place in the data set alone, so the same rows come out on every machine.
"""

import numpy as np
from figures import save
from sklearn.datasets import load_digits

import graphdiff as gd
from graphdiff.draw.contact_sheet import contact_sheet

# %%
# Handwritten digits, from 8×8 to 28×28 pixels, then bent: turned, scaled, slanted, shifted, seen from aside.

digits = load_digits().images[:4, None] / 16
bend = gd.transforms.Compose(
    gd.transforms.Resize(28),
    gd.transforms.GeometricDistortion(rotation=15, scale=0.15, shear=10, shift=0.1, perspective=0.2),
)
save(contact_sheet(digits, bend), "augmentation_digits")

# %%
# Colour images, here painted by formula: one augmentation a row, and all of them together in the last.

down, right = np.mgrid[-1:1:48j, -1:1:48j]
disc = (down**2 + (right - 0.3) ** 2 < 0.3).astype(float)
bar = (abs(right + 0.6) < 0.15) * (abs(down) < 0.7)
scene = np.stack([0.35 + 0.5 * disc, 0.55 - 0.25 * down - 0.2 * disc, 0.75 - 0.3 * bar - 0.6 * disc]).clip(
    0, 1
)

transforms = gd.transforms
each = [
    transforms.HorizontalFlip(),
    transforms.RandomCrop(padding=8),
    transforms.Cutout(size=20),
    transforms.ColorJitter(brightness=0.4, contrast=0.5, saturation=0.8, hue=0.15),
    transforms.ColorCast(strength=0.3),
    transforms.GeometricDistortion(rotation=20),
    transforms.GeometricDistortion(scale=0.4),
    transforms.GeometricDistortion(shear=25),
    transforms.GeometricDistortion(perspective=0.8),
    transforms.Compose(
        transforms.HorizontalFlip(),
        transforms.GeometricDistortion(rotation=15, scale=0.2, shear=10, shift=0.1, perspective=0.3),
        transforms.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.4, hue=0.05),
        transforms.Cutout(size=14),
    ),
]


class Each(gd.train.Transform):
    """A transform of its own for every row."""

    def apply(self, inputs, draws):
        rows = [transform.apply(inputs, draws)[row] for row, transform in enumerate(each)]
        return np.stack(rows)


save(contact_sheet(np.stack([scene] * len(each)), Each()), "augmentation_colours")
