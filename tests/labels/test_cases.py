"""Folders as people have sent them, each of which was once refused, misread or ended a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export.labels.samples import DetectionData
from serving_config import image_files
from tests.labels.reading import load

CASES = Path(__file__).parent / "cases"
# Layout, images of the parts, problems; and what a problem or a note must say.
EXPECTED: dict[str, tuple[str, tuple[int, int, int], int, str]] = {
    "c_annimg_list": (
        "coco",
        (3, 1, 0),
        4,
        "annotations.json:1: annotation 1: expected an image_id",
    ),
    "c_backslash": ("coco", (3, 1, 0), 0, ""),
    "c_bbox_norm": ("coco", (0, 0, 0), 4, "is a fraction where pixels are expected"),
    "c_bom": ("coco", (3, 1, 0), 0, ""),
    "c_catid_list": ("coco", (0, 0, 0), 5, "expected a category with a number as id and a name"),
    "c_dupimgid": ("coco", (1, 1, 0), 2, "two images have the id 0, 'im0.jpg' and 'im1.jpg'"),
    "c_fiftyone": ("coco", (3, 1, 0), 0, ""),
    "c_filename_null": ("coco", (0, 0, 0), 8, "expected an image with an id and a file_name"),
    "c_labelstudio": ("coco", (3, 1, 0), 0, ""),
    "c_mixedcattypes": ("coco", (3, 1, 0), 0, ""),
    "c_rf_train_test": ("coco", (3, 1, 4), 0, ""),
    "c_segonly": ("coco", (3, 1, 0), 0, "4 outlines without a box, the box around is used"),
    "c_train_only": ("coco", (3, 1, 0), 0, ""),
    "c_urlesc": ("coco", (3, 1, 0), 0, ""),
    "c_whsize": ("coco", (0, 0, 0), 4, "is 80x100 according to this file and 100x80 in truth"),
    "v_case_names": ("voc", (3, 1, 0), 1, "'CELL' (1), 'Cell' (1), 'cell' (6)"),
    "v_exif": ("voc", (4, 0, 0), 1, "copies of one file: none can be held out"),
    "v_flat": ("voc", (3, 1, 0), 0, ""),
    "v_negatives": ("voc", (5, 2, 0), 0, "3 images have no XML file and count as images without"),
    "v_roboflow": ("voc", (4, 4, 4), 0, ""),
    "v_spaces": ("voc", (3, 1, 0), 0, ""),
    "v_wrongsize": ("voc", (0, 0, 0), 4, "is 80x100 according to this file and 100x80 in truth"),
    "y_rf": ("yolo", (3, 3, 3), 0, ""),
    "y_ultra": ("yolo", (3, 3, 0), 0, ""),
}
# The pictures of these are grey all over.
GREY = ("c_rf_train_test", "y_rf", "y_ultra")
WITH_A_BOX_ON_RED = [
    name for name, (_, _, problems, _) in EXPECTED.items() if not problems and name not in GREY
]


def read(name: str) -> DetectionData:
    return load(CASES / name, need_objects=False)


def test_every_case_is_here() -> None:
    assert sorted(EXPECTED) == sorted(path.name for path in CASES.iterdir())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_case_is_read_or_named(name: str) -> None:
    layout, images, problems, said = EXPECTED[name]
    data = read(name)
    assert data.layout == layout
    assert tuple(len(samples) for samples in data.parts.values()) == images
    assert len(data.problems) == problems, data.problems
    assert any(said in text for text in [*map(str, data.problems), *data.notes, ""])


def share_of_red(path: Path, box: Any) -> float:
    """Return how much of a box is red, of the pixels as they are served."""
    pixels = image_files.decode(path.read_bytes()).astype(int)
    xmin, ymin, xmax, ymax = (round(float(edge)) for edge in box)
    inside = pixels[ymin:ymax, xmin:xmax]
    return float(np.mean((inside[..., 0] > 150) & (inside[..., 1] < 120)))


@pytest.mark.parametrize("name", [*WITH_A_BOX_ON_RED, "v_exif"])
def test_the_boxes_lie_on_what_is_red(name: str) -> None:
    """In each of these pictures one box was drawn around something red."""
    data = read(name)
    with_boxes = [sample for sample in data.samples if len(sample.boxes)]
    assert len(with_boxes) == len(data.samples) - (3 if name == "v_negatives" else 0)
    for sample in with_boxes:
        assert max(share_of_red(sample.path, box) for box in sample.boxes) > 0.85, sample


def test_classes_say_which_name_stands_for_all() -> None:
    data = load(CASES / "v_case_names", class_names=["cell"])
    assert data.class_names == ("cell",)
    assert sum(len(sample.boxes) for sample in data.samples) == 8
    assert not data.problems


@pytest.mark.parametrize("name", GREY)
def test_the_boxes_of_grey_pictures_are_those_of_the_files(name: str) -> None:
    for sample in read(name).samples:
        np.testing.assert_allclose(
            sample.boxes, [[10, 8, 50, 56]] if name[0] == "y" else [[10, 10, 50, 60]]
        )


@pytest.mark.parametrize("name", ["c_segonly", "c_urlesc", "v_spaces", "y_rf"])
def test_what_is_asked_for_by_its_layout_is_the_same(name: str) -> None:
    found = read(name)
    named = load(CASES / name, found.layout, need_objects=False)
    assert [s.path for s in named.samples] == [s.path for s in found.samples]


def test_a_picture_that_lies_is_read_upright() -> None:
    (sample, *_) = read("v_exif").samples
    with Image.open(sample.path) as stored:
        assert stored.size == (sample.height, sample.width) == (100, 80)
