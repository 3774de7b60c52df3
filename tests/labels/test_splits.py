"""Parts hold: what is held out is not trained on, and what was trained on does not measure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.errors import DataSetError
from export.labels import recorded
from export.labels.samples import DetectionData
from signature_contract.version_files import RUN_FILE, extra
from tests.labels.reading import load, read
from tests.labels.writing import picture, voc


def write(folder: Path, parts: dict[str, str]) -> Path:
    """Write pictures into folders of parts; a letter is always the same picture."""
    for part, letters in parts.items():
        for letter in letters:
            picture(folder / part / f"{part}_{letter}.jpg", ord(letter))
            voc(folder / part / f"{part}_{letter}.xml", f"{part}_{letter}.jpg")
    return folder


def letters(data: DetectionData) -> dict[str, str]:
    return {
        part: "".join(sorted(sample.path.stem[-1] for sample in samples))
        for part, samples in data.parts.items()
    }


def test_what_is_held_out_under_another_name_is_not_trained_on(tmp_path: Path) -> None:
    data = load(write(tmp_path, {"train": "abcd", "valid": "cef", "test": "dg"}))
    assert letters(data) == {"training": "ab", "validation": "cef", "test": "dg"}
    first, second = map(str, data.problems)
    assert "train_c.jpg: the same content is held out as valid/valid_c.jpg" in first
    assert "train_d.jpg: the same content is held out as test/test_d.jpg" in second


def test_parts_that_are_the_same_are_no_split(tmp_path: Path) -> None:
    data = load(write(tmp_path, {"train": "abcd", "val": "abcd"}))
    found = letters(data)
    assert sorted(found["training"] + found["validation"]) == list("abcd")
    assert found["validation"] and not set(found["training"]) & set(found["validation"])
    assert any("what is held out are the same images" in str(p) for p in data.problems)


def test_copies_stay_on_one_side_of_a_random_split(tmp_path: Path) -> None:
    write(tmp_path, {"one": "abcdefgh", "two": "abcdefgh"})
    for seed in range(5):
        data = load(tmp_path, seed=seed)
        found = letters(data)
        assert found["validation"] and not set(found["training"]) & set(found["validation"])
        assert any("have the same content (and 7 more pairs)" in note for note in data.notes)


def test_near_duplicates_in_different_parts_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path, {"train": "a", "val": "b"})
    smooth = Image.fromarray(np.random.default_rng(3).integers(0, 255, (6, 8, 3), np.uint8))
    for part, size in (("train", (64, 48)), ("val", (96, 72))):
        smooth.resize(size).save(folder / part / f"{part}_n.jpg", quality=90)
    data = load(folder)
    (pair,) = data.repeats["across_split"]["pairs"]
    assert sorted(pair) == ["near", "train/train_n.jpg", "val/val_n.jpg"]


def test_an_image_that_is_listed_twice_has_the_boxes_of_both_entries(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / "images" / f"{number}.jpg", number)
    document = {
        "images": [{"id": i, "file_name": f"{min(i, 1)}.jpg"} for i in range(3)],
        "annotations": [
            {"id": 1, "image_id": i, "category_id": 1, "bbox": [5 * i, 5, 20, 20]} for i in range(3)
        ],
        "categories": [{"id": 1, "name": "red"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    found = read(tmp_path)
    (problem,) = found["problems"]
    assert "images/1.jpg is listed twice" in problem
    boxes = {name: boxes for name, _, boxes, *_ in found["training"] + found["validation"]}
    assert boxes == {"0.jpg": [[0, 5, 20, 25]], "1.jpg": [[5, 5, 25, 25], [10, 5, 30, 25]]}


@pytest.fixture
def trained_on(tmp_path: Path) -> tuple[Path, Path]:
    """A data set, and the folder of a version with the record of a training on it."""
    home = write(tmp_path / "data", {"train": "abcd", "valid": "efg", "test": "hi"})
    version = tmp_path / "models" / "detector" / "1"
    run_file = extra(version, RUN_FILE)
    run_file.parent.mkdir(parents=True)
    run_file.write_text(json.dumps({"data": recorded.data_record(home, load(home))}))
    return home, version


def chosen(version: Path, folder: Path, part: str | None = None) -> tuple[str, str]:
    data = load(folder, need_objects=False)
    name, samples = recorded.choose(data, folder, recorded.read(version), part)
    return name, "".join(sorted(sample.path.stem[-1] for sample in samples))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (None, ("validation", "efg")),
        ("validation", ("validation", "efg")),
        ("training", ("training", "abcd")),
        ("test", ("test", "hi")),
    ],
)
def test_a_version_is_measured_on_what_its_run_held_out(
    trained_on: tuple[Path, Path], part: str | None, expected: tuple[str, str]
) -> None:
    home, version = trained_on
    assert chosen(version, home, part) == expected


def test_training_images_are_refused_unless_asked_for(trained_on: tuple[Path, Path]) -> None:
    home, version = trained_on
    with pytest.raises(DataSetError, match=r"4 of 9 images were trained on.*--part training"):
        chosen(version, home, "all")


def test_images_are_known_by_content_wherever_they_lie_now(
    trained_on: tuple[Path, Path], tmp_path: Path
) -> None:
    home, version = trained_on
    other = write(tmp_path / "other", {"mixed": "aexyz"})
    assert chosen(version, other) == ("validation", "e")
    assert chosen(version, other, "training") == ("training", "a")
    with pytest.raises(DataSetError, match="1 of 5 images were trained on by this version"):
        chosen(version, other, "all")
    shutil.rmtree(home)
    new = write(tmp_path / "new", {"train": "vwx", "test": "yz"})
    assert chosen(version, new) == ("test", "yz")
    assert chosen(version, new, "all") == ("all", "vwxyz")
    with pytest.raises(DataSetError, match=r"none of the images that its run held out.*all"):
        chosen(version, new, "validation")


def test_older_records_know_images_by_name(trained_on: tuple[Path, Path]) -> None:
    home, version = trained_on
    run_file = extra(version, RUN_FILE)
    document = json.loads(run_file.read_text())
    del document["data"]["contents"]
    run_file.write_text(json.dumps(document))
    assert chosen(version, home) == ("validation", "efg")
    run_file.unlink()
    assert chosen(version, home) == ("validation", "efg")  # the data set's own, and a warning
