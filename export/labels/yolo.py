"""YOLO's text files: one an image, a line an object, and a file with the names of the classes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from export.labels import text_files, yolo_names, yolo_parts
from export.labels.annotations import (
    TRAINING,
    Collected,
    LabelledBox,
    LabelledImage,
    Listing,
    UnreadableError,
)
from export.labels.folder import Folder
from export.labels.layout import Layout
from export.labels.yolo_names import NamesFile

_OBJECT = re.compile(r"\d+(\.0*)?(\s+[-+.\deE]+){4,}")
_POLYGON = 6  # fewest numbers of an outline: three points


def is_it(folder: Folder) -> bool:
    """Tell whether a text file has an image's name and numbers in it."""
    return any(_is_label_file(folder, path) for path in folder.ending(".txt"))


def read(folder: Folder) -> Listing:
    """Read the text file of each image; an image without one has no objects.

    The parts are those of ``data.yaml``, of lists such as ``train.txt``, or of folders.

    Raises:
        DataSetError: No file says how the classes are called.
    """
    names_file = yolo_names.find(folder)
    collected = Collected()
    of_image = _label_files(folder, collected)
    parts = yolo_parts.find(folder, names_file, collected)
    homes = {path.parent for path in of_image}
    stated = {part for of_one in parts.values() for part in of_one}
    stated |= {part for part, _ in yolo_parts.stated(names_file)}
    without, left = 0, 0
    for path in folder.images:
        labels = of_image.get(path)
        if path not in parts and path.parent not in homes:
            continue
        by_folder = folder.part_of(path)
        if path not in parts and (by_folder or TRAINING) in stated:
            left += 1
            continue
        without += labels is None
        image = _image(path, labels or [], names_file, collected)
        if image:
            for part in parts.get(path, (by_folder,)):
                collected.add(part, image)
    if without:
        collected.notes.append(
            f"{without} images have no text file and count as images without objects"
        )
    if left:
        collected.notes.append(f"{left} images are in no part and are not used")
    return collected.listing(names_file.names)


def _is_label_file(folder: Folder, path: Path) -> bool:
    return folder.image_beside(path) is not None and _has_objects(path)


def _is_empty(path: Path) -> bool:
    return not path.stat().st_size


def _has_objects(path: Path) -> bool:
    """Tell whether a text begins with an object."""
    try:
        lines = text_files.lines(path)
    except UnreadableError:
        return False
    return bool(lines) and bool(_OBJECT.fullmatch(lines[0][1]))


def _label_files(folder: Folder, collected: Collected) -> dict[Path, list[Path]]:
    """Return the text files of each image that has any: mostly one."""
    texts = dict.fromkeys(folder.ending(".txt"), "")
    of_file = folder.images_of(texts, collected, lambda path: _is_empty(path) or _has_objects(path))
    of_image: dict[Path, list[Path]] = defaultdict(list)
    for path, image in of_file.items():
        if image:
            of_image[image].append(path)
    return of_image


def _image(
    path: Path, labels: Sequence[Path], names_file: NamesFile, collected: Collected
) -> LabelledImage | None:
    objects, unread = [], 0
    # Of a pose the first four numbers are its box, and the others its points.
    has_points = isinstance(names_file.settings.get("kpt_shape"), list)
    for file in labels:
        try:
            lines = text_files.lines(file)
        except UnreadableError as err:
            collected.problems.append(err.problem)
            return None
        for number, line in lines:
            try:
                objects.append(_object(line, number, names_file.names, has_points=has_points))
            except ValueError as err:
                collected.problem(file, str(err), number)
                unread += 1
    source = labels[0] if labels else path
    return LabelledImage(path, source, tuple(objects), in_fractions=True, unread=unread)


def _object(line: str, number: int, names: tuple[str, ...], *, has_points: bool) -> LabelledBox:
    label, *rest = line.split()
    values = [text_files.number(value) for value in (rest[:4] if has_points else rest)]
    index = text_files.number(label)
    if index != int(index) or not 0 <= index < len(names):
        raise ValueError(f"class {label} is none of 0 to {len(names) - 1} ({', '.join(names)})")
    if values and max(map(abs, values)) > 2:
        raise ValueError(f"expected fractions of the image, found {' '.join(rest[:8])}: pixels?")
    if len(values) == 4:
        x, y, width, height = values
        box = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    elif len(values) >= _POLYGON and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        box = min(xs), min(ys), max(xs), max(ys)
    else:
        raise ValueError(
            "expected a class and 4 fractions (centre x, centre y, width, height), or an outline, "
            f"found {text_files.shown(line)}"
        )
    return LabelledBox(names[int(index)], box, line=number)


LAYOUT = Layout(
    "yolo",
    "YOLO: a text file an image, beside it or in labels/, and data.yaml, classes.txt or obj.names",
    is_it,
    read,
)
