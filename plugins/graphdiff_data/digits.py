"""scikit-learn's handwritten digits: 1,797 grey images of 8×8 pixels, ten classes.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, 1998. The data are bundled with scikit-learn, nothing is downloaded.
"""

from __future__ import annotations

import numpy as np

from graphdiff.errors import ArgumentError
from graphdiff.train import Arrays, Split


def digits(*, test_fraction: float = 0.25, seed: int = 0) -> Split:
    """The digits split at random into training and test part, classes in equal shares.

    Pixels are centred by the training part's mean image and divided by its overall standard deviation.

    Returns:
        ``Split(train, test)``, each ``Arrays(inputs, labels)``: (n, 64) float32 and (n,) int64.

    Raises:
        ArgumentError: a fraction that leaves one part without all ten classes.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    try:
        x_train, x_test, y_train, y_test = train_test_split(
            images, labels, test_size=test_fraction, random_state=seed, stratify=labels
        )
    except ValueError as problem:
        raise ArgumentError(f"test_fraction={test_fraction}: {problem}", fix="use about 0.25") from None
    mean, deviation = x_train.mean(axis=0), x_train.std()

    def prepared(x: np.ndarray, y: np.ndarray) -> Arrays:
        return Arrays(((x - mean) / deviation).astype(np.float32), y.astype(np.int64))

    return Split(prepared(x_train, y_train), prepared(x_test, y_test))
