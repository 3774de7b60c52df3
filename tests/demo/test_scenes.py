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


def test_the_files_are_pascal_voc(data: Path) -> None:
    lists = {
        name: (data / "training" / "ImageSets" / "Main" / f"{name}.txt").read_text().split()
        for name in ("train", "val")
    }
    assert {name: len(names) for name, names in lists.items()} == {"train": 12, "val": 4}
    assert len(list((data / "test" / "JPEGImages").iterdir())) == 4
    labels = set()
    for folder, names in (("training", lists["train"] + lists["val"]), ("test", ["test_000"])):
        for name in names:
            with Image.open(data / folder / "JPEGImages" / f"{name}.jpg") as picture:
                assert picture.size == SCENE_SIZE
                pixels = np.asarray(picture.convert("L"))
            file = data / folder / "Annotations" / f"{name}.xml"
            root = ElementTree.parse(file).getroot()  # noqa: S314  # just written
            assert root.findall("object")
            for one in root.iter("object"):
                labels.add(one.findtext("name"))
                xmin, ymin, xmax, ymax = (
                    int(one.findtext(f"bndbox/{edge}") or "")
                    for edge in ("xmin", "ymin", "xmax", "ymax")
                )
                # VOC counts from 1 and includes the last pixel: ink at all four sides, through
                # the JPEG too.
                inside = pixels[ymin - 1 : ymax, xmin - 1 : xmax]
                assert inside.shape == (ymax - ymin + 1, xmax - xmin + 1)
                assert inside.min() < 60
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
