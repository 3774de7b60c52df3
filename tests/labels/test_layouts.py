"""What each layout can say beyond one box an image, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.labels.reading import load, read, refusal
from tests.labels.writing import BOX, SIZE, picture, voc

XMIN, YMIN, XMAX, YMAX = BOX
WIDTH, HEIGHT = SIZE
CENTRE = f"{(XMIN + XMAX) / 2 / WIDTH} {(YMIN + YMAX) / 2 / HEIGHT}"
EXTENT = f"{(XMAX - XMIN) / WIDTH} {(YMAX - YMIN) / HEIGHT}"


def pictures(folder: Path, count: int = 2) -> None:
    for number in range(count):
        picture(folder / "images" / f"{number}.jpg", number)


def boxes(folder: Path, layout: str | None = None) -> dict[str, list[list[float]]]:
    """Return the boxes of each image; nothing may be wrong."""
    data = load(folder, layout, need_objects=False)
    assert not data.problems
    return {sample.path.name: sample.boxes.tolist() for sample in data.samples}


def problem(folder: Path) -> str:
    (told,) = read(folder, need_objects=False)["problems"]
    return str(told)


EXPECTED = {"0.jpg": [[float(edge) for edge in BOX]], "1.jpg": []}

TABLES = {
    "plain": (
        "filename,xmin,ymin,xmax,ymax,class\n"
        f"0.jpg,{XMIN},{YMIN},{XMAX},{YMAX},red\n1.jpg,,,,,\n"
    ),
    "TensorFlow's": (
        "filename,width,height,class,xmin,ymin,xmax,ymax\n"
        f"0.jpg,{WIDTH},{HEIGHT},red,{XMIN},{YMIN},{XMAX},{YMAX}\n1.jpg,{WIDTH},{HEIGHT},,,,,\n"
    ),
    "of a spreadsheet": (
        "\ufeffImage;Label;XMin;YMin;XMax;YMax\r\n"
        f"images\\0.jpg;red;{XMIN};{YMIN};{XMAX};{YMAX}\r\nimages\\1.jpg;;;;;\r\n"
    ),
    "with tabs and quotes": (
        'path\tx1\ty1\tx2\ty2\tclass_name\n'
        f'"/data/0.jpg"\t{XMIN}\t{YMIN}\t{XMAX}\t{YMAX}\t"red"\n"/data/1.jpg"\t\t\t\t\t\n'
    ),
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_a_table_is_read_by_its_header(tmp_path: Path, table: str) -> None:
    pictures(tmp_path)
    (tmp_path / "boxes.csv").write_text(table, encoding="utf-8")
    assert boxes(tmp_path) == EXPECTED


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("0.jpg,1,2,x,4,red", "boxes.csv:3: the xmax of red: 'x' is no number"),
        ("0.jpg,1,2,3,4,", "boxes.csv:3: the box has no class"),
        (",1,2,3,4,red", "boxes.csv:3: the row names no file"),
        ("0.jpg,1,2", "boxes.csv:3: the box has no class"),
        ("lost.jpg,1,2,3,4,red", "lost.jpg: no such image"),
        ("0.jpg,0.1,0.2,0.5,0.6,red", "is a fraction where pixels are expected"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, row: str, said: str
) -> None:
    pictures(tmp_path)
    good = f"1.jpg,{XMIN},{YMIN},{XMAX},{YMAX},red"
    (tmp_path / "boxes.csv").write_text(f"filename,xmin,ymin,xmax,ymax,class\n{good}\n{row}\n")
    assert said in problem(tmp_path)


def test_tables_of_parts_are_told_by_their_names(tmp_path: Path) -> None:
    pictures(tmp_path, 3)
    header = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
    for number, name in enumerate(("train_labels", "validation_labels", "test_labels")):
        row = f"{number}.jpg,{WIDTH},{HEIGHT},red,{XMIN},{YMIN},{XMAX},{YMAX}\n"
        (tmp_path / f"{name}.csv").write_text(header + row)
    (tmp_path / "all.csv").write_text(header)
    found = read(tmp_path)
    parts = [[sample[0] for sample in found[p]] for p in ("training", "validation", "test")]
    assert parts == [["0.jpg"], ["1.jpg"], ["2.jpg"]]
    assert "all.csv: not used beside the tables of parts" in found["notes"]


def yolo(folder: Path, line: str, names: str = "names: [red, blue]\n") -> None:
    pictures(folder)
    (folder / "labels").mkdir()
    (folder / "labels" / "0.txt").write_text(f"{line}\n")
    (folder / "data.yaml").write_text(names)


@pytest.mark.parametrize(
    "line",
    [
        f"0 {CENTRE} {EXTENT}",
        f"0 {XMIN / WIDTH} {YMIN / HEIGHT} {XMAX / WIDTH} {YMIN / HEIGHT} {XMAX / WIDTH} "
        f"{YMAX / HEIGHT} {XMIN / WIDTH} {YMAX / HEIGHT}",
    ],
    ids=["a box", "an outline"],
)
def test_a_line_of_yolo_is_a_box_or_an_outline(tmp_path: Path, line: str) -> None:
    yolo(tmp_path, line)
    for name, found in boxes(tmp_path).items():
        np.testing.assert_allclose(np.reshape(found, (-1, 4)), np.reshape(EXPECTED[name], (-1, 4)))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 24 20 32 20", "0.txt:1: expected fractions of the image, found 24 20 32 20: pixels?"),
        ("2 0.5 0.5 0.1 0.1", "0.txt:1: class 2 is none of 0 to 1 (red, blue)"),
        ("0 0.5 0.5 0.1 0.1 0.9", "0.txt:1: expected a class and 4 fractions"),
        ("0 0.5 0.5 0.1 x", "0.txt:1: 'x' is no number"),
        ("0 0.5 0.5 0.1 nan", "0.txt:1: 'nan' is not finite"),
    ],
)
def test_a_line_of_yolo_that_cannot_be_read_is_named(tmp_path: Path, line: str, said: str) -> None:
    yolo(tmp_path, line)
    picture(tmp_path / "images" / "good.jpg", 5)
    (tmp_path / "labels" / "good.txt").write_text(f"0 {CENTRE} {EXTENT}\n")
    assert said in problem(tmp_path)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("names: [red, red]\n", "several classes have the name red"),
        ("names: [red, no]\n", "False is no name of a class; put it in quotes"),
        ("names: {0: red, 2: blue}\n", "expected names: by number from 0, found [0, 2]"),
        ("names: 3\n", "expected names: to list the classes, found 3"),
        ("names: [red,\n", "data.yaml:2: broken YAML"),
        ("nc: 2\n", "no names of classes: looked for a YAML file"),
    ],
)
def test_names_of_classes_that_cannot_be_read_are_told(
    tmp_path: Path, names: str, said: str
) -> None:
    yolo(tmp_path, f"0 {CENTRE} {EXTENT}", names)
    assert said in refusal(tmp_path)


def test_files_of_names_that_disagree_are_told(tmp_path: Path) -> None:
    yolo(tmp_path, f"0 {CENTRE} {EXTENT}")
    (tmp_path / "other.yaml").write_text("names: [blue, red]\n")
    assert "disagree: data.yaml, other.yaml" in refusal(tmp_path)


def cvat(folder: Path, inside: str, name: str = "0.jpg") -> None:
    pictures(folder)
    (folder / "annotations.xml").write_text(
        "<annotations>\n<version>1.1</version>\n"
        f'<image id="0" name="{name}" width="{WIDTH}" height="{HEIGHT}">\n{inside}\n</image>\n'
        f'<image id="1" name="1.jpg" width="{WIDTH}" height="{HEIGHT}"></image>\n</annotations>'
    )


CORNERS = f"{XMIN},{YMIN};{XMAX},{YMIN};{XMAX},{YMAX};{XMIN},{YMAX}"
UPRIGHT = f'xtl="{XMIN}" ytl="{YMIN}" xbr="{XMAX}" ybr="{YMAX}"'


@pytest.mark.parametrize(
    "shape",
    [
        f'<box label="red" occluded="1" {UPRIGHT}><attribute name="a">b</attribute></box>',
        f'<box label="red" rotation="180.0" {UPRIGHT}/>',
        f'<polygon label="red" points="{CORNERS}"/>',
        # Turned by a quarter about its centre: width and height change places.
        '<box label="red" rotation="90" xtl="14" ytl="4" xbr="34" ybr="36"/>',
        f'<tag label="red"/><box label="red" {UPRIGHT}/>',
    ],
)
def test_a_shape_of_cvat_is_the_box_around_it(tmp_path: Path, shape: str) -> None:
    cvat(tmp_path, shape)
    for name, found in boxes(tmp_path).items():
        np.testing.assert_allclose(
            np.reshape(found, (-1, 4)), np.reshape(EXPECTED[name], (-1, 4)), atol=1e-4
        )


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ('<box label="red" xtl="1"/>', "annotations.xml:4: 0.jpg: None is no number"),
        (f"<box {UPRIGHT}/>", "annotations.xml:4: 0.jpg: a box has no label"),
        ('<points label="red" points="1,2"/>', "annotations.xml:3: 0.jpg: no box can be made of"),
        ('<polygon label="red" points="1"/>', "annotations.xml:4: 0.jpg: "),
    ],
)
def test_a_shape_of_cvat_that_is_no_box_is_named(tmp_path: Path, shape: str, said: str) -> None:
    cvat(tmp_path, shape)
    assert said in problem(tmp_path)


def test_the_tracks_of_a_video_are_refused_with_the_way_out(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "a.xml").write_text('<annotations><track id="0" label="red"/></annotations>')
    assert 'export the task as "CVAT for images 1.1"' in refusal(tmp_path)


def studio(folder: Path, *regions: dict[str, Any], **task: Any) -> None:
    pictures(folder)
    tasks = [
        {"data": {"image": "/data/upload/1/0.jpg"}, "annotations": [{"result": list(regions)}]},
        {"data": {"image": "/data/upload/1/1.jpg"}, "annotations": [{"result": []}], **task},
    ]
    (folder / "export.json").write_text(json.dumps(tasks, indent=1))


def region(left: float, top: float, width: float, height: float, **value: Any) -> dict[str, Any]:
    """Return a rectangle in pixels as Label Studio writes it, in percent."""
    across, down = 100 / WIDTH, 100 / HEIGHT
    inside = {"x": left * across, "y": top * down, "width": width * across, "height": height * down}
    return {
        "type": "rectanglelabels",
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "value": {**inside, "rotation": 0, "rectanglelabels": ["red"], **value},
    }


@pytest.mark.parametrize(
    "rectangle",
    [
        region(XMIN, YMIN, XMAX - XMIN, YMAX - YMIN),
        # Turned clockwise by a quarter about the upper left corner, which was the upper right one.
        region(XMAX, YMIN, YMAX - YMIN, XMAX - XMIN, rotation=90),
    ],
)
def test_a_rectangle_of_label_studio_is_the_box_around_it(
    tmp_path: Path, rectangle: dict[str, Any]
) -> None:
    studio(tmp_path, rectangle, {"type": "choices", "value": {"choices": ["good"]}})
    for name, found in boxes(tmp_path).items():
        np.testing.assert_allclose(
            np.reshape(found, (-1, 4)), np.reshape(EXPECTED[name], (-1, 4)), atol=1e-4
        )


def test_a_task_that_nobody_has_annotated_is_no_negative(tmp_path: Path) -> None:
    studio(tmp_path, region(1, 1, 9, 9), annotations=[])
    found = read(tmp_path, need_objects=False)
    assert [sample[0] for sample in found["training"] + found["validation"]] == ["0.jpg"]
    assert "1 tasks that nobody has annotated yet are not used" in found["notes"]


def test_a_skipped_annotation_does_not_count(tmp_path: Path) -> None:
    skipped = {"was_cancelled": True, "result": [region(1, 1, 9, 9)]}
    studio(tmp_path, region(1, 1, 9, 9), annotations=[{"result": []}, skipped])
    assert boxes(tmp_path)["1.jpg"] == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"rectanglelabels": ["red", "blue"]}, "expected one label for a region"),
        ({"rectanglelabels": []}, "expected one label for a region"),
        ({"x": None}, "None is no number"),
    ],
)
def test_a_rectangle_that_cannot_be_read_is_named(
    tmp_path: Path, value: dict[str, Any], said: str
) -> None:
    studio(tmp_path, region(1, 1, 9, 9), region(1, 1, 9, 9, **value))
    assert said in problem(tmp_path)


def fiftyone(folder: Path, *fields: str) -> None:
    pictures(folder, 3)
    box = [XMIN / WIDTH, YMIN / HEIGHT, (XMAX - XMIN) / WIDTH, (YMAX - YMIN) / HEIGHT]
    detections = {"_cls": "Detections", "detections": [{"label": "red", "bounding_box": box}]}
    samples = [
        {"filepath": f"data/{number}.jpg", "tags": ["x", tag], **dict.fromkeys(fields, detections)}
        for number, tag in enumerate(("train", "validation", "test"))
    ]
    (folder / "samples.json").write_text(json.dumps({"samples": samples}))


def test_fiftyones_tags_are_parts(tmp_path: Path) -> None:
    fiftyone(tmp_path, "detections")
    found = read(tmp_path)
    assert [found[part][0][0] for part in ("training", "validation", "test")] == [
        "0.jpg",
        "1.jpg",
        "2.jpg",
    ]
    assert found["training"][0][2] == EXPECTED["0.jpg"]


def test_of_fiftyones_fields_the_true_one_is_taken(tmp_path: Path) -> None:
    fiftyone(tmp_path, "ground_truth", "predictions")
    assert not load(tmp_path).problems
    fiftyone(tmp_path, "model_1", "model_2")
    assert "several fields of detections: model_1, model_2" in refusal(tmp_path)


def test_two_layouts_in_a_folder_are_named_and_either_can_be_chosen(tmp_path: Path) -> None:
    yolo(tmp_path, f"0 {CENTRE} {EXTENT}")
    voc(tmp_path / "xml" / "0.xml", "0.jpg")
    assert "labels in 2 layouts; say --format voc or --format yolo" in refusal(tmp_path)
    assert load(tmp_path, "voc", need_objects=False).layout == "voc"
    assert load(tmp_path, "yolo", need_objects=False).layout == "yolo"
    assert "holds no JSON file" in refusal(tmp_path, "coco")


def test_what_could_have_been_labels_and_cannot_be_read_is_told(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "labels.json").write_text('{"images": [')
    (tmp_path / "a.xml").write_text("<annotation>\n<object>")
    (tmp_path / "b.xml").write_text("<other>")
    message = refusal(tmp_path, None)
    assert "broken XML" in message or "labels.json:1: broken JSON" in message


NEGATIVES = {
    "voc": ("0.xml", "<annotation/>"),
    "yolo": ("0.txt", ""),
    "coco": (
        "all.json",
        json.dumps(
            {
                "images": [{"id": 0, "file_name": "0.jpg"}, {"id": 1, "file_name": "1.jpg"}],
                "annotations": [
                    {"id": 1, "image_id": 1, "category_id": 1, "bbox": [XMIN, YMIN, 32, 20]}
                ],
                "categories": [{"id": 1, "name": "red"}],
            }
        ),
    ),
}


@pytest.mark.parametrize("layout", NEGATIVES)
def test_an_image_without_objects_is_read_as_one(tmp_path: Path, layout: str) -> None:
    """The other layouts have one in their tests above."""
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
    name, content = NEGATIVES[layout]
    (tmp_path / name).write_text(content)
    if layout == "voc":
        voc(tmp_path / "1.xml", "1.jpg")
    if layout == "yolo":
        (tmp_path / "1.txt").write_text(f"0 {CENTRE} {EXTENT}")
        (tmp_path / "classes.txt").write_text("red\n")
    found = boxes(tmp_path)
    assert found["0.jpg"] == []
    np.testing.assert_allclose(found["1.jpg"], [BOX])


def test_of_cocos_own_files_those_of_boxes_are_read(tmp_path: Path) -> None:
    for number, part in enumerate(("train2017", "val2017")):
        picture(tmp_path / part / f"{number}.jpg", number)
        document = {
            "images": [{"id": 1, "file_name": f"{number}.jpg"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [8, 10, 32, 20]}],
            "categories": [{"id": 1, "name": "red"}],
        }
        (tmp_path / "annotations").mkdir(exist_ok=True)
        for kind in ("instances", "person_keypoints"):
            (tmp_path / "annotations" / f"{kind}_{part}.json").write_text(json.dumps(document))
        (tmp_path / "annotations" / f"captions_{part}.json").write_text("{")  # never looked at
    data = load(tmp_path)
    assert [len(samples) for samples in data.parts.values()] == [1, 1, 0]
    assert not data.problems


def test_truncated_and_occluded_mean_nothing_and_difficult_is_ignored(tmp_path: Path) -> None:
    marks = ("truncated", "occluded", "difficult")
    for number, mark in enumerate(marks):
        picture(tmp_path / f"{number}.jpg", number)
        voc(tmp_path / f"{number}.xml", f"{number}.jpg", more=f"<{mark}>1</{mark}>")
    data = load(tmp_path, need_objects=False)
    ignored = {sample.path.stem: sample.ignored.tolist() for sample in data.samples}
    assert ignored == {"0": [False], "1": [False], "2": [True]}


def test_the_xml_of_another_tool_among_vocs_is_a_problem(tmp_path: Path) -> None:
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
        voc(tmp_path / f"{number}.xml", f"{number}.jpg")
    (tmp_path / "config.xml").write_text("<settings/>")
    assert "config.xml:1: no VOC annotation: it begins with <settings>" in problem(tmp_path)
