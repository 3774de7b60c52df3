"""A record is read as far as it goes; what is not there becomes a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from export.report import record

EPOCH = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.2, "val_accuracy": 0.4}


def written(version: Path, document: Any) -> record.RunRecord:
    extra = version / "assets.extra"
    extra.mkdir(parents=True, exist_ok=True)
    (extra / "run.json").write_text(
        document if isinstance(document, str) else json.dumps(document), encoding="utf-8"
    )
    return record.read(version)


def test_phases_and_steps_are_counted_through_both(tmp_path: Path) -> None:
    step = {"unfrozen_layers": 15, "first_epoch": 3, "learning_rate": 1e-5}
    run = written(
        tmp_path,
        {
            "kept_phase": 1,
            "phases": [
                {"number": 1, "name": "head", "first_epoch": 1, "history": [EPOCH] * 2},
                {"number": 2, "name": "top", "first_epoch": 3, "history": [EPOCH], "steps": [step]},
            ],
            "batch_norm": {"threshold": 0.05, "shifts": {"1": {"bn": 0.0}}, "alarms": []},
        },
    )
    assert [phase.first_epoch for phase in run.phases] == [1, 3]
    assert run.phases[1].steps == (record.Step(15, 3, 1e-5),)
    assert run.kept is run.phases[0]
    assert run.batch_norm is not None and run.batch_norm.by_phase == {1: {"bn": 0.0}}
    assert any("data" in text for text in run.missing)


def test_histories_by_name_are_phases_one_after_the_other(tmp_path: Path) -> None:
    epoch = {"loss": 3.0, "val_map50": 0.5}
    run = written(tmp_path, {"phases": {"head": [epoch] * 2, "top": [epoch]}})
    assert [(p.number, p.name, p.first_epoch) for p in run.phases] == [
        (1, "head", 1),
        (2, "top", 3),
    ]
    assert run.kept is run.phases[1]


def test_shifts_by_name_are_those_of_the_phases_so_named(tmp_path: Path) -> None:
    shifts = {"head": {"bn": 0.0}, "top": {"bn": None}}
    run = written(tmp_path, {"batch_norm": {"threshold": 0.05, "shifts": shifts, "alarms": ["bn"]}})
    assert run.batch_norm is not None
    assert run.batch_norm.by_phase == {1: {"bn": 0.0}, 2: {"bn": float("inf")}}


def test_one_broken_part_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    run = written(tmp_path, {"phases": [{"name": "head"}], "weights": {"source": "none"}})
    assert run.phases == () and run.weights == {"source": "none"}
    assert any("“phases”" in text and "does not read" in text for text in run.missing)


def test_no_record_no_json_and_no_object_are_said(tmp_path: Path) -> None:
    assert "no record" in record.read(tmp_path / "none").missing[0]
    assert "JSON" in written(tmp_path, "{").missing[0]
    assert "no JSON object" in written(tmp_path, "[]").missing[0]
