"""The report of a detector: what applies of the classifier's, and predictions over the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.report.browser import Tab
from tests.report.conftest import result_of
from tests.running import run_export

pytestmark = pytest.mark.timeout(1200)


Open = Callable[[dict[str, Any]], Tab]


@pytest.fixture(scope="module")
def result(
    published_detector: Path, shapes: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The result of ``report`` on the published detector and the data it was trained on."""
    out = tmp_path_factory.mktemp("report")
    arguments = [f"--model={published_detector}", f"--out={out}", f"--data={shapes}"]
    return result_of(run_export("report", *arguments))


def test_a_detectors_report_has_pictures_of_answers_and_training(result: dict[str, Any]) -> None:
    names = [Path(path).name for path in result["pictures"]]
    assert names[0] == "sample_predictions.png"
    assert {"training_curves.png", "batch_norm_shift.png"} < set(names)


def test_all_of_a_detectors_record_is_read(result: dict[str, Any]) -> None:
    assert not any("does not read" in finding["text"] for finding in result["findings"])


def test_the_page_has_the_models_name_and_version(result: dict[str, Any], open_page: Open) -> None:
    assert open_page(result).evaluate("document.title") == "Detector, version 1"


def test_a_browser_shows_every_picture(result: dict[str, Any], open_page: Open) -> None:
    widths = open_page(result).evaluate("[...document.images].map(i => i.naturalWidth)")
    assert len(widths) == len(result["pictures"]) and all(width > 100 for width in widths)


def test_the_page_has_the_precision_of_each_class_and_the_mean(
    result: dict[str, Any], open_page: Open
) -> None:
    rows = open_page(result).evaluate(
        "[...document.querySelectorAll('#precision ~ .wide tbody tr')]"
        ".map(r => [...r.cells].map(c => c.textContent))"
    )
    assert [row[0] for row in rows] == ["disc", "square", "mean"]
    assert float(rows[-1][1]) > 0.2
