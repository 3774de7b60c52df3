"""The report's predictions are the served graph's, and its pictures say what its tables say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from python_client import VisionClient
from tests.report.browser import Tab
from tests.report.conftest import HOSTILE, result_of
from tests.running import run_export

Open = Callable[[dict[str, Any]], Tab]

pytestmark = pytest.mark.timeout(1200)

GREEN, RED = (0, 158, 115), (213, 94, 0)


def table(page: Tab, anchor: str, caption: str) -> list[list[str]]:
    rows: list[list[str]] = page.evaluate(
        "[...[...document.querySelectorAll('table')].find(t => "
        f"t.closest('section').getAttribute('aria-labelledby') == '{anchor}' && "
        f"t.caption.textContent.startsWith('{caption}')).tBodies[0].rows]"
        ".map(r => [...r.cells].map(c => c.textContent))"
    )
    return rows


def test_the_samples_are_what_a_server_answers(
    report: dict[str, Any], open_page: Open, photographs: Path, classifier_server: str
) -> None:
    rows = table(open_page(report), "samples", "The samples")
    assert len(rows) == 20 and len({row[0] for row in rows}) == 20
    with VisionClient(classifier_server) as client:
        for name, truth, predicted, confidence, verdict in rows:
            (answer,) = client.classify((photographs / name).read_bytes())
            assert name.startswith(f"{truth}/") and predicted == answer.label
            assert float(confidence) == pytest.approx(answer.probability, abs=6e-5)
            assert verdict == ("right" if predicted == truth else "wrong")


def test_frames_tell_right_from_wrong_in_colour_and_in_shape(
    poor_report: dict[str, Any], open_page: Open
) -> None:
    rows = table(open_page(poor_report), "samples", "The samples")
    verdicts = [row[-1] for row in rows]
    assert "wrong" in verdicts
    with Image.open(picture(poor_report, "sample_predictions.png")) as sheet:
        columns, gap = 5, 10
        width, height = (sheet.width - gap) // columns, (sheet.height - gap) // -(-len(rows) // 5)
        for index, verdict in enumerate(verdicts):
            row, column = divmod(index, columns)
            left, top = gap + column * width, gap + row * height
            edge = [sheet.getpixel((x, top + 2)) for x in range(left, left + width - gap)]
            if verdict == "right":
                assert set(edge) == {GREEN}
            else:
                assert RED in edge and GREEN not in edge and edge.count(RED) < 0.7 * len(edge)


def test_the_worst_are_wrong_and_sorted_by_their_gap(
    poor_report: dict[str, Any], open_page: Open
) -> None:
    page = open_page(poor_report)
    rows = table(page, "worst", "The worst")
    assert 1 <= len(rows) <= 5 and all(truth != said for _, truth, said, _, _ in rows)
    gaps = [float(row[-1]) for row in rows]
    assert gaps == sorted(gaps, reverse=True) and gaps[0] > 0
    matrix = table(page, "confusion", "Each class")
    held_out = sum(int(row[1]) for row in matrix)
    text = page.evaluate("document.getElementById('worst').parentElement.textContent")
    wrong, of = map(int, re.search(r"(\d+) of (\d+) photographs were misclassified", text).groups())
    assert of == held_out and len(rows) == min(5, wrong)
    with Image.open(picture(poor_report, "worst_misclassifications.png")) as sheet:
        assert sheet.width > sheet.height


def test_the_curves_mark_each_unfreezing(report: dict[str, Any], open_page: Open) -> None:
    page = open_page(report)
    text = page.evaluate("document.getElementById('curves').parentElement.textContent")
    phases = {row[1] for row in table(page, "curves", "The curves")}
    if "phase 2 (top)" in phases:
        assert "layers of the base unfrozen" in text
    else:
        assert "There was no phase 2" in text


def test_the_frozen_layer_and_its_shared_channels_are_shown(
    report: dict[str, Any], open_page: Open
) -> None:
    page = open_page(report)
    assert picture(report, "activation_maps.png") and picture(report, "shared_channels.png")
    for channel, count, which in table(page, "activations", "The most shared channels"):
        assert int(channel) >= 0 and len(which.split(", ")) == int(count) >= 2


def test_a_missing_phase_is_said(poor_report: dict[str, Any]) -> None:
    (missing,) = poor_report["missing"]
    assert missing["section"] == "curves" and "no phase 2" in missing["text"]


def test_the_evaluation_is_on_the_page(poor_report: dict[str, Any], open_page: Open) -> None:
    page = open_page(poor_report)
    assert HOSTILE in [row[0] for row in table(page, "evaluation", "Each class")]
    assert table(page, "evaluation", "Minimums")[0][-1] == "missed"
    alarms = [f["text"] for f in poor_report["findings"] if f["level"] == "alarm"]
    assert any("accuracy" in text for text in alarms)


@pytest.fixture(scope="module")
def bare_report(poor_version: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of ``report`` on a version without record, network or data."""
    home = tmp_path_factory.mktemp("bare")
    bare = home / "models" / "classifier" / "7"
    shutil.copytree(poor_version, bare)
    (bare / "assets.extra" / "run.json").unlink()
    (bare / "assets.extra" / "model.keras").unlink()
    return result_of(run_export("report", f"--model={bare}", f"--out={home / 'out'}"))


def test_a_version_without_record_network_or_data_is_reported_all_the_same(
    bare_report: dict[str, Any], open_page: Open
) -> None:
    page = open_page(bare_report)
    assert page.evaluate("document.title") == "Classifier, version 7"


def test_without_data_there_are_no_pictures(bare_report: dict[str, Any], open_page: Open) -> None:
    assert bare_report["pictures"] == []
    assert open_page(bare_report).evaluate("document.images.length") == 0


def test_every_part_that_is_missing_is_named(bare_report: dict[str, Any]) -> None:
    said = {missing["section"] for missing in bare_report["missing"]}
    assert said >= {"samples", "worst", "confusion", "calibration", "curves", "batch-norm"}


def test_a_missing_record_is_found(bare_report: dict[str, Any]) -> None:
    assert any("no record of its run" in f["text"] for f in bare_report["findings"])


def test_the_page_says_how_to_name_the_place_of_the_data(
    bare_report: dict[str, Any], open_page: Open
) -> None:
    text = open_page(bare_report).evaluate("document.body.textContent")
    assert "name its place with --data" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=/nowhere/classifier/1"], "expected a folder as MODELS/classifier/1"),
        (["--model={version}", "--data=/nowhere"], "--data must name a folder"),
        (["--model={version}", "--evaluation={version}/saved_model.pb"], "is no JSON"),
    ],
)
def test_what_cannot_be_reported_on_is_refused(
    arguments: list[str], message: str, poor_version: Path, tmp_path: Path
) -> None:
    given = [argument.format(version=poor_version) for argument in arguments]
    ran = run_export("report", *given, f"--out={tmp_path}")
    assert ran.code == 1 and message in ran.err
    assert list(tmp_path.iterdir()) == []


def picture(result: dict[str, Any], name: str) -> Path:
    return next(Path(path) for path in result["pictures"] if Path(path).name == name)
