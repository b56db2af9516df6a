"""Real data that ships inside a Python package, so that nothing is downloaded.

`digits`: "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998; UCI Machine Learning
Repository, CC BY 4.0), 1,797 images of 8×8 pixels with 17 grey levels in 10 classes, inside scikit-learn
(BSD-3-Clause).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.paper.plan import DATASETS, ClaimError

CLASSES = 10
PIXELS = 8  # an image is PIXELS × PIXELS
_TEST_SHARE = 0.2
_SPLIT_SEED = 0  # the split is the same for all nets and seeds: seeds vary weights and the order of images


@dataclass(frozen=True)
class Data:
    """Images (count, 64) in float32, with mean 0 and variance 1 over the training pixels; labels (count,)."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    def pooled(self) -> Data:
        """The same images at 4×4 pixels, each the mean of four, for nets that have to be small."""
        return Data(_pooled(self.train_images), self.train_labels, _pooled(self.test_images), self.test_labels)


def load(name: str, device: str = "cpu") -> Data:
    """The data set of that name, split once and for all. Raises ClaimError."""
    if name not in DATASETS:
        raise ClaimError(f"there is no data set {name!r}; choose from {', '.join(DATASETS)}")
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ClaimError(
            f"the data set {name!r} ships inside scikit-learn, which is not installed; pip install scikit-learn"
        ) from None
    images, labels = load_digits(return_X_y=True)
    train, test = _stratified(labels)
    mean, deviation = images[train].mean(), images[train].std()
    scaled = torch.tensor((images - mean) / deviation, dtype=torch.float32, device=device)
    targets = torch.tensor(labels, dtype=torch.int64, device=device)
    return Data(scaled[train], targets[train], scaled[test], targets[test])


def _stratified(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices for training and testing; every class gives the same share to each."""
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    of_class = [order[labels[order] == label] for label in range(CLASSES)]
    cuts = [round(_TEST_SHARE * len(indices)) for indices in of_class]
    test = np.concatenate([indices[:cut] for indices, cut in zip(of_class, cuts, strict=True)])
    train = np.concatenate([indices[cut:] for indices, cut in zip(of_class, cuts, strict=True)])
    return np.sort(train), np.sort(test)


def _pooled(images: Tensor) -> Tensor:
    half = PIXELS // 2
    return images.view(-1, half, 2, half, 2).mean((2, 4)).flatten(1)
