import sys

import pytest
import torch

from harness.paper.data import load
from harness.paper.plan import ClaimError


def test_digits_are_split_once_by_class_and_scaled_by_the_training_pixels():
    data = load("digits")
    assert data.train_images.shape[1:] == data.test_images.shape[1:] == (64,)
    assert len(data.train_images) + len(data.test_images) == 1797
    assert abs(data.train_images.mean()) < 1e-5
    assert abs(data.train_images.std() - 1) < 1e-3
    shares = data.test_labels.bincount() / (data.train_labels.bincount() + data.test_labels.bincount())
    assert shares.min() > 0.19
    assert shares.max() < 0.21
    again = load("digits")
    assert torch.equal(again.test_images, data.test_images)


def test_pooling_takes_the_mean_of_two_by_two_pixels():
    data = load("digits")
    image = data.train_images[3].view(8, 8)
    pooled = data.pooled().train_images[3].view(4, 4)
    assert pooled[1, 2] == pytest.approx(float(image[2:4, 4:6].mean()), abs=1e-6)


def test_what_is_missing_is_said(monkeypatch):
    with pytest.raises(ClaimError, match="there is no data set 'mnist'; choose from digits"):
        load("mnist")
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ClaimError, match="pip install scikit-learn"):
        load("digits")
