"""Folders as people have them: what is found in them, and what is said of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from export import class_folders, file_names, splitting
from export.errors import DataSetError, SettingsError
from tests import orientations

JPEG = orientations.lying(orientations.picture(), 1)


def put(path: Path, content: bytes = JPEG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes of three photographs."""
    for name in ("cat", "dog"):
        for number in range(3):
            put(tmp_path / "data" / name / f"{number}.jpg")
    return tmp_path / "data"


def names(found: class_folders.ClassFolders) -> list[str]:
    return [path.relative_to(found.directory).as_posix() for path, _ in found.training.files]


def test_nested_folders_belong_to_the_class_they_lie_in(data: Path) -> None:
    put(data / "cat" / "2024" / "may" / "a.jpeg")
    put(data / "cat" / "without suffix")
    assert names(class_folders.find(data))[:5] == [
        "cat/0.jpg",
        "cat/1.jpg",
        "cat/2.jpg",
        "cat/2024/may/a.jpeg",
        "cat/without suffix",
    ]


@pytest.mark.parametrize(
    "litter",
    [
        "cat/.DS_Store",
        "cat/._0.jpg",
        "cat/Thumbs.db",
        "cat/desktop.ini",
        "cat/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/0.jpg",
        "@Recycle/0.jpg",
        "__MACOSX/cat/0.jpg",
        "$RECYCLE.BIN/0.jpg",
        "System Volume Information/0.jpg",
        "lost+found/0.jpg",
        ".ipynb_checkpoints/0.jpg",
    ],
)
def test_what_systems_leave_is_neither_a_class_nor_a_photograph(data: Path, litter: str) -> None:
    before = class_folders.find(data)
    put(data / litter)
    assert class_folders.find(data) == before


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "val", "test"), ("train", "valid", None), ("Training", "Validation", "Testing")],
)
def test_folders_of_a_split_are_the_split(
    data: Path, tmp_path: Path, train: str, validation: str, test: str | None
) -> None:
    home = tmp_path / "split"
    for part in filter(None, (train, validation, test)):
        for path in data.rglob("*.jpg"):
            put(home / part / path.relative_to(data))
    found = class_folders.find(home)
    assert found.class_names == ("cat", "dog")
    assert len(found.training.files) == 6
    assert found.validation is not None
    assert found.validation.root == home / validation
    assert (found.test is not None) == (test is not None)
    assert class_folders.describe(found)[1].startswith("split as the folders say: 6 to train on")


def test_a_class_may_be_called_test(data: Path) -> None:
    put(data / "test" / "0.jpg")
    put(data / "test" / "1.jpg")
    assert class_folders.find(data).class_names == ("cat", "dog", "test")


