"""Label Studio's own JSON: a list of tasks, in full or "JSON-MIN"."""

from __future__ import annotations

import math
from typing import Any

from export.errors import DataSetError
from export.labels import text_files
from export.labels.annotations import Box, Collected, LabelledBox, LabelledImage, Listing
from export.labels.folder import Folder, note_unlisted
from export.labels.layout import Layout
from export.labels.text_files import JsonFile, number, shown

_RECTANGLES = "rectanglelabels"
_IMAGE_KEYS = ("image", "img", "photo", "ocr")
_KEYS = {"annotations", "annotation_id"}  # a task has one of them, or a list of regions


def is_it(folder: Folder) -> bool:
    """Tell whether any JSON file of the folder is a list of tasks about images."""
    return any(_is_tasks(file) for file in folder.json_files())


def read(folder: Folder) -> Listing:
    """Read the tasks. One that nobody has annotated is not used; one annotated as empty is.

    Raises:
        DataSetError: No file has tasks.
    """
    files = [file for file in folder.json_files() if _is_tasks(file)]
    if not files:
        raise DataSetError(f"{folder.root} has no JSON export of Label Studio")
    collected = Collected()
    open_tasks = 0
    for file in files:
        for index, task in enumerate(file.document):
            line = file.line(index)
            try:
                image = _image(folder, file, task, line, collected)
            except (ValueError, DataSetError) as err:
                collected.problem(file.path, f"task {index + 1}: {err}", line)
                continue
            if image is None:
                open_tasks += 1
            else:
                collected.add(folder.part_of(image.path), image)
    if open_tasks:
        collected.notes.append(f"{open_tasks} tasks that nobody has annotated yet are not used")
    note_unlisted(folder, collected)
    return collected.listing()


def _is_tasks(file: JsonFile) -> bool:
    tasks = file.document
    return isinstance(tasks, list) and any(
        isinstance(task, dict) and _name_of(task) is not None for task in tasks[:10]
    )


def _name_of(task: dict[str, Any]) -> str | None:
    """Return the image that a task is about."""
    data = task.get("data") if isinstance(task.get("data"), dict) else task
    assert isinstance(data, dict)  # noqa: S101  # for the type checker
    if data is task and not task.keys() & _KEYS and _regions_of_min(task) is None:
        return None
    candidates = [data.get(key) for key in _IMAGE_KEYS] + list(data.values())
    return next((v for v in candidates if isinstance(v, str) and "." in v), None)


def _image(
    folder: Folder, file: JsonFile, task: Any, line: int, collected: Collected
) -> LabelledImage | None:
    if not isinstance(task, dict) or (name := _name_of(task)) is None:
        raise ValueError(f"expected a task with an image, found {shown(task)}")
    regions = _regions(task)
    if regions is None:
        return None
    objects, sizes = [], []
    for region in regions:
        try:
            if item := _object(region, line):
                objects.append(item)
        except (KeyError, TypeError, ValueError) as err:
            collected.problem(file.path, f"{name}: {_sentence(err)}", line)
            continue
        sizes.append(text_files.size(region.get("original_width"), region.get("original_height")))
    path = folder.image(name, [file.path.parent, file.path.parent / "images"])
    stated = next((size for size in sizes if size), None)
    return LabelledImage(path, file.path, tuple(objects), stated, in_fractions=True)


def _sentence(err: Exception) -> str:
    return f"a region lacks {err}" if isinstance(err, KeyError) else str(err)


def _regions(task: dict[str, Any]) -> list[Any] | None:
    """Return what was marked in an image; None where nobody has looked at it."""
    if "annotations" not in task:
        return _regions_of_min(task)
    annotations = [
        one
        for one in task["annotations"] or ()
        if isinstance(one, dict) and not one.get("was_cancelled")
    ]
    if not annotations:
        return None
    chosen = next((one for one in annotations if one.get("ground_truth")), annotations[-1])
    return [region for region in chosen.get("result") or () if isinstance(region, dict)]


def _regions_of_min(task: dict[str, Any]) -> list[Any] | None:
    for value in task.values():
        if isinstance(value, list) and any(isinstance(one, dict) and "x" in one for one in value):
            return value
    return [] if "annotation_id" in task else None


def _object(region: dict[str, Any], line: int) -> LabelledBox | None:
    """Return a rectangle with a label; None for anything else, such as a choice or a relation."""
    value = region.get("value", region)
    labels = value.get(_RECTANGLES)
    if labels is None:
        if "x" in value and "width" in value and region.get("type", "") in ("rectanglelabels", ""):
            raise ValueError("a rectangle has no label")
        return None
    if not isinstance(labels, list) or len(labels) != 1 or not text_files.text(labels[0]):
        raise ValueError(f"expected one label for a rectangle, found {shown(labels)}")
    return LabelledBox(text_files.text(labels[0]), _box(region, value), line=line)


def _box(region: dict[str, Any], value: dict[str, Any]) -> Box:
    """Return the box around a rectangle, turned clockwise about its upper left corner."""
    x, y, width, height = (number(value[key]) / 100 for key in ("x", "y", "width", "height"))
    angle = math.radians(number(value.get("rotation") or 0))
    if not angle:
        return x, y, x + width, y + height
    size = text_files.size(region.get("original_width"), region.get("original_height"))
    across, down = size or (1, 1)  # turned in pixels, not in fractions
    sine, cosine = math.sin(angle), math.cos(angle)
    corners = [
        (x + (dx * cosine - dy * sine) / across, y + (dx * sine + dy * cosine) / down)
        for dx in (0, width * across)
        for dy in (0, height * down)
    ]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


LAYOUT = Layout(
    "label_studio", "Label Studio: its JSON or JSON-MIN export, a list of tasks", is_it, read
)
