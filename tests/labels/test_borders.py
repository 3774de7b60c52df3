"""What was found by giving the reader other people's folders: each kind by itself."""

from __future__ import annotations

import json
import math
import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import DataSetError
from tests.labels.reading import load, read, refusal
from tests.labels.writing import BOX, SIZE, picture, voc
from tests.running import run_export

XMIN, YMIN, XMAX, YMAX = BOX
WIDTH, HEIGHT = SIZE
LINE = (
    f"{(XMIN + XMAX) / 2 / WIDTH} {(YMIN + YMAX) / 2 / HEIGHT} "
    f"{(XMAX - XMIN) / WIDTH} {(YMAX - YMIN) / HEIGHT}"
)


def write(path: Path, content: Any) -> Path:
    """Write a text, or JSON; make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def seed(text: str, number: int) -> int:
    return zlib.crc32(f"{text} {number}".encode()) % 1000


def yolo(root: Path, images: str, labels: str, label: int = 0, count: int = 2) -> None:
    """Write pictures and their text files."""
    for number in range(count):
        picture(root / images / f"{number}.jpg", seed(images, number))
        write(root / labels / f"{number}.txt", f"{label} {LINE}\n")


def classes_by_folder(root: Path, **options: Any) -> dict[str, set[str]]:
    """Return the classes whose boxes lie on the pictures of each folder."""
    data = load(root, need_objects=False, **options)
    found: dict[str, set[str]] = {}
    for sample in data.samples:
        names = {data.class_names[label] for label in sample.classes}
        found.setdefault(sample.path.parent.relative_to(root).as_posix(), set()).update(names)
    return found


def parts(root: Path) -> dict[str, list[str]]:
    """Return the names of the pictures of each part; nothing may be wrong."""
    found = read(root, need_objects=False)
    assert not found["problems"]
    return {
        part: sorted(sample[0] for sample in found[part])
        for part in ("training", "validation", "test")
    }


def test_labels_belong_to_the_picture_whose_folders_are_theirs(tmp_path: Path) -> None:
    for camera, label in (("cam1", 0), ("cam2", 1)):
        yolo(tmp_path / "yolo", f"images/{camera}", f"labels/{camera}", label)
        picture(tmp_path / "voc" / "JPEGImages" / camera / "0.jpg", label)
        # Masks of the same name lie beside them.
        picture(tmp_path / "voc" / "SegmentationClass" / camera / "0.png", label)
        voc(tmp_path / "voc" / "Annotations" / camera / "0.xml", "0.jpg", ("cat", "dog")[label])
    write(tmp_path / "yolo" / "classes.txt", "cat\ndog\n")
    expected = {"cam1": {"cat"}, "cam2": {"dog"}}
    for layout, home in (("yolo", "images"), ("voc", "JPEGImages")):
        found = classes_by_folder(tmp_path / layout)
        assert found == {f"{home}/{camera}": names for camera, names in expected.items()}


def test_names_that_differ_in_case_alone_are_two(tmp_path: Path) -> None:
    for number, stem in enumerate(("A", "a")):
        picture(tmp_path / f"{stem}.jpg", number)
        write(tmp_path / f"{stem}.txt", f"{number} {LINE}\n")
    write(tmp_path / "classes.txt", "upper\nlower\n")
    data = load(tmp_path, need_objects=False)
    found = {s.path.stem: [data.class_names[label] for label in s.classes] for s in data.samples}
    assert found == {"A": ["upper"], "a": ["lower"]}


@pytest.mark.parametrize(
    ("images", "labels", "other"),
    [
        ("images/val", "labels/val", "runs/detect/val/labels"),  # Ultralytics' predictions
        ("images", "labels", "runs/detect/predict/labels"),
        ("images", "labels", "labels_old"),
        ("data", "data", "backup"),
    ],
)
def test_predictions_and_copies_do_not_replace_the_labels(
    tmp_path: Path, images: str, labels: str, other: str
) -> None:
    yolo(tmp_path, images, labels)
    for number in range(2):
        write(tmp_path / other / f"{number}.txt", f"1 {LINE} 0.93\n")
    write(tmp_path / "classes.txt", "cat\ndog\n")
    found = read(tmp_path, need_objects=False)
    (problem,) = found["problems"]
    assert f"{other}/0.txt: not used: {labels}/0.txt has the labels of the same image" in problem
    assert "1 more files beside this one" in problem
    assert found["class_names"] == ("cat",)


def coco(path: Path, names: list[str], **changes: Any) -> Path:
    document = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [8, 10, 32, 20]}
            for i in range(len(names))
        ],
        "categories": [{"id": 1, "name": "red"}],
    }
    return write(path, {**document, **changes})


LOST = {
    "cut off": ("valid/_annotations.coco.json", '{"images": [', "broken JSON"),
    "without classes": (
        "valid/_annotations.coco.json",
        '{"images": [], "annotations": []}',
        "it lacks categories",
    ),
}


@pytest.mark.parametrize("case", LOST)
def test_a_part_whose_labels_cannot_be_read_is_no_random_split(tmp_path: Path, case: str) -> None:
    name, content, said = LOST[case]
    for number in range(3):
        picture(tmp_path / "train" / f"{number}.jpg", number)
    coco(tmp_path / "train" / "_annotations.coco.json", [f"{n}.jpg" for n in range(3)])
    write(tmp_path / name, content)
    assert said in refusal(tmp_path)


def test_a_table_of_a_part_in_another_encoding_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "0.jpg")
    head = "filename,xmin,ymin,xmax,ymax,class\n"
    write(tmp_path / "train_labels.csv", f"{head}0.jpg,8,10,40,30,red\n")
    (tmp_path / "test_labels.csv").write_bytes(f"{head}1.jpg,8,10,40,30,caf\xe9\n".encode("cp1252"))
    assert "test_labels.csv:2: is no UTF-8 text" in refusal(tmp_path)


def task(number: int, *regions: Any, **changes: Any) -> dict[str, Any]:
    data = {"image": f"/data/upload/1/{number}.jpg"}
    return {"id": number, "data": data, "annotations": [{"result": list(regions)}], **changes}


def region(value: dict[str, Any], kind: str = "rectanglelabels", **more: Any) -> dict[str, Any]:
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    return {"type": kind, "value": value, **size, **more}


RECTANGLE = {
    "x": 100 * XMIN / WIDTH, "y": 100 * YMIN / HEIGHT,
    "width": 100 * (XMAX - XMIN) / WIDTH, "height": 100 * (YMAX - YMIN) / HEIGHT,
}  # fmt: skip
CORNERS = [[100 * x / WIDTH, 100 * y / HEIGHT] for x in (XMIN, XMAX) for y in (YMIN, YMAX)]
ELLIPSE = {
    "x": 50 * (XMIN + XMAX) / WIDTH, "y": 50 * (YMIN + YMAX) / HEIGHT,
    "radiusX": 50 * (XMAX - XMIN) / WIDTH, "radiusY": 50 * (YMAX - YMIN) / HEIGHT,
}  # fmt: skip
SHAPES: dict[str, list[dict[str, Any]]] = {
    "an outline": [region({"points": CORNERS, "polygonlabels": ["red"]}, "polygonlabels")],
    "an ellipse": [region({**ELLIPSE, "ellipselabels": ["red"]}, "ellipselabels")],
    "shape and label by two tags": [
        region(RECTANGLE, "rectangle", id="a"),
        region({**RECTANGLE, "labels": ["red"]}, "labels", id="a"),
    ],
}


@pytest.mark.parametrize("case", SHAPES)
def test_label_studios_shapes_are_boxes(tmp_path: Path, case: str) -> None:
    picture(tmp_path / "0.jpg")
    write(tmp_path / "export.json", [task(0, *SHAPES[case])])
    found = read(tmp_path, need_objects=False)
    assert not found["problems"]
    np.testing.assert_allclose(found["training"][0][2], [BOX], atol=1e-4)


def test_an_ellipse_that_is_turned_is_inside_its_box(tmp_path: Path) -> None:
    picture(tmp_path / "0.jpg")
    value = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 30}
    write(tmp_path / "x.json", [task(0, region({**value, "ellipselabels": ["red"]}))])
    turn, turns = math.radians(30), np.linspace(0, 2 * math.pi, 10_000)
    along, over = 0.2 * WIDTH * np.cos(turns), 0.1 * HEIGHT * np.sin(turns)
    x = WIDTH / 2 + along * math.cos(turn) - over * math.sin(turn)
    y = HEIGHT / 2 + along * math.sin(turn) + over * math.cos(turn)
    (box,) = read(tmp_path, need_objects=False)["training"][0][2]
    np.testing.assert_allclose(box, [x.min(), y.min(), x.max(), y.max()], atol=1e-3)


def test_what_has_no_box_is_named_and_its_image_is_no_negative(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
    brush = region({"format": "rle", "rle": [1], "brushlabels": ["red"]}, "brushlabels")
    write(tmp_path / "x.json", [task(0, brush), task(1)])
    found = read(tmp_path, need_objects=False)
    (problem,) = found["problems"]
    assert "no box can be made of brushlabels" in problem
    assert [sample[0] for sample in found["training"]] == ["1.jpg"]
    assert any("1 images of whose objects none can be used" in note for note in found["notes"])


def test_who_else_annotated_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "0.jpg")
    marked = {"result": [region({**RECTANGLE, "rectanglelabels": ["red"]})]}
    for truth in (False, True):
        annotations = [{**marked, "ground_truth": truth}, {"result": []}]
        write(tmp_path / "x.json", [task(0, annotations=annotations)])
        found = read(tmp_path, need_objects=False)
        assert any("1 images were annotated more than once" in note for note in found["notes"])
        assert len(found["training"][0][2]) == truth


def test_a_date_is_no_image(tmp_path: Path) -> None:
    picture(tmp_path / "0.jpg")
    data = {"date": "12.03.2024", "pic": "/data/upload/1/ab12cd34-0.jpg"}
    one = region({**RECTANGLE, "rectanglelabels": ["red"]})
    write(tmp_path / "x.json", [task(0, one, data=data)])
    assert [sample[0] for sample in read(tmp_path, need_objects=False)["training"]] == ["0.jpg"]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_poses_points_are_not_its_box(tmp_path: Path, dimensions: int) -> None:
    points = " ".join(["0.9"] * 4 * dimensions)
    picture(tmp_path / "images" / "0.jpg")
    write(tmp_path / "labels" / "0.txt", f"0 {LINE} {points}\n")
    write(tmp_path / "data.yaml", f"names: [tiger]\nkpt_shape: [4, {dimensions}]\n")
    found = read(tmp_path, need_objects=False)
    assert not found["problems"]
    np.testing.assert_allclose(found["training"][0][2], [BOX], atol=1e-4)


def create_ml(names: list[str]) -> list[dict[str, Any]]:
    centre = {"x": (XMIN + XMAX) / 2, "y": (YMIN + YMAX) / 2}
    place = {**centre, "width": XMAX - XMIN, "height": YMAX - YMIN}
    first, *others = names
    boxes = [{"label": "red", "coordinates": place}]
    return [{"image": first, "annotations": boxes}] + [
        {"image": name, "annotations": []} for name in others
    ]


def test_create_ml_counts_from_the_centre(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        for number in range(2):
            picture(tmp_path / part / f"{part}{number}.jpg", seed(part, number))
        names = [f"{part}{number}.jpg" for number in range(2)]
        write(tmp_path / part / "_annotations.createml.json", create_ml(names))
    data = load(tmp_path)
    assert (data.layout, data.problems) == ("create_ml", ())
    for samples in (data.training, data.validation):
        assert [sample.boxes.tolist() for sample in samples] == [[list(map(float, BOX))], []]


def voc_set(root: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        picture(root / "JPEGImages" / f"{name}.jpg", seed(root.name, number))
        voc(root / "Annotations" / f"{name}.xml", f"{name}.jpg")


SPLIT = {"training": ["a.jpg", "b.jpg"], "validation": ["c.jpg"], "test": []}
LISTS: dict[str, dict[str, str]] = {
    "at the root": {"train.txt": "a\nb\n", "val.txt": "c\n"},
    "beside the labels": {
        "annotations/trainval.txt": "a 1 1 1\nb 2 1 1\n",
        "annotations/val.txt": "c",
    },
    "PaddleDetection's": {
        "train_list.txt": "JPEGImages/a.jpg Annotations/a.xml\nJPEGImages/b.jpg Annotations/b.xml",
        "val_list.txt": "JPEGImages/c.jpg Annotations/c.xml\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("case", LISTS)
def test_lists_hold_wherever_they_lie(tmp_path: Path, case: str) -> None:
    voc_set(tmp_path, ["a", "b", "c"])
    for name, content in LISTS[case].items():
        write(tmp_path / name, content)
    assert parts(tmp_path) == SPLIT


def test_a_text_that_is_no_list_divides_nothing(tmp_path: Path) -> None:
    voc_set(tmp_path, ["a", "b", "c"])
    write(tmp_path / "test.txt", "how the camera was tested\n")
    assert parts(tmp_path)["test"] == []


def test_the_lists_of_all_years_hold(tmp_path: Path) -> None:
    for year, stems in (("VOC2007", "abc"), ("VOC2012", "def")):
        voc_set(tmp_path / year, list(stems))
        main = tmp_path / year / "ImageSets" / "Main"
        write(main / "train.txt", "\n".join(stems[:2]))
        write(main / "val.txt", stems[2])
    assert parts(tmp_path) == {
        "training": ["a.jpg", "b.jpg", "d.jpg", "e.jpg"],
        "validation": ["c.jpg", "f.jpg"],
        "test": [],
    }


def test_darknets_data_file_names_its_lists(tmp_path: Path) -> None:
    yolo(tmp_path, "data/img", "data/img", count=3)
    write(tmp_path / "data" / "some.txt", "data/img/0.jpg\ndata/img/1.jpg\n")
    write(tmp_path / "data" / "rest5k.txt", "data/img/2.jpg\n")
    write(tmp_path / "data" / "cells.names", "red\n")
    said = "classes = 1\ntrain = data/some.txt\nvalid = data/rest5k.txt\nnames = data/cells.names\n"
    write(tmp_path / "cells.data", f"{said}backup = backup/\n")
    assert parts(tmp_path) == {
        "training": ["0.jpg", "1.jpg"],
        "validation": ["2.jpg"],
        "test": [],
    }


def test_pictures_that_are_links_are_in_the_folder_that_they_lie_in(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for number, part in enumerate(("one", "two")):
        picture(store / f"{part}.jpg", number)
        (tmp_path / "set" / "images" / part).mkdir(parents=True)
        (tmp_path / "set" / "images" / part / f"{part}.jpg").symlink_to(store / f"{part}.jpg")
        write(tmp_path / "set" / "labels" / part / f"{part}.txt", f"0 {LINE}\n")
    write(tmp_path / "set" / "data.yaml", "names: [red]\ntrain: images/one\nval: images/two\n")
    assert parts(tmp_path / "set") == {
        "training": ["one.jpg"],
        "validation": ["two.jpg"],
        "test": [],
    }


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        ("train_images", "val_images"),
        ("images_train", "images_val"),
        ("Training Set", "Validation Set"),
        ("trainset", "valset"),
        ("TrainImages", "ValImages"),
    ],
)
def test_folders_say_parts_also_in_two_words(
    tmp_path: Path, training: str, validation: str
) -> None:
    for name, stems in ((training, "ab"), (validation, "c")):
        for stem in stems:
            picture(tmp_path / name / f"{stem}.jpg", ord(stem))
            voc(tmp_path / name / f"{stem}.xml", f"{stem}.jpg")
    assert parts(tmp_path) == SPLIT


@pytest.mark.parametrize("name", ["test_bench", "contest", "train station", "train and test"])
def test_other_words_say_none(tmp_path: Path, name: str) -> None:
    for stem in "abc":
        picture(tmp_path / name / f"{stem}.jpg", ord(stem))
        voc(tmp_path / name / f"{stem}.xml", f"{stem}.jpg")
    assert parts(tmp_path)["test"] == []


def test_a_name_without_suffix_may_have_a_dot(tmp_path: Path) -> None:
    for number, name in enumerate(("cam.1.jpg", "cam.2.jpg", "cam.jpg")):
        picture(tmp_path / name, number)
    rows = "".join(f"{name},8,10,40,30,red\n" for name in ("cam.1", "cam.2"))
    write(tmp_path / "boxes.csv", f"filename,xmin,ymin,xmax,ymax,class\n{rows}cam.3,1,1,9,9,red\n")
    found = read(tmp_path, need_objects=False)
    assert parts_of(found) == ["cam.1.jpg", "cam.2.jpg"]
    (problem,) = found["problems"]
    assert "cam.3: no such image" in problem


def parts_of(found: dict[str, Any]) -> list[str]:
    return sorted(sample[0] for sample in found["training"] + found["validation"])


@pytest.mark.parametrize("used", [1, 0])
def test_a_category_that_no_box_has_may_have_anothers_name(tmp_path: Path, used: int) -> None:
    """Roboflow writes the group's name as the first category."""
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
    path = coco(tmp_path / "x.json", ["0.jpg", "1.jpg"])
    document = json.loads(path.read_text())
    document["categories"] = [{"id": 0, "name": "goal"}, {"id": 1, "name": "goal"}]
    for annotation in document["annotations"]:
        annotation["category_id"] = used
    write(path, document)
    data = load(tmp_path)
    assert (data.class_names, data.problems) == (("goal",), ())
    assert sum(len(sample.boxes) for sample in data.samples) == 2