def test_validation_photographs_may_lie_elsewhere(data: Path, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        put(tmp_path / "others" / name / "a.jpg")
    found = class_folders.find(data, tmp_path / "others")
    assert found.directory == tmp_path
    assert found.validation is not None
    assert [path.name for path, _ in found.validation.files] == ["a.jpg", "a.jpg"]


def test_links_are_followed_and_circles_end(data: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "x.jpg")
    (data / "cat" / "linked").symlink_to(tmp_path / "elsewhere")
    (data / "cat" / "circle").symlink_to(data / "cat")
    assert names(class_folders.find(data)).count("cat/linked/x.jpg") == 1
    assert len(names(class_folders.find(data))) == 7


def test_what_only_looks_like_a_photograph_is_named_in_the_users_words(data: Path) -> None:
    for name, content in {
        "scan.jpg": b"BM" + bytes(60),
        "phone.HEIC": b"\0\0\0\x18ftypheic",
        "empty.png": b"",
        "text.jpg": b"hello",
    }.items():
        put(data / "cat" / name, content)
    put(data / "cat" / "boxes.txt", b"0 1 2 3")
    found = class_folders.find(data)
    assert {one.path.name: one.reason for one in found.skipped} == {
        "scan.jpg": "a BMP file named .jpg; convert it to JPEG or PNG",
        "phone.HEIC": "a HEIC file; convert it to JPEG or PNG",
        "empty.png": "empty",
        "text.jpg": "no image, whatever its name says",
    }
    assert found.others == {".txt": 1}
    with pytest.raises(DataSetError, match=r"4 of 10 photographs cannot be used, more than 5%"):
        class_folders.check_skipped(found.skipped, 6, 0.05)
    class_folders.check_skipped(found.skipped, 6, 0.4)


@pytest.mark.skipif(os.name != "posix", reason="names of other systems are text")
def test_names_that_are_no_utf8_are_escaped_and_found_again(data: Path) -> None:
    for name in (b"a\xff.jpg", b"b.jpg"):
        put(data / os.fsdecode(b"caf\xe9") / os.fsdecode(name))
    found = class_folders.find(data)
    assert found.class_names == ("caf\\xe9", "cat", "dog")
    path = found.training.files[0][0]
    escaped = file_names.escaped(path.relative_to(data))
    assert escaped == "caf\\xe9/a\\xff.jpg"
    assert file_names.below(data, escaped) == path
    "\n".join(class_folders.describe(found)).encode("utf-8")


def _flat(data: Path) -> None:
    for name in ("cat", "dog"):
        for path in list((data / name).iterdir()):
            path.rename(data / f"{name}{path.name}")
        (data / name).rmdir()


def _one_too_high(data: Path) -> None:
    (data / "inner").mkdir()
    for name in ("cat", "dog"):
        (data / name).rename(data / "inner" / name)


def _lone(data: Path) -> None:
    for path in list((data / "dog").iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_flat, "photographs lie in it directly: move those of each class to a folder"),
        (_one_too_high, "found inner; did you mean --data "),
        (_lone, "dog has 1 photograph (JPEG or PNG) and needs at least 2"),
    ],
)
def test_a_data_set_that_cannot_work_is_explained(
    data: Path, change: Callable[[Path], None], message: str
) -> None:
    change(data)
    with pytest.raises(DataSetError) as refused:
        class_folders.find(data)
    assert message in str(refused.value)


def test_the_classes_of_both_parts_must_be_the_same(data: Path, tmp_path: Path) -> None:
    put(tmp_path / "others" / "cat" / "a.jpg")
    put(tmp_path / "others" / "cow" / "a.jpg")
    with pytest.raises(DataSetError, match="others: cow; missing: dog"):
        class_folders.find(data, tmp_path / "others")


LABELS = np.repeat([0, 1], 20)
PATHS = [
    Path(f"{'cat' if label == 0 else 'dog'}/s{n % 20 // 4}_{n}.jpg")
    for n, label in enumerate(LABELS)
]


def sides(group_by: str = "", contents: list[str] | None = None, seed: int = 0) -> np.ndarray:
    groups = splitting.groups(PATHS, contents or [""] * len(PATHS), group_by)
    return splitting.hold_out(LABELS, groups, 0.25, seed, ("cat", "dog"))


def test_each_class_is_divided_in_proportion() -> None:
    held_out = sides()
    assert [int(held_out[label == LABELS].sum()) for label in (0, 1)] == [5, 5]


@pytest.mark.parametrize("seed", range(5))
def test_a_subject_stands_on_one_side(seed: int) -> None:
    held_out = sides(r"s(\d+)_", seed=seed)
    by_subject: dict[str, set[bool]] = {}
    for path, side in zip(PATHS, held_out, strict=True):
        by_subject.setdefault(path.name.split("_")[0], set()).add(bool(side))
    assert all(len(found) == 1 for found in by_subject.values())
    assert 4 <= held_out[LABELS == 0].sum() <= 8


def test_copies_of_a_file_stand_on_one_side() -> None:
    contents = [f"digest {n // 2}" for n in range(40)]
    held_out = sides(contents=contents)
    assert (held_out[::2] == held_out[1::2]).all()


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(DataSetError, match="matches none of 40 photographs, for instance not cat"):
        splitting.groups(PATHS, [""] * 40, "patient")
    with pytest.raises(SettingsError, match="takes a regular expression"):
        splitting.groups(PATHS, [""] * 40, "(")


def test_a_class_of_one_group_cannot_be_divided() -> None:
    with pytest.raises(DataSetError, match="photographs of cat, dog cannot be divided"):
        sides(r"^(cat|dog)/")


def test_a_stated_split_that_divides_a_subject_is_refused() -> None:
    groups = splitting.groups(PATHS, [""] * 40, r"s(\d+)_")
    with pytest.raises(DataSetError, match="5 groups of --group-by have photographs both"):
        splitting.check_sides(PATHS, groups, np.arange(40) % 2 == 0)
