"""``python -m export experiment``: the wrong ways beside the right one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.experiment.chart import draw
from export.experiment.results import Results, summary, table

pytestmark = pytest.mark.training

KEY = {"arm": "head", "seed": 0, "settings": {"epochs": 3, "augment": ()}, "data": "ab"}


def _row(accuracy: float, epochs: int = 4, **more: Any) -> dict[str, Any]:
    history = [{"val_accuracy": accuracy * (e + 1) / epochs} for e in range(epochs)]
    phases = [{"first_epoch": 1, "history": history}]
    row = {"accuracy": accuracy, "loss": 0.2, "minutes": 1.0, "phases": phases}
    return {**row, "largest_batch_norm_shift": 0.0, **more}


def test_a_finished_run_is_found_again_by_settings_and_data(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    Results(path).add({**KEY, "accuracy": 0.9})
    found = Results(path).find(KEY)
    assert found is not None
    assert found["accuracy"] == 0.9
    assert Results(path).find({**KEY, "data": "cd"}) is None
    assert Results(path).find({**KEY, "settings": {"epochs": 4, "augment": ()}}) is None


def test_a_line_that_was_cut_off_is_no_result_and_spoils_none(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    Results(path).add(KEY)
    path.write_text(path.read_text() + '{"arm": "he', encoding="utf-8")
    results = Results(path)
    results.add({**KEY, "seed": 1})
    again = Results(path)
    assert again.find(KEY) is not None
    assert again.find({**KEY, "seed": 1}) is not None


def test_the_table_has_mean_and_spread() -> None:
    came = summary([_row(0.9), _row(1.0), _row(0.95, minutes=4.0)])
    assert came["accuracy"] == {"mean": 0.95, "lowest": 0.9, "highest": 1.0}
    assert came["minutes"]["mean"] == 2.0
    assert came["epochs"]["mean"] == 4
    text = table({"head": came}, {"head": "head only"})
    assert text.splitlines()[1].split() == ["head", "only", "0.9500", "0.9000", "1.0000", "2.0"]


def test_the_curves_are_drawn_for_any_number_of_arms(tmp_path: Path) -> None:
    top = {"first_epoch": 5, "history": [{"val_accuracy": 0.97}]}
    two = _row(0.96)
    two["phases"].append(top)
    for rows in ({"head": [_row(0.9)]}, {"head": [_row(0.9), _row(0.8)], "phases": [two]}):
        path = tmp_path / f"{len(rows)}.png"
        draw(path, rows, {"head": "head only", "phases": "two phases"})
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def six(photographs: Path, tmp_path: Path) -> Path:
    """Six photographs of two classes each."""
    for folder in sorted(photographs.iterdir())[:2]:
        (tmp_path / "six" / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:6]:
            shutil.copy(path, tmp_path / "six" / folder.name)
    return tmp_path / "six"


def test_arms_share_their_photographs_and_are_not_run_twice(
    export: Callable[..., Any], six: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["experiment", "--data", six, "--out", out, "--seeds", "0", "--image-size", "32"]
    arguments += ["--epochs", "2", "--whole-epochs", "1"]
    ran = export(*arguments, "--arms", "unfrozen,head")
    assert ran.code == 0, ran.err
    assert ran.result["validation_photographs"] == 2
    lines = (out / "results.jsonl").read_text().splitlines()
    unfrozen, head = map(json.loads, lines)
    assert unfrozen["phases"][0]["frozen_layers"] == 0
    assert unfrozen["phases"][0]["learning_rate"] == 1e-3
    assert unfrozen["weights"] == head["weights"], "both are pretrained"
    assert unfrozen["largest_batch_norm_shift"] > 0.0 == head["largest_batch_norm_shift"]
    assert head["phases"][0]["frozen_layers"] == 154
    assert "pretrained, all layers from the start" in ran.err
    assert (out / "experiment.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in out.iterdir()} == {"results.jsonl", "experiment.png"}

    again = export(*arguments, "--arms", "unfrozen,head")
    assert again.code == 0, again.err
    assert again.result == ran.result
    assert "Epoch" not in again.err
    assert len((out / "results.jsonl").read_text().splitlines()) == 2


def test_an_arm_that_does_not_exist_is_refused(
    export: Callable[..., Any], six: Path, tmp_path: Path
) -> None:
    ran = export("experiment", "--data", six, "--out", tmp_path / "out", "--arms", "magic")
    assert ran.code == 2
    assert ran.err.endswith(
        "python -m export experiment: --arms: there is no 'magic'; there are random, unfrozen, "
        "head, phases\n"
    )
    assert not (tmp_path / "out").exists()
