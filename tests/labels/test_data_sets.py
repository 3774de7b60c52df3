"""Data sets: two formats, one answer; everything bad is named."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export.labels import layouts
from tests import orientations
from tests.labels.reading import read, refusal

Write = Callable[..., Path]


def voc_box(name: str, *edges: object) -> str:
    tags = zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True)
    return (
        f"<object><name>{name}</name><bndbox>"
        + "".join(f"<{tag}>{edge}</{tag}>" for tag, edge in tags)
        + "</bndbox></object>"
    )


def test_voc_and_coco_give_the_same_samples(
    tmp_path: Path, write_voc: Write, write_coco: Write
) -> None:
    voc = read(str(write_voc(tmp_path / "voc")))
    coco = read(str(write_coco(tmp_path / "coco")))
    assert voc == coco
    assert voc["class_names"] == ("disc", "square")
    assert voc["problems"] == []
    assert (len(voc["training"]), len(voc["validation"])) == (9, 3)


def test_the_seed_decides_the_split(tmp_path: Path, write_voc: Write) -> None:
    folder = str(write_voc(tmp_path / "voc"))
    first, again, other = (read(folder, seed=s)["validation"] for s in (0, 0, 1))
    assert first == again != other


def test_a_stated_split_is_kept(tmp_path: Path, write_voc: Write) -> None:
    data = read(str(write_voc(tmp_path / "voc", split=10)))
    assert [sample[0] for sample in data["validation"]] == ["image_10.jpg", "image_11.jpg"]


@pytest.fixture(scope="module")
def spoiled(
    tmp_path_factory: pytest.TempPathFactory, write_voc: Write
) -> tuple[Path, dict[str, str]]:
    """A VOC folder with one thing of each kind wrong, and what each must be called."""
    folder = write_voc(tmp_path_factory.mktemp("spoiled") / "voc", count=12)
    notes, pictures = folder / "Annotations", folder / "JPEGImages"
    expected = {}

    def spoil(index: int, xml: str, reason: str) -> None:
        path = notes / f"image_{index:02d}.xml"
        path.write_text(xml)
        expected[path.name] = reason

    good = voc_box("disc", 10, 10, 50, 50)
    spoil(0, "<annotation><object>", "broken XML")
    spoil(1, f"<annotation>{voc_box('disc', 30, 30, 30, 60)}{good}</annotation>", "has no area")
    spoil(2, f"<annotation>{voc_box('disc', 900, 9, 990, 60)}{good}</annotation>", "lies outside")
    spoil(3, f"<annotation>{voc_box('disc', 9, 9, 990, 60)}</annotation>", "reaches outside")
    spoil(
        4,
        f"<annotation>{voc_box('disc', 'x', 9, 90, 60)}</annotation>",
        "the xmin of disc: 'x' is no number",
    )
    notes.joinpath("image_05.xml").write_text(
        f"<annotation>{voc_box('dragon', 9, 9, 90, 60)}{good}</annotation>"
    )
    spoil(6, f"<annotation>{voc_box('disc', 'nan', 9, 90, 60)}</annotation>", "'nan' is not finite")
    (pictures / "image_07.jpg").unlink()
    expected["image_07"] = "no such image"
    (pictures / "image_08.jpg").write_bytes(b"no picture at all")
    expected["image_08.jpg"] = "no image, whatever its name says"
    (pictures / "image_09.jpg").write_bytes((pictures / "image_09.jpg").read_bytes()[:600])
    expected["image_09.jpg"] = "the JPEG file is broken"
    return folder, expected


@pytest.fixture(scope="module")
def skipping(spoiled: tuple[Path, dict[str, str]]) -> dict[str, Any]:
    """What is read of the spoiled folder; ``samples`` are those of both splits by file name."""
    folder, _ = spoiled
    data = read(str(folder), class_names=["disc", "square"])
    samples = {sample[0]: sample for sample in data["training"] + data["validation"]}
    return {**data, "samples": samples}


def test_bad_input_is_named_with_the_reason(
    skipping: dict[str, Any], spoiled: tuple[Path, dict[str, str]]
) -> None:
    _, expected = spoiled
    for file, reason in expected.items():
        assert any(file in p and reason in p for p in skipping["problems"]), (file, reason)
    assert len(skipping["problems"]) == len(expected)


def test_an_image_that_cannot_be_used_is_skipped(skipping: dict[str, Any]) -> None:
    # 4 and 6 have an object each that nobody can read: they are no images without any.
    usable = [f"image_{i:02d}.jpg" for i in (1, 2, 3, 5, 10, 11)]
    assert sorted(skipping["samples"]) == usable


@pytest.mark.parametrize("index", [1, 2, 5])
def test_the_good_box_beside_a_bad_one_stays(skipping: dict[str, Any], index: int) -> None:
    assert skipping["samples"][f"image_{index:02d}.jpg"][2] == [[9, 9, 50, 50]]


def test_a_box_that_reaches_outside_is_cut(skipping: dict[str, Any]) -> None:
    (height, width), boxes = skipping["samples"]["image_03.jpg"][1:3]
    assert boxes == [[8, 8, width, 60]]
    assert height in {120, 128, 160}


def test_bad_input_is_refused_when_asked(spoiled: tuple[Path, dict[str, str]]) -> None:
    folder, expected = spoiled
    message = refusal(str(folder), class_names=["disc", "square"], on_bad_input="refuse")
    assert message.startswith(f"{len(expected)} problems in the data set:")
    assert all(file in message and reason in message for file, reason in expected.items())


def test_a_data_set_without_a_box_is_refused(tmp_path: Path, write_voc: Write) -> None:
    folder = write_voc(tmp_path / "voc", count=4)
    for path in (folder / "Annotations").iterdir():
        path.write_text("<annotation/>")
    assert "has no box to train on: " in refusal(str(folder))


def test_difficult_and_crowd_are_ignored_not_background(
    tmp_path: Path, write_voc: Write, write_coco: Write
) -> None:
    voc, coco = write_voc(tmp_path / "voc"), write_coco(tmp_path / "coco")
    for path in (voc / "Annotations").iterdir():
        text = path.read_text().replace("</name>", "</name><difficult>1</difficult>", 1)
        path.write_text(text)
    document = json.loads((coco / "labels.json").read_text())
    first = {}
    for entry in document["annotations"]:
        entry["iscrowd"] = int(first.setdefault(entry["image_id"], entry) is entry)
    (coco / "labels.json").write_text(json.dumps(document))
    by_voc = read(str(voc))
    assert by_voc == read(str(coco))
    assert all(sample[4][0] for sample in by_voc["training"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d["annotations"][0].update(image_id=99), "no such image 99"),
        (lambda d: d["annotations"][0].update(category_id=3), "unknown class 3"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3]), "expected bbox of 4 numbers"),
        (lambda d: d["annotations"][0].update(bbox=[9, 9, 0, 5]), "has no area"),
        (lambda d: d["images"][0].pop("file_name"), "expected an image with an id and a file_name"),
        (lambda d: d["images"][0].update(file_name="gone.jpg"), "no such image"),
    ],
)
def test_bad_coco_entries_are_named(
    tmp_path: Path, write_coco: Write, change: Callable[[Any], Any], reason: str
) -> None:
    folder = write_coco(tmp_path / "coco", count=6)
    document = json.loads((folder / "labels.json").read_text())
    change(document)
    (folder / "labels.json").write_text(json.dumps(document))
    problems = read(str(folder))["problems"]
    assert any(reason in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"images": [', "labels.json:1: broken JSON"),
        ('{"images": []}', "is no COCO file"),
        ("[]", "no COCO"),
    ],
)
def test_a_broken_json_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "labels.json").write_text(text)
    assert reason in refusal(str(tmp_path), "coco")


def test_a_folder_of_neither_format(tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").touch()
    message = refusal(str(tmp_path))
    assert "It holds 1 files with .txt" in message
    for layout in layouts.LAYOUTS.values():
        assert layout.description in message


# Drawn on the stored side of 2 to 4, nothing tells that the boxes are not upright: the size is one.
@pytest.mark.parametrize(
    ("drawn_on", "orientation"),
    [*(("upright", number) for number in range(1, 9)), *(("stored", n) for n in (1, 5, 6, 7, 8))],
)
def test_boxes_stand_upright_whichever_side_they_were_drawn_on(
    tmp_path: Path, drawn_on: str, orientation: int
) -> None:
    upright = Image.new("RGB", (90, 60), (40, 40, 40))
    upright.paste((250, 20, 20), (10, 5, 40, 25))
    file = orientations.lying(upright, orientation)
    with Image.open(io.BytesIO(file)) as stored:
        shown = upright if drawn_on == "upright" else stored.convert("RGB")
    edges = (np.asarray(shown)[..., 0] > 150).nonzero()
    (ymin, xmin), (ymax, xmax) = (map(int, limit(edges, axis=1)) for limit in (np.min, np.max))
    for folder in ("Annotations", "JPEGImages"):
        (tmp_path / folder).mkdir()
    for number in range(2):
        (tmp_path / "JPEGImages" / f"{number}.jpg").write_bytes(file)
        (tmp_path / "Annotations" / f"{number}.xml").write_text(
            f"<annotation><size><width>{shown.width}</width><height>{shown.height}</height></size>"
            + voc_box("red", xmin + 1, ymin + 1, xmax + 1, ymax + 1)
            + "</annotation>"
        )
    data = read(tmp_path, need_objects=False)  # two copies of one file: none can be held out
    for _, size, boxes, *_ in (*data["training"], *data["validation"]):
        assert size == (60, 90)
        np.testing.assert_allclose(boxes, [[10, 5, 40, 25]], atol=2)
