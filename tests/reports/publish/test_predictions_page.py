"""docs/predictions.md: what it shows follows from the published rows and the model."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from reports.publish import predictions_page

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_the_page_is_what_the_model_says():
    made = predictions_page.files(ROOT)
    page = made[ROOT / predictions_page.PAGE].decode()
    assert (ROOT / predictions_page.PAGE).read_text(encoding="utf-8") == page
    assert made[ROOT / predictions_page.FIGURE].startswith(b"<?xml")


def test_a_checkout_without_the_page_has_nothing_to_make(tmp_path):
    assert predictions_page.files(tmp_path) == {}
