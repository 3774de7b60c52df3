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

from tests import orientations

Side = Any
Write = Callable[..., Path]


def data_error(side: Side, *arguments: Any, **options: Any) -> str:
    kind, message = side.error_of("load_data", *arguments, **options)
    assert kind == "DataSetError"
    return str(message)


def voc_box(name: str, *edges: object) -> str:
    tags = zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True)
    return (
        f"<object><name>{name}</name><bndbox>"
        + "".join(f"<{tag}>{edge}</{tag}>" for tag, edge in tags)
        + "</bndbox></object>"
    )


def test_voc_and_coco_give_the_same_samples(
    side: Side, tmp_path: Path, write_voc: Write, write_coco: Write
) -> None:
    voc = side("load_data", str(write_voc(tmp_path / "voc")))
    coco = side("load_data", str(write_coco(tmp_path / "coco")))
    assert voc == coco
    assert voc["class_names"] == ("disc", "square")
    assert voc["problems"] == []
    assert (len(voc["training"]), len(voc["validation"])) == (9, 3)


def test_the_seed_decides_the_split(side: Side, tmp_path: Path, write_voc: Write) -> None:
    folder = str(write_voc(tmp_path / "voc"))
    first, again, other = (side("load_data", folder, seed=s)["validation"] for s in (0, 0, 1))
    assert first == again != other


def test_a_stated_split_is_kept(side: Side, tmp_path: Path, write_voc: Write) -> None:
    data = side("load_data", str(write_voc(tmp_path / "voc", split=10)))
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
    spoil(4, f"<annotation>{voc_box('disc', 'x', 9, 90, 60)}</annotation>", "the xmin 'x'")
    spoil(5, f"<annotation>{voc_box('dragon', 9, 9, 90, 60)}{good}</annotation>", "unknown class")
    spoil(6, f"<annotation>{voc_box('disc', 'nan', 9, 90, 60)}</annotation>", "not finite")
    (pictures / "image_07.jpg").unlink()
    expected["image_07"] = "no such image"
    (pictures / "image_08.jpg").write_bytes(b"no picture at all")
    expected["image_08.jpg"] = "not an image that can be decoded"
    (pictures / "image_09.jpg").write_bytes((pictures / "image_09.jpg").read_bytes()[:600])
    expected["image_09.jpg"] = "not an image that can be decoded"
    return folder, expected


@pytest.fixture(scope="module")
def skipping(side: Side, spoiled: tuple[Path, dict[str, str]]) -> dict[str, Any]:
    """What is read of the spoiled folder; ``samples`` are those of both splits by file name."""
    folder, _ = spoiled
    data = side("load_data", str(folder), class_names=["disc", "square"])
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
    usable = [f"image_{i:02d}.jpg" for i in (1, 2, 3, 4, 5, 6, 10, 11)]
    assert sorted(skipping["samples"]) == usable


@pytest.mark.parametrize("index", [1, 2, 5])
def test_the_good_box_beside_a_bad_one_stays(skipping: dict[str, Any], index: int) -> None:
    assert skipping["samples"][f"image_{index:02d}.jpg"][2] == [[9, 9, 50, 50]]


def test_a_box_that_reaches_outside_is_cut(skipping: dict[str, Any]) -> None:
    (height, width), boxes = skipping["samples"]["image_03.jpg"][1:3]
    assert boxes == [[8, 8, width, 60]]
    assert height in {120, 128, 160}


def test_bad_input_is_refused_when_asked(side: Side, spoiled: tuple[Path, dict[str, str]]) -> None:
    folder, expected = spoiled
    message = data_error(side, str(folder), class_names=["disc", "square"], on_bad_input="refuse")
    assert message.startswith(f"{len(expected)} problems in the data set:")
    assert all(file in message and reason in message for file, reason in expected.items())


def test_a_data_set_without_a_box_is_refused(side: Side, tmp_path: Path, write_voc: Write) -> None:
    folder = write_voc(tmp_path / "voc", count=4)
    for path in (folder / "Annotations").iterdir():
        path.write_text("<annotation/>")
    assert "has no box to train on: " in data_error(side, str(folder))


