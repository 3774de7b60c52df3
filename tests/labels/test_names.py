"""Names and encodings as other systems and tools write them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.labels.reading import load, read, refusal
from tests.labels.writing import BOX, SIZE, picture, voc


def coco(folder: Path, file_names: list[str], **changes: Any) -> Path:
    """Write a COCO file that names images so."""
    document = {
        "images": [
            {"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]}
            for number, name in enumerate(file_names)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "bbox": [BOX[0], BOX[1], BOX[2] - BOX[0], BOX[3] - BOX[1]],
            }
            for number in range(len(file_names))
        ],
        "categories": [{"id": 1, "name": "red"}],
        **changes,
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(document, indent=1))
    return path


STATED = {
    "as it is": ("images/a b.jpg", "a b.jpg"),
    "with its folder": ("images/a b.jpg", "images/a b.jpg"),
    "of Windows": ("images/a b.jpg", r"C:\Users\me\images\a b.jpg"),
    "of another machine": ("images/a b.jpg", "/home/me/data/images/a b.jpg"),
    "escaped": ("images/a b.jpg", "images/a%20b.jpg"),
    "with a percent sign": ("images/100%20.jpg", "100%20.jpg"),
    "a URL": ("images/a b.jpg", "https://example.org/data/a%20b.jpg?token=1"),
    "of a bucket": ("images/a b.jpg", "s3://bucket/data/a b.jpg"),
    "uploaded": ("images/a.jpg", "/data/upload/7/0a1b2c3d-a.jpg"),
    "kept as uploaded": ("images/0a1b2c3d-a.jpg", "/data/upload/7/0a1b2c3d-a.jpg"),
    "a local file": ("images/a b.jpg", "/data/local-files/?d=somewhere/images/a%20b.jpg"),
    "in another case": ("images/A B.JPG", "a b.jpg"),
    "with another suffix": ("images/a b.JPEG", "a b.png"),
    "composed": ("images/\u00e9.jpg", unicodedata.normalize("NFD", "\u00e9.jpg")),
    "without a suffix": ("images/a b", "a b"),
    "with dots": ("images/a.b.c.jpg", "a.b.c.jpg"),
}


@pytest.mark.parametrize("case", STATED)
def test_an_image_is_found_by_the_name_that_is_stated(tmp_path: Path, case: str) -> None:
    there, stated = STATED[case]
    picture(tmp_path / there)
    coco(tmp_path, [stated])
    data = load(tmp_path, need_objects=False)
    assert [sample.path for sample in data.samples] == [tmp_path / there], data.problems


def test_of_two_images_of_one_name_the_stated_folders_choose(tmp_path: Path) -> None:
    for number, folder in enumerate(("one", "two")):
        picture(tmp_path / folder / "a.jpg", number)
    coco(tmp_path, ["/data/two/a.jpg", "/data/one/a.jpg"])
    data = load(tmp_path, need_objects=False)
    assert {sample.path.parent.name for sample in data.samples} == {"one", "two"}
    assert not data.problems


def test_a_name_that_can_mean_two_images_is_a_problem(tmp_path: Path) -> None:
    for number, folder in enumerate(("one", "two")):
        picture(tmp_path / folder / "a.jpg", number)
    coco(tmp_path, ["/elsewhere/a.jpg"])
    (problem,) = read(tmp_path, need_objects=False)["problems"]
    assert "'a.jpg' can mean several images: one/a.jpg, two/a.jpg" in problem


LINES = {
    "a name": "{stem}",
    "with a suffix": "{stem}.jpg",
    "a path": "VOC2007/JPEGImages/{stem}.jpg",
    "a path of Windows": r"D:\data\JPEGImages\{stem}.jpg",
    "a column of one class": "{stem}  1",
    "an absent class": "{stem} -1",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_list_names_images_in_every_way(tmp_path: Path, line: str, mark: str) -> None:
    stems = ["a photo (1)", "b", "c 0"]
    for number, stem in enumerate(stems):
        picture(tmp_path / "JPEGImages" / f"{stem}.jpg", number)
        voc(tmp_path / "Annotations" / f"{stem}.xml", f"{stem}.jpg")
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    written = [line.format(stem=stem) for stem in stems]
    (lists / "train.txt").write_text(f"{mark}{written[0]}\r\n{written[1]}\r\n", "utf-8")
    (lists / "val.txt").write_text(f"{mark}{written[2]}\n", "utf-8")
    data = load(tmp_path)
    assert [sample.path.stem for sample in data.training] == stems[:2]
    assert [sample.path.stem for sample in data.validation] == stems[2:]
    assert not data.problems


def test_a_line_that_names_nothing_is_told_with_its_number(tmp_path: Path) -> None:
    for number, stem in enumerate("ab"):
        picture(tmp_path / "JPEGImages" / f"{stem}.jpg", number)
        voc(tmp_path / "Annotations" / f"{stem}.xml", f"{stem}.jpg")
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "train.txt").write_text("a\n\nlost\n")
    (tmp_path / "ImageSets" / "val.txt").write_text("b\n")
    (problem,) = read(tmp_path)["problems"]
    assert problem.endswith("train.txt:3: 'lost' is the name of no annotation and no image")


LISTS = {
    "training and validation": (("train", "val"), "ab", "c", ""),
    "and test": (("train", "val", "test"), "ab", "c", "d"),
    "trainval and test": (("trainval", "test"), "abc", None, "d"),
    "trainval and val": (("trainval", "val"), "ab", "c", ""),
    "training alone": (("train",), "ab", None, ""),
}
MEMBERS = {"train": "ab", "val": "c", "test": "d", "trainval": "abc"}


@pytest.mark.parametrize("case", LISTS)
def test_the_lists_of_the_parts_are_obeyed(tmp_path: Path, case: str) -> None:
    names, training, validation, test = LISTS[case]
    for number, stem in enumerate("abcd"):
        picture(tmp_path / "JPEGImages" / f"{stem}.jpg", number)
        voc(tmp_path / "Annotations" / f"{stem}.xml", f"{stem}.jpg")
    (tmp_path / "ImageSets").mkdir()
    for name in names:
        (tmp_path / "ImageSets" / f"{name}.txt").write_text("\n".join(MEMBERS[name]))
    data = load(tmp_path)
    found = {part: "".join(s.path.stem for s in samples) for part, samples in data.parts.items()}
    assert found["test"] == test
    if validation is None:  # a share of what is trained on is held out
        assert sorted(found["training"] + found["validation"]) == list(training)
        assert found["validation"] and "held out at random" in data.split
    else:
        assert (found["training"], found["validation"]) == (training, validation)


def test_a_list_of_validation_images_alone_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.jpg")
    voc(tmp_path / "Annotations" / "a.xml", "a.jpg")
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "val.txt").write_text("a")
    assert "no image to train on: it says of all its 1 usable images" in refusal(tmp_path)
    data = load(tmp_path, need_objects=False)  # VOC's test archives are such: to measure on
    assert [len(samples) for samples in data.parts.values()] == [0, 1, 0]


@pytest.mark.parametrize(
    ("encoding", "label"),
    [
        ("utf-8", "größe"),
        ("utf-8-sig", "größe"),
        ("iso-8859-1", "größe"),
        ("windows-1251", "клетка"),
        ("koi8-r", "клетка"),
        ("gb2312", "细胞"),
        ("gbk", "细胞"),
        ("big5", "細胞"),
        ("shift_jis", "細胞"),
        ("euc-kr", "세포"),
        ("utf-16", "细胞"),
    ],
)
def test_xml_is_read_in_any_encoding_that_it_declares(
    tmp_path: Path, encoding: str, label: str
) -> None:
    for number in range(2):
        picture(tmp_path / f"{number}.jpg", number)
        voc(tmp_path / f"{number}.xml", f"{number}.jpg", label, encoding)
    data = load(tmp_path)
    assert data.class_names == (label,)
    assert not data.problems


BROKEN_XML = {
    "cut off": (b"<annotation>\n<object>", ":2: broken XML: no element found"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "'klingon'"),
    "no text encoding": (b'<?xml version="1.0" encoding="rot13"?><annotation/>', "'rot13'"),
    "not what it declares": (b"<annotation>\n<n>\xe9</n></annotation>", ":2: is no UTF-8 text"),
    "nested": (b"<annotation>" + b"<a>" * 20_000, "nested too deeply"),
    "an entity bomb": (
        b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
        + b"]><annotation><object><name>&m;</name></object></annotation>",
        "broken XML",
    ),
    "an open tag": (b"<annotation>\n<object>\n</annotation>", ":3: broken XML: mismatched tag"),
}


@pytest.mark.parametrize("case", BROKEN_XML)
def test_broken_xml_is_one_sentence_with_file_and_line(tmp_path: Path, case: str) -> None:
    content, said = BROKEN_XML[case]
    for number in range(3):
        picture(tmp_path / f"{number}.jpg", number)
        voc(tmp_path / f"{number}.xml", f"{number}.jpg")
    (tmp_path / "0.xml").write_bytes(content)
    found = read(tmp_path)
    (problem,) = found["problems"]
    assert problem.startswith(str(tmp_path / "0.xml")) and said in problem
    assert "\n" not in problem
    # What is broken says nothing of its image: least of all that nothing is in it.
    assert sorted(s[0] for s in found["training"] + found["validation"]) == ["1.jpg", "2.jpg"]


BROKEN_JSON = {
    "cut off": ('{"images": [\n{"id": 1,', ":2: broken JSON"),
    "nested": ("[" * 100_000, "nested too deeply"),
    "a number of many digits": ('{"images": [' + "9" * 5000 + "]}", "broken JSON"),
    "not UTF-8": ('{"images":\n "\udce9"}', ":2: is no UTF-8 text"),
}


@pytest.mark.parametrize("case", BROKEN_JSON)
def test_broken_json_is_one_sentence_with_file_and_line(tmp_path: Path, case: str) -> None:
    text, said = BROKEN_JSON[case]
    (tmp_path / "labels.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    message = refusal(tmp_path)
    assert f"labels.json{said}" in message if said[0] == ":" else said in message


ENTRIES: dict[str, tuple[dict[str, Any], str, int]] = {
    "no object": ({"annotations": [7]}, "an entry: expected an object, found 7", 1),
    "a list as id": ({"annotations": [{"image_id": [0]}]}, "expected an image_id, found [0]", 1),
    "null as class": (
        {"annotations": [{"id": 4, "image_id": 0, "category_id": None}]},
        "annotation 4: unknown class None",
        1,
    ),
    "a text in a box": (
        {"annotations": [{"image_id": 0, "category_id": 1, "bbox": [1, 2, "x", 4]}]},
        "'x' is no number",
        1,
    ),
    "a number too large": (
        {"annotations": [{"image_id": 0, "category_id": 1, "bbox": [1, 2, 10**400, 4]}]},
        "is no number",
        1,
    ),
    "a class without a name": ({"categories": [{"id": 1, "name": None}]}, "a category with", 3),
    "two classes of one name": (
        {
            "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": " red "}],
            "annotations": [
                {"id": i, "image_id": 0, "category_id": i, "bbox": [1, 2, 3, 4]} for i in (1, 2)
            ],
        },
        "two categories have the name 'red'",
        0,
    ),
    "two classes of one id": (
        {"categories": [{"id": 1, "name": "red"}, {"id": 1, "name": "blue"}]},
        "two categories have the id 1",
        0,
    ),
    "a name for all images": ({"images": [{"id": 0, "file_name": {"a": 1}}]}, "a file_name", 3),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_an_entry_that_is_none_is_told_with_file_and_line(tmp_path: Path, case: str) -> None:
    changes, said, problems = ENTRIES[case]
    for number in range(2):
        picture(tmp_path / "images" / f"{number}.jpg", number)
    path = coco(tmp_path, ["0.jpg", "1.jpg"], **changes)
    if problems:
        told = read(tmp_path, need_objects=False)["problems"]
        assert len(told) == problems
    else:
        told = [refusal(tmp_path)]
    line = told[0].removeprefix(f"{path}:").partition(":")[0]
    assert said in told[0]
    key = next(iter(changes))
    lines = path.read_text().splitlines()
    assert int(line) > next(i for i, text in enumerate(lines, 1) if f'"{key}"' in text)
