"""The scenes of :mod:`demo.scenes` as Pascal VOC folders, which a person can look through."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from demo.scenes import PlacedDigit, compose, split


def write_data_sets(directory: Path, training: int, held_out: int, seed: int = 0) -> None:
    """Write ``directory/training``, with its own validation list, and ``directory/test``.

    Args:
        directory: Where to write; made if missing, files there are replaced.
        training: Number of scenes to train on.
        held_out: Number of scenes to choose the best epoch by, and of those to measure with.
        seed: The same seed gives the same files.
    """
    parts = split(seed)
    names = {}
    for part, folder, count in (
        ("train", "training", training),
        ("val", "training", held_out),
        ("test", "test", held_out),
    ):
        # A generator a part: the test scenes do not depend on how many there are to train on.
        draw = random.Random(f"{part} {seed}")  # noqa: S311  # pictures, not secrets
        names[part] = _write(directory / folder, part, compose(parts[part], count, draw))
    lists = directory / "training" / "ImageSets" / "Main"
    lists.mkdir(parents=True, exist_ok=True)
    for part in ("train", "val"):
        (lists / f"{part}.txt").write_text("\n".join(names[part]) + "\n", encoding="utf-8")


def _write(
    directory: Path, part: str, scenes: Iterable[tuple[Image.Image, Sequence[PlacedDigit]]]
) -> list[str]:
    """Write pictures and annotations; return their names, without folder and suffix."""
    annotations, images = directory / "Annotations", directory / "JPEGImages"
    for folder in (annotations, images):
        folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, (picture, digits) in enumerate(scenes):
        name = f"{part}_{number:03d}"
        picture.save(images / f"{name}.jpg", quality=92)
        (annotations / f"{name}.xml").write_text(_xml(digits), encoding="utf-8")
        names.append(name)
    return names


def _xml(digits: Sequence[PlacedDigit]) -> str:
    # VOC counts pixels from 1 and includes the last one.
    objects = "".join(
        f"<object><name>{digit.label}</name><bndbox>"
        f"<xmin>{digit.box[0] + 1}</xmin><ymin>{digit.box[1] + 1}</ymin>"
        f"<xmax>{digit.box[2]}</xmax><ymax>{digit.box[3]}</ymax></bndbox></object>\n"
        for digit in digits
    )
    return f"<annotation>\n{objects}</annotation>\n"