def test_difficult_and_crowd_are_ignored_not_background(
    side: Side, tmp_path: Path, write_voc: Write, write_coco: Write
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
    by_voc = side("load_data", str(voc))
    assert by_voc == side("load_data", str(coco))
    assert all(sample[4][0] for sample in by_voc["training"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d["annotations"][0].update(image_id=99), "no such image 99"),
        (lambda d: d["annotations"][0].update(category_id=3), "unknown class 3"),
        (lambda d: d["annotations"][0].update(bbox=[1, 2, 3]), "expected bbox of 4 numbers"),
        (lambda d: d["annotations"][0].update(bbox=[9, 9, 0, 5]), "has no area"),
        (lambda d: d["images"][0].pop("file_name"), "lacks id or file_name"),
        (lambda d: d["images"][0].update(file_name="gone.jpg"), "no such image"),
    ],
)
def test_bad_coco_entries_are_named(
    side: Side, tmp_path: Path, write_coco: Write, change: Callable[[Any], Any], reason: str
) -> None:
    folder = write_coco(tmp_path / "coco", count=6)
    document = json.loads((folder / "labels.json").read_text())
    change(document)
    (folder / "labels.json").write_text(json.dumps(document))
    problems = side("load_data", str(folder))["problems"]
    assert any(reason in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("text", "reason"),
    [('{"images": [', "is broken JSON"), ('{"images": []}', "is no COCO file"), ("[]", "no COCO")],
)
def test_a_broken_json_is_refused(side: Side, tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "labels.json").write_text(text)
    assert reason in data_error(side, str(tmp_path), "coco")


def test_a_folder_of_neither_format(side: Side, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").touch()
    message = data_error(side, str(tmp_path))
    assert "neither Pascal VOC nor COCO (it holds holiday.txt)" in message
    assert "--format voc or --format coco" in message


def test_letterbox_keeps_the_shape_and_centres(side: Side) -> None:
    image = np.full((30, 60, 3), 200, np.uint8)
    square = side("boxed", image, 96)
    assert square.shape == (96, 96, 3)
    assert (square[24:72] == 200).all()
    assert (square[:24] == 127.5).all() and (square[72:] == 127.5).all()
    batch = side("boxed", np.stack([image, image]), 96)
    np.testing.assert_array_equal(batch, np.stack([square, square]))


@pytest.mark.parametrize(("height", "width"), [(480, 640), (333, 100), (1, 4000), (17, 17)])
def test_boxes_come_back_from_the_letterbox(side: Side, height: int, width: int) -> None:
    box = [0.1 * width, 0.2 * height, 0.7 * width, 0.9 * height]
    found = side("there_and_back", box, height, width, 416)
    np.testing.assert_allclose(found, box, rtol=1e-4, atol=1e-3)


def painted() -> tuple[np.ndarray, np.ndarray]:
    """Return a black square image with one white rectangle, and its box."""
    pixels = np.zeros((64, 64, 3), np.float32)
    pixels[20:36, 12:44] = 255
    return pixels, np.array([[12, 20, 44, 36]], np.float32)


def box_of_white(pixels: np.ndarray) -> list[int]:
    rows, columns = np.nonzero((pixels > 200).all(axis=-1))
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(
    ("flips", "expected"),
    [
        ((False, False), [12, 20, 44, 36]),
        ((True, False), [20, 20, 52, 36]),
        ((False, True), [12, 28, 44, 44]),
        ((True, True), [20, 28, 52, 44]),
    ],
)
def test_a_flip_moves_pixels_and_boxes_together(
    side: Side, flips: tuple[bool, bool], expected: list[int]
) -> None:
    pixels, boxes = side("flipped", *painted(), *flips)
    assert boxes.tolist() == [expected] == [box_of_white(pixels)]


def mirrored(pixels: np.ndarray) -> tuple[bool, bool]:
    """Tell on which side of its box the red is, and on which the blue: mirrored or not."""
    rows, columns = np.nonzero(pixels[..., 1] < pixels.max(axis=-1) * 0.7)
    red = pixels[rows, columns, 0] > pixels[rows, columns, 2]
    assert red.any() and (~red).any()
    return (
        bool(columns[red].mean() > columns[~red].mean()),
        bool(rows[red].mean() > rows[~red].mean()),
    )


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("none", {(False, False)}),
        ("horizontal", {(False, False), (True, False)}),
        ("both", {(False, False), (True, False), (False, True), (True, True)}),
    ],
)
def test_only_the_allowed_mirror_images_are_drawn(
    side: Side, mirror: str, expected: set[tuple[bool, bool]]
) -> None:
    pixels = np.full((64, 64, 3), 127.0, np.float32)
    pixels[20:28, 20:28] = (255, 0, 0)  # above and to the left of the blue
    pixels[36:44, 36:44] = (0, 0, 255)
    boxes = np.array([[20, 20, 44, 44]], np.float32)
    seen = {mirrored(side("random_change", pixels, boxes, n, mirror=mirror)[0]) for n in range(40)}
    assert seen == expected