def test_references_may_be_texts_or_fractions_of_the_same_number(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
    path = coco(tmp_path / "x.json", ["0.jpg", "1.jpg"])
    document = json.loads(path.read_text())
    document["annotations"][0].update(image_id="0", category_id="1")
    document["annotations"][1].update(image_id=1.0, category_id=1.0)
    write(path, document)
    data = load(tmp_path)
    assert not data.problems
    assert [len(sample.boxes) for sample in data.samples] == [1, 1]


def test_a_projects_subsets_have_pictures_of_the_same_names(tmp_path: Path) -> None:
    entries = ""
    for number, subset in enumerate(("Train", "Validation")):
        picture(tmp_path / "images" / subset / "frame_0.png", number)
        entries += (
            f'<image id="{number}" name="frame_0.png" subset="{subset}" width="{WIDTH}" '
            f'height="{HEIGHT}"><box label="{subset.lower()}" xtl="8" ytl="10" xbr="40" ybr="30"/>'
            "</image>"
        )
    write(tmp_path / "annotations.xml", f"<annotations>{entries}</annotations>")
    found = read(tmp_path, need_objects=False, class_names=["train", "validation"])
    assert not found["problems"]
    assert [sample[3] for sample in found["training"] + found["validation"]] == [[0], [1]]


def test_a_character_across_the_end_of_what_is_looked_at(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "0.jpg")
    for shift in range(3):
        filler = "<!--" + "x" * shift + "я" * 2100 + "-->"
        image = f'<image id="0" name="0.jpg" width="{WIDTH}" height="{HEIGHT}">'
        box = '<box label="red" xtl="8" ytl="10" xbr="40" ybr="30"/></image>'
        write(tmp_path / "a.xml", f"<annotations>{filler}{image}{box}</annotations>")
        assert load(tmp_path, need_objects=False).layout == "cvat"


@pytest.mark.parametrize("text", ["!!python/name:x.y ''", "---\na: 1\n---\nb: 2\n"])
def test_another_programs_yaml_is_no_matter(tmp_path: Path, text: str) -> None:
    yolo(tmp_path, "images", "labels")
    write(tmp_path / "classes.txt", "red\n")
    write(tmp_path / "mkdocs.yml", text)
    assert not read(tmp_path)["problems"]


def test_our_own_broken_yaml_is_named(tmp_path: Path) -> None:
    yolo(tmp_path, "images", "labels")
    write(tmp_path / "classes.txt", "red\n")
    write(tmp_path / "data.yaml", "names: [red\ntrain: x\n")
    assert "data.yaml:2: broken YAML" in refusal(tmp_path)


def test_a_blank_line_among_the_names_would_shift_the_classes(tmp_path: Path) -> None:
    yolo(tmp_path, "images", "labels")
    write(tmp_path / "classes.txt", "cat\n\ndog\n\n\n")
    assert "classes.txt:2: expected the name of a class in each line" in refusal(tmp_path)


def test_keras_retinanets_tables_have_no_header(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
    write(tmp_path / "annotations.csv", f"0.jpg,{XMIN},{YMIN},{XMAX},{YMAX},red\n1.jpg,,,,,\n")
    write(tmp_path / "classes.csv", "red,0\n")
    found = read(tmp_path, need_objects=False)
    assert not found["problems"]
    assert [sample[2] for sample in sorted(found["training"] + found["validation"])] == [
        [list(map(float, BOX))],
        [],
    ]


@pytest.mark.parametrize("part", ["valid", "test"])
@pytest.mark.parametrize("layout", ["voc", "yolo", "coco"])
def test_a_part_alone_stays_that_part(tmp_path: Path, layout: str, part: str) -> None:
    for number in range(4):
        picture(tmp_path / part / f"{number}.jpg", number)
        if layout == "voc":
            voc(tmp_path / part / f"{number}.xml", f"{number}.jpg")
        elif layout == "yolo":
            write(tmp_path / part / f"{number}.txt", f"0 {LINE}\n")
    if layout == "yolo":
        write(tmp_path / "classes.txt", "red\n")
    elif layout == "coco":
        coco(tmp_path / part / "_annotations.coco.json", [f"{n}.jpg" for n in range(4)])
    data = load(tmp_path, need_objects=False)
    assert (data.class_names, data.problems, data.notes) == (("red",), (), ())
    whole = {"valid": "validation", "test": "test"}[part]
    assert {name: len(of) for name, of in data.parts.items() if of} == {whole: 4}
    # To measure on, but not to train on.
    assert "has no image to train on: it says of all its 4 usable images" in refusal(tmp_path)


@pytest.mark.parametrize("other", ["a caption", ""])
def test_a_text_beside_a_picture_need_not_be_its_labels(tmp_path: Path, other: str) -> None:
    yolo(tmp_path, "images", "labels")
    write(tmp_path / "images" / "0.txt", other)
    write(tmp_path / "classes.txt", "red\n")
    found = read(tmp_path, need_objects=False)
    assert sorted(len(sample[2]) for sample in found["training"] + found["validation"]) == [1, 1]


def test_predictions_are_no_labels_of_a_picture_without_objects(tmp_path: Path) -> None:
    yolo(tmp_path, "images", "labels")
    write(tmp_path / "labels" / "0.txt", "")
    write(tmp_path / "runs" / "labels" / "0.txt", f"0 {LINE} 0.93\n")
    write(tmp_path / "classes.txt", "red\n")
    found = read(tmp_path, need_objects=False)
    assert sorted(len(sample[2]) for sample in found["training"] + found["validation"]) == [0, 1]


def test_a_file_a_class_has_all_objects(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / "JPEGImages" / f"{number}.jpg", number)
        for label in ("cat", "dog"):
            voc(tmp_path / "Annotations" / label / f"{number}.xml", f"{number}.jpg", label)
            write(
                tmp_path / "texts" / label / f"{number}.txt",
                f"{('cat', 'dog').index(label)} {LINE}\n",
            )
    write(tmp_path / "classes.txt", "cat\ndog\n")
    write(tmp_path / "val.txt", "1\n")
    for layout in ("voc", "yolo"):
        data = load(tmp_path, layout)
        assert data.class_names == ("cat", "dog")
        assert all(sorted(sample.classes) == [0, 1] for sample in data.samples)


MORE_LISTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "of several years": (
        {"2007_train.txt": "a", "2012_train.txt": "b", "2007_val.txt": "c", "2012_val.txt": "d"},
        {"training": "ab", "validation": "cd", "test": ""},
    ),
    "that begin with a lost image": (
        {"train.txt": "a\nb\n", "val.txt": "lost\nc\nd\n"},
        {"training": "ab", "validation": "cd", "test": ""},
    ),
    "of what is held out": (
        {"test.txt": "d"},
        {"training": "abc", "validation": "", "test": "d"},
    ),
    "of training, and of that with validation": (
        {"train.txt": "a\nb", "trainval.txt": "a\nb\nc", "test.txt": "d"},
        {"training": "ab", "validation": "c", "test": "d"},
    ),
    "of folds, the outermost of which count": (
        {
            "train.txt": "a\nb\nc", "val.txt": "d",
            "old/train.txt": "b\nc\nd", "old/val.txt": "a",
        },
        {"training": "abc", "validation": "d", "test": ""},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MORE_LISTS)
def test_lists(tmp_path: Path, case: str) -> None:
    lists, expected = MORE_LISTS[case]
    voc_set(tmp_path, list("abcd"))
    for name, content in lists.items():
        write(tmp_path / name, content)
    data = load(tmp_path, need_objects=False, validation_fraction=0.25)
    found = {
        part: "".join(sorted(sample.path.stem for sample in samples))
        for part, samples in data.parts.items()
    }
    if expected["validation"]:
        assert found == expected
    else:  # a share of the rest is held out
        assert sorted(found["training"] + found["validation"]) == sorted(expected["training"])
        assert found["test"] == expected["test"]


def test_lists_of_several_folders_name_their_own_pictures(tmp_path: Path) -> None:
    for camera in ("cam1", "cam2"):
        for number in range(3):
            picture(tmp_path / camera / f"{number}.jpg", seed(camera, number))
            voc(tmp_path / camera / f"{number}.xml", f"{number}.jpg")
        write(tmp_path / camera / "train.txt", "0\n1\n")
        write(tmp_path / camera / "val.txt", "2\n")
    data = load(tmp_path)
    assert not data.problems
    assert {s.path.relative_to(tmp_path).as_posix() for s in data.validation} == {
        "cam1/2.jpg",
        "cam2/2.jpg",
    }
    assert len(data.training) == 4


def test_a_list_of_names_that_two_folders_have_names_none(tmp_path: Path) -> None:
    for camera in ("cam1", "cam2"):
        for number in range(2):
            picture(tmp_path / camera / f"{number}.jpg", seed(camera, number))
            voc(tmp_path / camera / f"{number}.xml", f"{number}.jpg")
    write(tmp_path / "train.txt", "0\ncam2/1\n")
    (problem,) = read(tmp_path, need_objects=False)["problems"]
    assert "train.txt:1: '0' can mean several images" in problem


def test_a_list_in_another_encoding_is_named(tmp_path: Path) -> None:
    voc_set(tmp_path, ["a", "b", "c"])
    write(tmp_path / "train.txt", "a\nb\n")
    (tmp_path / "val.txt").write_bytes("c\nmärz\n".encode("latin-1"))
    assert "val.txt:2: is no UTF-8 text" in refusal(tmp_path)


def test_folders_say_the_part_of_what_no_list_names(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for number in range(2):
            picture(tmp_path / part / f"{part}{number}.jpg", seed(part, number))
            voc(tmp_path / part / f"{part}{number}.xml", f"{part}{number}.jpg")
    write(tmp_path / "train" / "train.txt", "train0\ntrain1\n")
    assert parts(tmp_path)["test"] == ["test0.jpg", "test1.jpg"]


def test_another_programs_data_files_name_no_classes(tmp_path: Path) -> None:
    yolo(tmp_path, "images", "labels")
    write(tmp_path / "classes.txt", "cat\n")
    write(tmp_path / "darknet" / "cfg" / "coco.data", "names = data/coco.names\n")
    write(tmp_path / "darknet" / "data" / "coco.names", "person\ncar\n")
    (tmp_path / "best.onnx.data").write_bytes(b"\xff\xfe\x00\x01" * 9 + b"\xe9")
    assert load(tmp_path).class_names == ("cat",)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffnames: [cat]\n",
        "{names: [cat], nc: 1}\n",
        '{"names": ["cat"]}',
        "nc: 1\rnames: [cat]\r",
    ],
)
def test_yaml_in_any_form(tmp_path: Path, content: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        yolo(tmp_path / encoding, "images", "labels")
        (tmp_path / encoding / "data.yaml").write_bytes(content.encode(encoding))
        assert load(tmp_path / encoding).class_names == ("cat",)


FOREIGN = {
    "an unlabelled test file": (
        "image_info_test.json",
        '{"images": [{"id": 9, "file_name": "x.jpg"}], "categories": [{"id": 1, "name": "red"}]}',
    ),
    "captions": ("captions_val.json", '{"images": [], "annotations": [{"caption": "a"}]}'),
    "lines of JSON": ("train/metrics.json", '{"loss": 1}\n{"loss": 2}\n'),
    "nothing": ("test/notes.json", ""),
    "a table of something": ("test/metadata.csv", "name,d\n\xe9,1\n"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_another_programs_files_are_no_part(tmp_path: Path, case: str) -> None:
    name, content = FOREIGN[case]
    for part in ("train", "val"):
        for number in range(2):
            picture(tmp_path / part / f"{number}.jpg", seed(part, number))
        coco(tmp_path / part / "_annotations.coco.json", ["0.jpg", "1.jpg"])
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode("latin-1"))
    assert not read(tmp_path)["problems"]


def test_any_json_may_lie_beside_labels(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
    coco(tmp_path / "labels.json", ["0.jpg", "1.jpg"])
    write(tmp_path / "metrics.json", [{"metrics": [{"name": "loss", "value": 0.5}]}])
    assert load(tmp_path).layout == "coco"


def test_a_part_may_have_a_table_without_a_header(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.jpg", number)
    rows = [f"{number}.jpg ,{XMIN},{YMIN},{XMAX},{YMAX},red\n" for number in range(3)]
    head = "filename,xmin,ymin,xmax,ymax,class\n"
    write(tmp_path / "train.csv", head + rows[0] + rows[1])
    write(tmp_path / "val.csv", rows[2])
    assert parts(tmp_path) == {
        "training": ["0.jpg", "1.jpg"],
        "validation": ["2.jpg"],
        "test": [],
    }


def test_lists_beside_each_other_that_share_a_name_all_count(tmp_path: Path) -> None:
    for stem in "abcd":
        picture(tmp_path / f"{stem}.jpg", ord(stem))
        voc(tmp_path / f"{stem}.xml", f"{stem}.jpg")
    write(tmp_path / "one" / "train.txt", "a\nb\n")
    write(tmp_path / "two" / "val.txt", "b\nc\nd\n")
    data = load(tmp_path)
    assert [s.path.stem for s in data.training] == ["a"]
    assert sorted(s.path.stem for s in data.validation) == ["b", "c", "d"]
    (problem,) = map(str, data.problems)
    assert "it is not trained on" in problem


def test_what_a_list_leaves_out_of_its_folder_stays_out(tmp_path: Path) -> None:
    for stem in "abc":
        picture(tmp_path / "train" / f"{stem}.jpg", ord(stem))
        voc(tmp_path / "train" / f"{stem}.xml", f"{stem}.jpg")
    write(tmp_path / "train.txt", "a\nb\n")
    found = read(tmp_path, need_objects=False)
    assert parts_of(found) == ["a.jpg", "b.jpg"]
    assert any("1 images that no list names are not used" in note for note in found["notes"])


@pytest.mark.parametrize("layout", ["voc", "yolo"])
def test_labels_that_two_pictures_could_have_are_named(tmp_path: Path, layout: str) -> None:
    for number, camera in enumerate(("x", "y")):
        for stem in "ab":
            picture(tmp_path / camera / f"{stem if stem == 'a' else camera}.jpg", number)
    for stem in "axy":
        if layout == "voc":
            voc(tmp_path / "notes" / f"{stem}.xml", f"{stem}.jpg")
        else:
            write(tmp_path / "notes" / f"{stem}.txt", f"0 {LINE}\n")
    write(tmp_path / "classes.txt", "red\n")
    found = read(tmp_path, layout, need_objects=False)
    assert any("can be of several images: x/a.jpg, y/a.jpg" in text for text in found["problems"])


def test_an_annotation_that_is_there_twice_is_read(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
    path = coco(tmp_path / "x.json", ["0.jpg", "1.jpg"])
    document = json.loads(path.read_text())
    document["categories"].append({"id": 2, "name": "blue"})
    document["annotations"][0]["category_id"] = 2
    document["annotations"].append(document["annotations"][0])
    write(path, document)
    found = read(tmp_path, class_names=["red"], need_objects=False)
    assert parts_of(found) == ["0.jpg", "1.jpg"]  # the first without any red
    assert len(found["problems"]) == 1


def test_label_studios_older_exports_have_completions(tmp_path: Path) -> None:
    picture(tmp_path / "0.jpg")
    one = task(0, region({**RECTANGLE, "rectanglelabels": ["red"]}))
    one["completions"] = one.pop("annotations")
    write(tmp_path / "x.json", [one])
    assert len(read(tmp_path, need_objects=False)["training"][0][2]) == 1
    write(tmp_path / "x.json", [{**one, "annotations": [{"result": []}]}])
    assert len(read(tmp_path, need_objects=False)["training"][0][2]) == 0  # the newer of both


def test_answers_without_a_header_are_no_truth(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
    answers = "0.jpg,1,2,30,40,cat\n"
    write(tmp_path / "test_predictions.csv", answers)
    head = "filename,xmin,ymin,xmax,ymax,class\n"
    write(tmp_path / "labels.csv", f"{head}0.jpg,8,10,40,30,cat\n1.jpg,8,10,40,30,cat\n")
    data = load(tmp_path)
    assert not data.problems and not data.test
    assert any("test_predictions.csv has no header and is not used" in note for note in data.notes)
    assert sum(len(sample.boxes) for sample in data.samples) == 2
    (tmp_path / "labels.csv").unlink()
    for number in range(2):
        write(tmp_path / f"{number}.txt", f"0 {LINE}\n")
    write(tmp_path / "classes.txt", "cat\n")
    assert load(tmp_path).layout == "yolo"


def test_what_is_asked_about_a_region_is_no_region(tmp_path: Path) -> None:
    picture(tmp_path / "0.jpg")
    labelled = {**RECTANGLE, "rectanglelabels": ["red"]}
    asked = {**RECTANGLE, "choices": ["old"]}
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "labels": []}
    full = task(0, region(labelled, id="a"), region(asked, "choices", id="a"), relation)
    short = {"image": "0.jpg", "annotation_id": 1, "box": [labelled], "age": [asked]}
    for document in ([full], [short]):
        write(tmp_path / "x.json", document)
        found = read(tmp_path, need_objects=False)
        assert not found["problems"]
        assert len(found["training"][0][2]) == 1


def test_a_title_is_no_image(tmp_path: Path) -> None:
    picture(tmp_path / "0.jpg")
    data = {"image": "Front view", "url": "0.jpg"}
    one = region({**RECTANGLE, "rectanglelabels": ["red"]})
    write(tmp_path / "x.json", [task(0, one, data=data)])
    assert [sample[0] for sample in read(tmp_path, need_objects=False)["training"]] == ["0.jpg"]


def labelme(body: str) -> str:
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
    return f"<annotation><filename>0.jpg</filename>{size}{body}</annotation>"


POINTS = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x in (XMIN, XMAX) for y in (YMIN, YMAX))
XML_SHAPES = {
    "LabelMe's outline": (
        f"<object><name>red</name><polygon>{POINTS}</polygon></object>"
        f"<object><name>red</name><deleted>1</deleted><polygon>{POINTS}</polygon></object>"
    ),
    "roLabelImg's box, turned by a quarter": (
        "<object><name>red</name><robndbox>"
        f"<cx>{(XMIN + XMAX) / 2}</cx><cy>{(YMIN + YMAX) / 2}</cy>"
        f"<w>{YMAX - YMIN}</w><h>{XMAX - XMIN}</h><angle>{math.pi / 2}</angle></robndbox></object>"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", XML_SHAPES)
def test_other_shapes_in_vocs_xml_are_boxes(tmp_path: Path, case: str) -> None:
    picture(tmp_path / "0.jpg")
    write(tmp_path / "0.xml", labelme(XML_SHAPES[case]))
    found = read(tmp_path, need_objects=False)
    assert not found["problems"]
    np.testing.assert_allclose(found["training"][0][2], [BOX], atol=1e-4)


def test_an_object_without_any_shape_makes_no_negative(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.jpg", number)
        voc(tmp_path / f"{number}.xml", f"{number}.jpg")
    write(tmp_path / "0.xml", labelme("<object><name>red</name></object>"))
    found = read(tmp_path)
    (problem,) = found["problems"]
    assert "0.xml:1: red has no bndbox" in problem
    assert parts_of(found) == ["1.jpg", "2.jpg"]


def test_a_name_of_the_greatest_length_is_drawn(tmp_path: Path) -> None:
    name = "猫" * 83  # 249 bytes
    for number in range(2):
        picture(tmp_path / "set" / f"{number}{name}.jpg", number)
        voc(tmp_path / "set" / f"{number}.xml", f"{number}{name}.jpg")
    ran = run_export("labels", tmp_path / "set", "--pictures", tmp_path / "drawn")
    assert ran.code == 0, ran.err
    assert len(list((tmp_path / "drawn").iterdir())) == 2


NEVER = (None, True, 7, -1.5, "x", "", [], [None], {}, {"x": 1}, [[]], "\0", 10**30)


def documents() -> dict[str, Any]:
    """Return a good document of each JSON layout, of the pictures 0.jpg and 1.jpg."""
    box = [XMIN / WIDTH, YMIN / HEIGHT, (XMAX - XMIN) / WIDTH, (YMAX - YMIN) / HEIGHT]
    found = {"label": "red", "bounding_box": box}
    shapes = [one for regions in SHAPES.values() for one in regions]
    return {
        "coco": {
            "images": [{"id": i, "file_name": f"{i}.jpg", "width": WIDTH} for i in range(2)],
            "annotations": [
                {"id": i, "image_id": i, "category_id": 1, "bbox": [8, 10, 32, 20], "iscrowd": 0}
                for i in range(2)
            ],
            "categories": [{"id": 1, "name": "red"}],
        },
        "label_studio": [task(0, *shapes), task(1, *shapes[:1])],
        "fiftyone": {"classes": ["red"], "labels": {"0.jpg": [found], "1.jpg": None}},
        "fiftyone's samples": {
            "samples": [
                {
                    "filepath": f"data/{i}.jpg",
                    "tags": ["train"],
                    "metadata": {"width": WIDTH, "height": HEIGHT},
                    "ground_truth": {"_cls": "Detections", "detections": [found]},
                }
                for i in range(2)
            ]
        },
        "create_ml": create_ml(["0.jpg", "1.jpg"]),
    }


def spoiled(document: Any, draw: random.Random) -> Any:
    """Return a copy in which one value, anywhere, is something that it never is."""
    copy = json.loads(json.dumps(document))
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        for key in keys:
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(copy)
    node, key = draw.choice(places)
    node[key] = draw.choice(NEVER)
    return copy


@pytest.mark.parametrize("name", documents())
def test_no_value_is_a_traceback(tmp_path: Path, name: str) -> None:
    draw = random.Random(name)  # noqa: S311  # mistakes, not secrets
    for number in range(2):
        picture(tmp_path / "data" / f"{number}.jpg", number)
    for _ in range(150):
        path = write(tmp_path / "labels.json", spoiled(documents()[name], draw))
        try:
            load(tmp_path, need_objects=False)
        except DataSetError as err:
            assert str(err)
        except Exception as err:
            raise AssertionError(path.read_text()) from err
