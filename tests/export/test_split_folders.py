"""A data set with a split of its own, trained on, refused, published and measured."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from export.evaluation import data_sets
from tests.running import Ran

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def data(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``train/``, ``valid/`` and ``test/`` with awkward names, and one photograph on two sides."""
    home = tmp_path_factory.mktemp("split") / "data"
    for folder in few.iterdir():
        for number, path in enumerate(sorted(folder.iterdir())):
            part = "valid" if number < 2 else "test" if number < 3 else "train"
            target = home / part / folder.name / "2024" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    brick = home / "train" / "brick" / "2024"
    odd = brick / os.fsdecode(b"caf\xe9.jpg")
    next(iter(sorted(brick.iterdir()))).rename(odd)
    with Image.open(odd) as image:
        image.save(home / "valid" / "brick" / "again.jpg", quality=60)
    (home / "weights.json").write_text(json.dumps({"brick": 1, "grass": 2, "gravel": 0.5}))
    return home


@pytest.fixture(scope="module")
def command(data: Path) -> list[str | Path]:
    weights = data / "weights.json"
    quick = ["--weights=none", "--image-size=32", "--epochs=1", f"--class-weights={weights}"]
    out = data.parent / "models"
    return ["classifier", "--data", data, "--out", out, "--no-tflite", *quick]


@pytest.fixture(scope="module")
def refused(export: Callable[..., Ran], command: list[str | Path]) -> Ran:
    """One epoch from scratch learns nothing."""
    return export(*command, "--min-accuracy=0.9")


@pytest.fixture(scope="module")
def published(export: Callable[..., Ran], command: list[str | Path], refused: Ran) -> Ran:
    """The same command without a minimum."""
    assert refused.code == 1, refused.err
    ran = export(*command)
    assert ran.code == 0, ran.err
    return ran


def test_what_is_not_good_enough_is_not_published(data: Path, refused: Ran) -> None:
    assert (refused.code, refused.out) == (1, "")
    assert ", below 0.9" in refused.err
    assert "always naming " in refused.err
    assert "python -m export publish" in refused.err
    assert not list((data.parent / "models" / "classifier").glob("[0-9]*"))


def test_the_same_command_without_a_minimum_publishes_what_was_trained(published: Ran) -> None:
    assert published.result["version"] == 1
    assert "epoch 1 of" not in published.err


def test_the_folders_split_is_kept(published: Ran, refused: Ran) -> None:
    assert published.result["photographs"] == {"training": 21, "validation": 7, "skipped": 0}
    assert "split as the folders say: 21 to train on, 7 to validate with, 3 in test/" in refused.err
    assert published.result["validation"]["decided_by"].endswith("data/valid")


def test_a_photograph_on_both_sides_is_named_before_training(published: Ran, refused: Ran) -> None:
    assert published.result["duplicates"]["across_split"] >= 2
    named = refused.err.index("train/brick/2024/caf\\xe9.jpg and valid/brick/again.jpg (near)")
    assert named < refused.err.index("epoch 1 of")


def test_the_result_says_how_sure_it_is(published: Ran) -> None:
    found = published.result["validation"]
    low, high = found["accuracy_interval"]
    assert low <= found["accuracy"] <= high
    assert {name: one["photographs"] for name, one in found["recall"].items()} == {
        "brick": 3,
        "grass": 2,
        "gravel": 2,
    }
    assert found["baseline"]["photographs"] == 7
    assert len(found["mistaken"]) == round(7 * (1 - found["accuracy"]))
    assert found["calibration"].keys() == {"temperature", "reason", "expected_error"}


def test_its_record_leads_back_to_the_files(published: Ran, data: Path) -> None:
    again = data_sets.training_data(Path(published.result["path"]))
    assert again.directory == data
    assert len(again.training.paths) == 21
    assert {path.parts[-3] for path in again.training.paths} == {"brick", "grass", "gravel"}
    assert {again.validation.label_of[path] for path in again.validation.paths} == {0, 1, 2}


def test_evaluation_measures_the_test_folder_and_counts_what_is_refused(
    export: Callable[..., Any], published: Ran, data: Path
) -> None:
    (data / "test" / "grass" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    model = published.result["path"]
    command = ["evaluate", "classifier", f"--model={model}", "--mode=holdout", f"--data={data}"]
    ran = export(*command, "--max-refused=0.1")
    assert ran.code == 1, ran.err
    assert ran.result["photographs"] == 3
    assert ran.result["data"]["refused_share"] == 0.25
    assert ran.result["failed"] == ["--max-refused 0.1: 1 photographs were refused, 25.0%"]
