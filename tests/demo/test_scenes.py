"""The detector's demo data: exact boxes, nothing shared between the parts, the same every time."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.digits import write_data_sets
from demo.scenes import SCENE_SIZE, PlacedDigit, Scan, compose, ink_of, split, stick_notes

INK_BELOW, PAPER_FROM = 51, 215  # tones; between them lies an edge of a stroke
VISIBLE_BELOW = (50 + 255) / 2 + 1


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("digits")
    write_data_sets(directory, training=12, held_out=4)
    return directory


def test_the_ink_lies_in_its_box_and_touches_its_sides() -> None:
    scans = split(0)["train"].scans
    for number in range(20):
        draw = random.Random(number)  # noqa: S311
        # Red is neither paper nor ink, so all that is not red is a note.
        red = Image.new("RGB", SCENE_SIZE, (255, 0, 0))
        digits = stick_notes(red, scans[4 * number : 4 * number + 4], draw)
        assert 2 <= len(digits) <= 4
        pixels = np.asarray(red)
        note = pixels[:, :, 1] > 0
        strokes = pixels.max(axis=2) < PAPER_FROM
        for digit in digits:
            left, top, right, bottom = digit.box
            inside = pixels[top:bottom, left:right].max(axis=2)
            for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
                assert side.min() < VISIBLE_BELOW, f"{digit} is larger than its ink"
            assert inside.min() < INK_BELOW
            # A margin of clean paper all around: the box cuts nothing off.
            around = np.zeros_like(strokes)
            around[top - 2 : bottom + 2, left - 2 : right + 2] = True
            around[top:bottom, left:right] = False
            assert note[around].all() and not strokes[around].any()
            strokes[top:bottom, left:right] = False
        assert not strokes[note].any(), "ink outside every box"


def test_a_scan_keeps_its_shape() -> None:
    pixels = np.zeros((8, 8))
    pixels[1:7, 3:5] = 16.0  # a thick stroke, like a one
    ink = np.asarray(ink_of(pixels, 64))
    height, width = ink.shape
    assert 44 <= height <= 56 and 12 <= width <= 24
    assert ink[height // 2, width // 2] == 255


def test_no_scan_and_no_photograph_in_two_parts() -> None:
    parts = split(0)
    scans = [{scan.pixels.tobytes() for scan in part.scans} for part in parts.values()]
    photographs = [{p.tobytes() for p in part.photographs} for part in parts.values()]
    for sets in (scans, photographs):
        assert len(set.union(*sets)) == sum(map(len, sets))
    assert sum(map(len, scans)) == 1797
    for part in parts.values():
        assert {scan.label for scan in part.scans} == set("0123456789")


def test_each_scan_is_used_before_any_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[bytes] = []

    def note(_: Image.Image, scans: list[Scan], __: random.Random) -> list[PlacedDigit]:
        used.extend(scan.pixels.tobytes() for scan in scans)
        return []

    monkeypatch.setattr("demo.scenes.stick_notes", note)
    part = split(0)["val"]
    list(compose(part, 60, random.Random(0)))  # noqa: S311
    assert len(used) == len(set(used)) <= len(part.scans)


@pytest.fixture(scope="module")
def lists(data: Path) -> dict[str, list[str]]:
    """The names of the scenes that are trained on and validated with."""
    folder = data / "training" / "ImageSets" / "Main"
    return {name: (folder / f"{name}.txt").read_text().split() for name in ("train", "val")}


@pytest.fixture(scope="module")
def written(data: Path, lists: dict[str, list[str]]) -> list[tuple[Path, Path]]:
    """The picture and the annotation of every scene that is trained on, and of one held out."""
    scenes = [("training", name) for name in lists["train"] + lists["val"]] + [("test", "test_000")]
    return [
        (
            data / folder / "JPEGImages" / f"{name}.jpg",
            data / folder / "Annotations" / f"{name}.xml",
        )
        for folder, name in scenes
    ]


def objects_in(annotation: Path) -> list[ElementTree.Element]:
    return ElementTree.parse(annotation).getroot().findall("object")  # noqa: S314  # just written


def test_a_quarter_is_validated_with_and_the_test_scenes_are_apart(
    data: Path, lists: dict[str, list[str]]
) -> None:
    assert {name: len(names) for name, names in lists.items()} == {"train": 12, "val": 4}
    assert len(list((data / "test" / "JPEGImages").iterdir())) == 4


def test_every_picture_is_as_large_as_a_scene(written: list[tuple[Path, Path]]) -> None:
    for picture, _ in written:
        with Image.open(picture) as opened:
            assert opened.size == SCENE_SIZE


def test_every_picture_has_objects(written: list[tuple[Path, Path]]) -> None:
    for _, annotation in written:
        assert objects_in(annotation)


def test_a_box_is_the_ink_of_its_digit(written: list[tuple[Path, Path]]) -> None:
    for picture, annotation in written:
        with Image.open(picture) as opened:
            pixels = np.asarray(opened.convert("L"))
        for one in objects_in(annotation):
            xmin, ymin, xmax, ymax = (
                int(one.findtext(f"bndbox/{edge}") or "")
                for edge in ("xmin", "ymin", "xmax", "ymax")
            )
            # VOC counts from 1 and includes the last pixel: ink at all four sides, through
            # the JPEG too.
            inside = pixels[ymin - 1 : ymax, xmin - 1 : xmax]
            assert inside.shape == (ymax - ymin + 1, xmax - xmin + 1)
            assert inside.min() < 60


def test_the_labels_are_digits_most_of_them_used(written: list[tuple[Path, Path]]) -> None:
    labels = {one.findtext("name") for _, annotation in written for one in objects_in(annotation)}
    assert labels <= set("0123456789") and len(labels) >= 8


def test_the_same_seed_writes_the_same_files(data: Path, tmp_path: Path) -> None:
    write_data_sets(tmp_path / "again", training=12, held_out=4)
    write_data_sets(tmp_path / "more", training=14, held_out=4)
    write_data_sets(tmp_path / "other", training=12, held_out=4, seed=1)

    def content(directory: Path) -> dict[str, bytes]:
        return {
            path.relative_to(directory).as_posix(): path.read_bytes()
            for path in directory.rglob("*")
            if path.is_file()
        }

    assert content(tmp_path / "again") == content(data)
    assert content(tmp_path / "more" / "test") == content(data / "test")
    assert content(tmp_path / "other") != content(data)
