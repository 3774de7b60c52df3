"""Photographs that are in the training data too: which copies are found, and which are not."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from export import duplicates
from export.evaluation import image_statistics
from export.evaluation.image_statistics import ImageStatistics

Change = Callable[[Image.Image], Image.Image]


def recompressed(image: Image.Image, quality: int = 20) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue()))


def cropped(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    margins = round(width * share), round(height * share)
    return image.crop((*margins, width - margins[0], height - margins[1]))


FOUND: dict[str, Change] = {
    "a third of the size": lambda i: i.resize((i.width // 3, i.height // 3)),
    "twice the size": lambda i: i.resize((i.width * 2, i.height * 2)),
    "quality 20": recompressed,
    "grey": lambda i: i.convert("L"),
    "half as bright": lambda i: ImageEnhance.Brightness(i).enhance(0.5),
    "mirrored": ImageOps.mirror,
    "mirrored, shrunk and recompressed": lambda i: recompressed(
        ImageOps.mirror(i).resize((i.width // 2, i.height // 2)), 40
    ),
    "2 % cut off each side": lambda i: cropped(i, 0.02),
    "5 % cut off each side": lambda i: cropped(i, 0.05),
}
NOT_FOUND: dict[str, Change] = {
    "20 % cut off each side": lambda i: cropped(i, 0.2),
    "turned by a right angle": lambda i: i.rotate(90),
    "upside down": ImageOps.flip,
    "negative": ImageOps.invert,
}


@pytest.fixture(scope="module")
def originals(photographs: Path) -> list[Path]:
    """Two dozen photographs of brick, grass and gravel, hard to tell apart by their look."""
    return sorted(photographs.rglob("*.jpg"))[::8]


@pytest.fixture(scope="module")
def seen(originals: list[Path]) -> ImageStatistics:
    return image_statistics.measure_images(originals)


def copies(originals: list[Path], folder: Path, change: Change) -> ImageStatistics:
    for position, path in enumerate(originals):
        with Image.open(path) as image:
            change(image.convert("RGB")).save(folder / f"{position:02}.jpg", quality=90)
    return image_statistics.measure_images(sorted(folder.iterdir()))


@pytest.mark.parametrize("kind", FOUND)
def test_a_changed_copy_is_found(
    originals: list[Path], seen: ImageStatistics, tmp_path: Path, kind: str
) -> None:
    found = duplicates.find(copies(originals, tmp_path, FOUND[kind]), seen)
    of = {pair.first.stem: pair.second for pair in found}
    right = sum(of.get(f"{n:02}") == path for n, path in enumerate(originals))
    assert right >= len(originals) - 1
    assert len(found) == len(of), "a stranger was named"
    assert {pair.kind for pair in found} == {"near"}
    assert {pair.mirrored for pair in found} == {"mirrored" in kind}


@pytest.mark.parametrize("kind", NOT_FOUND)
def test_what_the_check_does_not_see_is_known(
    originals: list[Path], seen: ImageStatistics, tmp_path: Path, kind: str
) -> None:
    assert len(duplicates.find(copies(originals, tmp_path, NOT_FOUND[kind]), seen)) <= 1


def test_strangers_are_not_named_and_the_same_file_is_exact(
    photographs: Path, originals: list[Path], seen: ImageStatistics, tmp_path: Path
) -> None:
    strangers = sorted(photographs.rglob("*.jpg"))[4::8]
    assert duplicates.find(image_statistics.measure_images(strangers), seen) == []
    copy = tmp_path / "renamed.jpg"
    shutil.copy(originals[5], copy)
    (pair,) = duplicates.find(image_statistics.measure_images([strangers[0], copy]), seen)
    assert pair == duplicates.Duplicate(copy, originals[5], "exact", 1.0)


def test_a_holdout_that_is_the_training_data_is_all_leaks(
    originals: list[Path], seen: ImageStatistics
) -> None:
    again = image_statistics.measure_images(originals)
    same = [(pair.first, pair.second, pair.kind) for pair in duplicates.find(again, seen)]
    assert {(path, path, "exact") for path in originals} <= set(same)


def test_within_one_set_each_pair_is_found_once(originals: list[Path], tmp_path: Path) -> None:
    files = [*originals[:3], Path(shutil.copy(originals[0], tmp_path / "copy.jpg"))]
    with Image.open(originals[1]) as image:
        image.convert("RGB").save(tmp_path / "small.jpg", quality=70)
    both = image_statistics.measure_images([*files, tmp_path / "small.jpg"])
    assert [(pair.first, pair.second, pair.kind) for pair in duplicates.find(both, both)] == [
        (originals[0], tmp_path / "copy.jpg", "exact"),
        (originals[1], tmp_path / "small.jpg", "near"),
    ]


def test_a_set_without_any_pair_has_none(originals: list[Path]) -> None:
    """More than are compared at once, so that some are compared with earlier ones alone."""
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, (300, 8, 8), np.uint8).repeat(4, 1).repeat(4, 2)
    paths = [Path(str(number)) for number in range(len(noise))]
    images = duplicates.ImageSet(paths, list(map(str, paths)), noise)
    assert duplicates.find(images, images) == []
    alone = image_statistics.measure_images(originals[:1])
    assert duplicates.find(alone, alone) == []


def test_pictures_of_one_colour_are_not_each_others_copies(tmp_path: Path) -> None:
    for name, colour in (("black", 0), ("white", 255)):
        Image.new("RGB", (64, 64), (colour,) * 3).save(tmp_path / f"{name}.png")
    black, white = (
        image_statistics.measure_images([tmp_path / f"{name}.png"]) for name in ("black", "white")
    )
    assert duplicates.find(black, white) == []


def test_a_photograph_that_its_camera_turned_is_the_same(
    originals: list[Path], seen: ImageStatistics, tmp_path: Path
) -> None:
    with Image.open(originals[0]) as image:
        exif = image.getexif()
        exif[0x0112] = 6  # "turn me by 90 degrees to the right"
        image.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    (pair,) = duplicates.find(image_statistics.measure_images([tmp_path / "turned.jpg"]), seen)
    assert pair.second == originals[0]


def test_what_is_no_picture_is_left_out(tmp_path: Path, originals: list[Path]) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    assert image_statistics.measure_images([tmp_path / "text.jpg", originals[0]]).paths == (
        originals[0],
    )
