"""``python -m export labels``, and mistakes of a detector's training: told without TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.labels.writing import BOX, picture, voc
from tests.running import PATIENCE_S, REPO, Ran

CASES = Path(__file__).parent / "cases"


def export(environment: dict[str, str], *arguments: str | Path) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "export", *map(str, arguments)],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images in two parts: two classes, one without objects, one that is broken."""
    home = tmp_path_factory.mktemp("labels")
    for number, (part, label) in enumerate(
        (("train", "red"), ("train", "other"), ("valid", "red"), ("valid", "red"))
    ):
        picture(home / part / f"{number}.jpg", number)
        difficult = "<difficult>1</difficult>" if number == 3 else ""
        voc(home / part / f"{number}.xml", f"{number}.jpg", label, more=difficult)
    picture(home / "train" / "4.jpg", 4)
    picture(home / "train" / "5.jpg", 5)
    (home / "train" / "5.xml").write_text("<annotation>")
    return home


@pytest.fixture(scope="module")
def shown(
    folder: Path, without_tensorflow: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Ran:
    drawn = tmp_path_factory.mktemp("drawn") / "new" / "folder"
    ran = export(without_tensorflow, "labels", folder, "--pictures", drawn)
    assert ran.code == 0, ran.err
    return ran


def test_what_is_understood_is_counted(shown: Ran) -> None:
    expected = {
        "layout": "voc",
        "images": {"training": 3, "validation": 2, "test": 0},
        "without_objects": 1,
        "ignored": 1,
        "sizes": {"64x48": 5},
        "problems": 1,
        "boxes": {
            "other": {"training": 1, "validation": 0, "test": 0},
            "red": {"training": 1, "validation": 2, "test": 0},
        },
    }
    assert {key: shown.result[key] for key in expected} == expected


def test_what_is_understood_is_said(shown: Ran, folder: Path) -> None:
    for said in (
        "layout voc: 5 usable images (3 training, 2 validation; as the data set states it)",
        "1 images without objects",
        "class red: 3 boxes (1 training, 2 validation)",
        f"{folder / 'train' / '5.xml'}:1: broken XML",
    ):
        assert said in shown.err


def test_the_pictures_show_the_boxes_and_a_legend(shown: Ran) -> None:
    pictures = [Path(path) for path in shown.result["pictures"]]
    assert len(pictures) == 5 and all(path.is_file() for path in pictures)
    with Image.open(pictures[1]) as drawn:  # the first image of the second class
        pixels = np.asarray(drawn).astype(int)
    assert pixels.shape[1] == 640 and pixels.shape[0] > 480  # enlarged, and the legend below
    xmin, ymin, _, ymax = (edge * 10 for edge in BOX)
    edge = pixels[ymin : ymax + 1, xmin - 1 : xmin + 2].reshape(-1, 3)
    sky_blue = np.abs(edge - (0x56, 0xB4, 0xE9)).max(axis=1) < 8
    assert 0.2 < sky_blue.mean() < 0.9  # a broken line of the second class's colour
    legend = pixels[481:].reshape(-1, 3)
    assert (np.abs(legend - (0x56, 0xB4, 0xE9)).max(axis=1) < 8).sum() > 100


MISTAKES = {
    "no folder": (["labels", "nowhere"], 1, "no data set at nowhere: there is no such folder"),
    "a class twice": (["labels", "DIR", "--classes=red,red"], 2, "names red more than once"),
    "an empty class": (["labels", "DIR", "--classes=red,,a"], 2, "takes names with commas"),
    "a count": (["labels", "DIR", "--count=-1"], 2, "--count must be 0 or more"),
    "a share": (["labels", "DIR", "--validation-fraction=2"], 2, "must lie between 0 and 1"),
    "bad input": (["labels", "DIR", "--on-bad-input=refuse"], 1, "1 problems in the data set"),
    "a format": (["labels", "DIR", "--format=xml"], 2, "invalid choice: 'xml'"),
    "training nowhere": (["detector", "--data=nowhere", "--out=OUT"], 1, "no data set at nowhere"),
    "a class without boxes": (
        ["detector", "--data=DIR", "--out=OUT", "--classes=red,dog"],
        1,
        "--classes names dog, which no box to train on has; of those named, red has boxes",
    ),
    "a minimum": (
        ["detector", "--data=DIR", "--out=OUT", "--min-map=60"],
        2,
        "--min-map takes a share from 0 to 1",
    ),
    "weights": (
        ["detector", "--data=DIR", "--out=OUT", "--weights=nowhere.weights"],
        1,
        "no weights file at nowhere.weights",
    ),
    "an image size": (
        ["detector", "--data=DIR", "--out=OUT", "--image-size=100"],
        2,
        "image_size must be a multiple of 32",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_before_anything_is_loaded_or_made(
    folder: Path, without_tensorflow: dict[str, str], tmp_path: Path, mistake: str
) -> None:
    arguments, code, said = MISTAKES[mistake]
    places = {"DIR": str(folder), "OUT": str(tmp_path / "models")}
    given = list(arguments)
    for name, place in places.items():
        given = [argument.replace(name, place) for argument in given]
    ran = export(without_tensorflow, *given)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err and "Traceback" not in ran.err
    assert not (tmp_path / "models").exists()


def test_what_is_no_mistake_goes_on_to_load_tensorflow(
    folder: Path, without_tensorflow: dict[str, str], tmp_path: Path
) -> None:
    ran = export(without_tensorflow, "detector", "--data", folder, "--out", tmp_path / "models")
    assert ran.code == 99, ran.err
    assert "layout voc: 5 usable images" in ran.err


def test_the_result_is_one_line_of_json(shown: Ran) -> None:
    assert json.loads(shown.out) == shown.result
