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
from tests.running import Ran

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


@pytest.fixture(scope="module")
def six(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of two classes each."""
    six = tmp_path_factory.mktemp("six")
    for folder in sorted(photographs.iterdir())[:2]:
        (six / folder.name).mkdir()
        for path in sorted(folder.iterdir())[:6]:
            shutil.copy(path, six / folder.name)
    return six


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the experiment writes."""
    return tmp_path_factory.mktemp("experiment") / "out"


@pytest.fixture(scope="module")
def two_arms(export: Callable[..., Ran], six: Path, out: Path) -> Callable[[], Ran]:
    """``two_arms()``: all layers from the start, and the head alone, on six photographs each."""

    def run() -> Ran:
        arguments = ["--seeds=0", "--image-size=32", "--epochs=2", "--whole-epochs=1"]
        arms = "--arms=unfrozen,head"
        ran = export("experiment", f"--data={six}", f"--out={out}", *arguments, arms)
        assert ran.code == 0, ran.err
        return ran

    return run


@pytest.fixture(scope="module")
def first(two_arms: Callable[[], Ran]) -> Ran:
    return two_arms()


@pytest.fixture(scope="module")
def lines(first: Ran, out: Path) -> list[dict[str, Any]]:
    """What the first run left of each arm: ``unfrozen``, then ``head``."""
    del first  # it has run
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def again(two_arms: Callable[[], Ran], lines: list[dict[str, Any]]) -> Ran:
    """The same command a second time."""
    del lines  # they are what the first run left
    return two_arms()


def test_both_arms_are_validated_on_the_same_photographs(first: Ran) -> None:
    assert first.result["validation_photographs"] == 2


def test_each_arm_leaves_a_line(lines: list[dict[str, Any]]) -> None:
    assert [line["arm"] for line in lines] == ["unfrozen", "head"]


def test_the_unfrozen_arm_trains_all_layers_at_the_first_rate(lines: list[dict[str, Any]]) -> None:
    phase = lines[0]["phases"][0]
    assert (phase["frozen_layers"], phase["learning_rate"]) == (0, 1e-3)


def test_the_arm_of_the_head_trains_no_layer_of_the_base(lines: list[dict[str, Any]]) -> None:
    assert lines[1]["phases"][0]["frozen_layers"] == 154


def test_both_arms_begin_with_the_same_weights(lines: list[dict[str, Any]]) -> None:
    unfrozen, head = lines
    assert unfrozen["weights"] == head["weights"], "both are pretrained"


def test_only_the_unfrozen_arm_shifts_the_statistics_of_the_base(
    lines: list[dict[str, Any]],
) -> None:
    unfrozen, head = lines
    assert unfrozen["largest_batch_norm_shift"] > 0.0 == head["largest_batch_norm_shift"]


def test_an_arm_is_described_to_people(first: Ran) -> None:
    assert "pretrained, all layers from the start" in first.err


@pytest.mark.usefixtures("first")
def test_an_experiment_leaves_its_results_and_their_curves(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == {"results.jsonl", "experiment.png"}
    assert (out / "experiment.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_command_again_trains_nothing(again: Ran) -> None:
    assert "epoch 1 of" not in again.err


def test_the_same_command_again_has_the_same_result(first: Ran, again: Ran) -> None:
    assert again.result == first.result


@pytest.mark.usefixtures("again")
def test_the_same_command_again_leaves_the_results_as_they_are(out: Path) -> None:
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
