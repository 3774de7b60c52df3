"""What was trained is never lost: whatever fails afterwards, publication goes on from the disk."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.publish import versions
from serving_config import contract as contracts
from tests.kept import Kept

ROOM = 4_000_000  # bytes a file may have: less than any network here takes


@pytest.fixture(params=["classifier", "detector"])
def kept(request: pytest.FixtureRequest) -> Kept:
    found: Kept = request.getfixturevalue(f"kept_{request.param}")
    return found


def small_files() -> None:
    """As on a disk that is full: writing beyond the limit fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


def test_a_killed_run_is_published_without_training(
    export: Callable[..., Any], kept: Kept, tmp_path: Path
) -> None:
    work = kept.copy(tmp_path / "models")
    said = json.loads((work / "finished" / "finished.json").read_text(encoding="utf-8"))
    trained_file = (work / "finished" / "model.keras").read_bytes()
    ran = export("publish", work)
    assert ran.code == 0, ran.err
    assert "Epoch" not in ran.err
    version = Path(ran.result["path"])
    assert version == tmp_path / "models" / kept.arguments[0] / "1"
    assert ran.result["classes"] == said["result"]["classes"]
    assert ran.result["phases"] == said["result"]["phases"]
    extra = version / "assets.extra"
    assert (extra / "model.keras").read_bytes() == trained_file, "the weights that were trained"
    assert json.loads((extra / "run.json").read_text(encoding="utf-8")) == said["record"]
    assert contracts.load(version).class_names == tuple(said["class_names"])
    assert not work.exists(), "what is published need not be kept twice"
    row = json.loads((extra / "lineage.json").read_text(encoding="utf-8"))
    assert row["settings"] == said["settings"]
    assert row["final_accuracy"] == pytest.approx(said["accuracy"])


def test_the_same_command_goes_on_there_too(
    export: Callable[..., Any], kept: Kept, tmp_path: Path
) -> None:
    work = kept.copy(tmp_path / "models")
    ran = export(*kept.arguments, f"--out={tmp_path / 'models'}")
    assert ran.code == 0, ran.err
    assert "Epoch" not in ran.err
    assert not work.exists()
    assert versions(tmp_path / "models" / kept.arguments[0]) == [1]


def test_a_full_disk_costs_nothing_that_was_trained(
    run_python: Callable[..., Any], kept: Kept, tmp_path: Path
) -> None:
    work = kept.copy(tmp_path / "models")
    before = contents(work)
    ran = run_python("-m", "export", "publish", work, limits=small_files)
    assert (ran.code, ran.out) == (1, "")
    last = ran.err.strip().splitlines()[-1]
    models = tmp_path / "models"
    assert f"What was trained is kept in {work};" in last
    assert last.endswith(f"without training: python -m export publish {work} --out {models}")
    assert contents(work) == before
    home = tmp_path / "models" / kept.arguments[0]
    assert [p.name for p in home.iterdir()] == [work.name], "nothing half-written is left"


def test_room_for_what_will_be_trained_is_set_aside_before_the_training(
    run_python: Callable[..., Any], kept: Kept, tmp_path: Path
) -> None:
    arguments = ("-m", "export", *kept.arguments, f"--out={tmp_path / 'models'}")
    ran = run_python(*arguments, limits=small_files)
    assert (ran.code, ran.out) == (1, "")
    assert "Epoch" not in ran.err
    assert "cannot set aside" in ran.err.strip().splitlines()[-1]
    assert "--work" in ran.err.strip().splitlines()[-1]


def test_it_can_be_published_elsewhere(
    export: Callable[..., Any], kept_detector: Kept, tmp_path: Path
) -> None:
    work = tmp_path / "carried along"
    kept_detector.copy(tmp_path / "models").rename(work)
    refused = export("publish", work)
    assert refused.code == 1
    assert "say where to publish with --out MODELS" in refused.err
    ran = export("publish", work, f"--out={tmp_path / 'other'}")
    assert ran.code == 0, ran.err
    assert Path(ran.result["path"]) == tmp_path / "other" / "detector" / "1"


def _remove(work: Path) -> None:
    shutil.rmtree(work / "finished")


def _cut(work: Path) -> None:
    document = work / "finished" / "finished.json"
    document.write_text(document.read_text(encoding="utf-8")[:100], encoding="utf-8")


def _cut_pictures(work: Path) -> None:
    pictures = work / "finished" / "pictures.npz"
    pictures.write_bytes(pictures.read_bytes()[:1000])


def _cut_weights(work: Path) -> None:
    weights = work / "finished" / "weights.npz"
    weights.write_bytes(weights.read_bytes()[:1_000_000])


def _lose(work: Path) -> None:
    (work / "finished" / "model.keras").unlink()


def _newer(work: Path) -> None:
    document = work / "finished" / "finished.json"
    text = document.read_text(encoding="utf-8")
    document.write_text(text.replace('"format": 1', '"format": 2'), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "is no working directory of a training"),
        (_remove, "has not finished; the same command that began it goes on with it"),
        (_cut, "is damaged"),
        (_cut_pictures, "is damaged"),
        (_cut_weights, "weights.npz are damaged"),
        (_lose, "has lost its model.keras; delete "),
        (_newer, "was written in format 2, this release reads 1"),
    ],
)
def test_what_cannot_be_published_is_said_in_a_sentence(
    export: Callable[..., Any],
    kept_detector: Kept,
    tmp_path: Path,
    damage: Callable[[Path], None],
    words: str,
) -> None:
    work = kept_detector.copy(tmp_path / "models")
    damage(work)
    ran = export("publish", work)
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
    assert "Traceback" not in ran.err
