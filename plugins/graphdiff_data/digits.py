"""scikit-learn's handwritten digits: 1,797 grey images of 8×8 pixels, ten classes.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, 1998. The data are bundled with scikit-learn, nothing is downloaded.
"""

from __future__ import annotations

import numpy as np

import graphdiff as gd
from graphdiff.arguments import check_flags
from graphdiff.train import Arrays, Dataset, hold_out


def digits(*, images: bool = False, test_fraction: float = 0.25, seed: int = 0) -> Dataset:
    """The digits split at random into training and test part, classes in equal shares.

    As rows of numbers they are centred by the training part's mean image and divided by its overall standard
    deviation. As images they are as scanned, black 0 to white 1; a network made for larger ones gets them
    from ``digits(images=True).map(gd.transforms.Resize(28))``.

    Returns:
        Inputs (n, 64) float32, or with ``images`` (n, 1, 8, 8) float32 from 0 to 1; labels (n,) int64.

    Raises:
        ArgumentError: a fraction that leaves one part without all ten classes.
    """
    from sklearn.datasets import load_digits

    check_flags(images=images)
    pixels, labels = load_digits(return_X_y=True)
    split = hold_out(Arrays(pixels, labels.astype(np.int64)), test_fraction, seed=seed)
    made = Dataset(*split, list("0123456789"), "Handwritten digits, 8×8 pixels (Alpaydin and Kaynak 1998)")
    if images:
        return made.map(lambda x: (x / 16).astype(np.float32).reshape(-1, 1, 8, 8))
    standardize = gd.transforms.Standardize.fit(made.train.inputs, mean="pixel", deviation="all")
    return made.map(lambda x: standardize(x).astype(np.float32))
