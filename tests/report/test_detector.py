"""The report of a detector: what applies of the classifier's, and predictions over the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.report.browser import Tab
from tests.report.conftest import result_of, run_export

pytestmark = pytest.mark.timeout(1200)


def test_a_detector_has_a_report_too(
    published_detector: Path,
    shapes: Path,
    tmp_path: Path,
    open_page: Callable[[dict[str, Any]], Tab],
) -> None:
    arguments = [f"--model={published_detector}", f"--out={tmp_path}", f"--data={shapes}"]
    result = result_of(run_export("report", *arguments))
    names = [Path(path).name for path in result["pictures"]]
    assert names[0] == "sample_predictions.png"
    assert {"training_curves.png", "batch_norm_shift.png"} < set(names)
    assert not any("does not read" in finding["text"] for finding in result["findings"])
    page = open_page(result)
    assert page.evaluate("document.title") == "Detector, version 1"
    widths = page.evaluate("[...document.images].map(i => i.naturalWidth)")
    assert len(widths) == len(names) and all(width > 100 for width in widths)
    rows = page.evaluate(
        "[...document.querySelectorAll('#precision ~ .wide tbody tr')]"
        ".map(r => [...r.cells].map(c => c.textContent))"
    )
    assert [row[0] for row in rows] == ["disc", "square", "mean"]
    assert float(rows[-1][1]) > 0.2