@pytest.mark.parametrize(
    ("scale", "shift"),
    [(1.0, [8.0, -4.0]), (1.5, [0.0, 0.0]), (0.5, [3.0, 5.0]), (1.25, [-6.0, 9.0])],
)
def test_scaling_moves_pixels_and_boxes_together(
    side: Side, scale: float, shift: list[float]
) -> None:
    pixels, boxes, classes = side("moved", *painted(), np.array([3]), scale, shift)
    assert classes.tolist() == [3]
    np.testing.assert_allclose(boxes[0], box_of_white(pixels), atol=1.0)


def test_what_is_moved_out_of_sight_is_no_longer_asked_for(side: Side) -> None:
    _, boxes, classes = side("moved", *painted(), np.array([3]), 1.0, [60.0, 0.0])
    assert classes.tolist() == [-1]
    assert (boxes >= 0).all() and (boxes <= 64).all()


def test_the_seed_decides_the_augmentation(side: Side) -> None:
    one, same, other = (side("random_change", *painted(), seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one[0], same[0])
    np.testing.assert_array_equal(one[1], same[1])
    assert not np.array_equal(one[0], other[0])
    assert one[0].min() >= 0 and one[0].max() <= 255


@pytest.mark.parametrize(("most", "smallest", "largest"), [(1.0, 1.0, 1.0), (1.2, 0.83, 1.2)])
def test_sizes_change_by_no_more_than_allowed(
    side: Side, most: float, smallest: float, largest: float
) -> None:
    pixels, boxes = painted()
    boxes[0] = (28, 28, 36, 36)  # never cut by the border
    sides = []
    for seed in range(20):
        xmin, _, xmax, _ = side("random_change", pixels, boxes, seed, max_scale=most)[1][0]
        sides.append((xmax - xmin) / 8)
    assert smallest - 0.01 <= min(sides) and max(sides) <= largest + 0.01
    assert max(sides) - min(sides) >= (largest - smallest) / 2


def test_training_batches_are_reproducible_and_change_each_epoch(
    side: Side, tmp_path: Path, write_voc: Write
) -> None:
    folder = str(write_voc(tmp_path / "voc", count=12))
    first, again = side("batches", folder, 1, True), side("batches", folder, 1, True)
    for one, two in zip(first, again, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])
    half = len(first) // 2
    assert not np.array_equal(first[0]["pixels"], first[half]["pixels"])
    assert {b["pixels"].shape[1:] for b in first} == {(64, 64, 3)}


def test_no_epoch_waits_for_the_tuner_of_the_one_before(
    side: Side, tmp_path: Path, write_voc: Write
) -> None:
    assert side("tuners", str(write_voc(tmp_path / "voc", count=8))) == [False, False]


# Drawn on the stored side of 2 to 4, nothing tells that the boxes are not upright: the size is one.
@pytest.mark.parametrize(
    ("drawn_on", "orientation"),
    [*(("upright", number) for number in range(1, 9)), *(("stored", n) for n in (1, 5, 6, 7, 8))],
)
def test_boxes_stand_upright_whichever_side_they_were_drawn_on(
    side: Side, tmp_path: Path, drawn_on: str, orientation: int
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
    data = side("load_data", str(tmp_path))
    for _, size, boxes, *_ in (*data["training"], *data["validation"]):
        assert size == (60, 90)
        np.testing.assert_allclose(boxes, [[10, 5, 40, 25]], atol=2)
