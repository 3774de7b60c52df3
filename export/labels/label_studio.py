"""Label Studio's own JSON: a list of tasks, in full or "JSON-MIN"."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import Any

from export import photograph_files
from export.errors import DataSetError
from export.labels import text_files
from export.labels.annotations import Box, Collected, LabelledBox, LabelledImage, Listing
from export.labels.folder import Folder, note_unlisted
from export.labels.layout import Layout
from export.labels.text_files import JsonFile, begins_with, number, shown

_BOXLESS = ("brushlabels", "keypointlabels", "vectorlabels", "bitmasklabels", "cuboidlabels")
# What is asked about a region that another tag has drawn.
_ABOUT = {"choices", "text", "rating", "number", "taxonomy", "datetime"}
_IMAGE_KEYS = ("image", "img", "photo", "ocr")
_ANNOTATIONS = ("annotations", "completions")  # the second before version 1.0
_ANNOTATED_BY_MIN = "annotation_id"
_FEWEST_CORNERS = 3


def is_it(folder: Folder) -> bool:
    """Tell whether any JSON file of the folder is a list of tasks about images."""
    return any(_is_tasks(file) for file in folder.json_files())


def read(folder: Folder) -> Listing:
    """Read the tasks. One that nobody has annotated is not used; one annotated as empty is.

    Raises:
        DataSetError: No file has tasks.
    """
    collected = Collected()
    files = [file for file in folder.json_files(collected) if _is_tasks(file)]
    if not files:
        raise DataSetError(f"{folder.root} has no JSON export of Label Studio")
    open_tasks = several = 0
    for file in files:
        for index, task in enumerate(file.document):
            line = file.line(index)
            try:
                image = _image(folder, file, task, line, collected)
            except (ValueError, DataSetError) as err:
                collected.problem(file.path, f"task {index + 1}: {err}", line)
                continue
            several += len(_annotations(task)) > 1
            if image is None:
                open_tasks += 1
            else:
                collected.add(folder.part_of(image.path), image)
    if several:
        said = "images were annotated more than once: what is marked as ground truth, or else the"
        collected.notes.append(f"{several} {said} last annotation, is used")
    if open_tasks:
        collected.notes.append(f"{open_tasks} tasks that nobody has annotated yet are not used")
    note_unlisted(folder, collected)
    return collected.listing()


def _is_tasks(file: JsonFile) -> bool:
    return begins_with(file.document, lambda task: _name_of(task) is not None)


def _name_of(task: dict[str, Any]) -> str | None:
    """Return the image that a task is about; None where it is no task about an image."""
    data = task.get("data")
    if isinstance(data, dict):
        if not {*_ANNOTATIONS, "predictions", "id"} & task.keys():
            return None
    elif _ANNOTATED_BY_MIN in task or _regions_of_min(task):
        data = task
    else:
        return None
    named = [value for key in _IMAGE_KEYS if isinstance(value := data.get(key), str) and value]
    others = [value for value in data.values() if isinstance(value, str)]
    images = [value for value in (*named, *others) if _is_image(value)]
    return next(iter((*images, *named)), None)


def _is_image(value: str) -> bool:
    """Tell whether a text is an image's address or name: a date has a dot as well."""
    name = PurePosixPath(value.replace("\\", "/").partition("?")[0])
    return photograph_files.looks_like_one(Path(name.name)) or "?d=" in value


def _image(
    folder: Folder, file: JsonFile, task: Any, line: int, collected: Collected
) -> LabelledImage | None:
    if not isinstance(task, dict) or (name := _name_of(task)) is None:
        raise ValueError(f"expected a task with an image, found {shown(task)}")
    regions = _regions(task)
    if regions is None:
        return None
    # Where shape and label are two tags, a region is there twice, once without its label.
    labelled = {str(region["id"]) for region in regions if "id" in region and _labels(region)}
    objects, sizes, unread = [], [], 0
    for region in regions:
        if _labels(region) is None and str(region.get("id")) in labelled:
            continue
        try:
            if item := _object(region, line):
                objects.append(item)
        except (KeyError, TypeError, ValueError) as err:
            collected.problem(file.path, f"{name}: {_sentence(err)}", line)
            unread += 1
            continue
        sizes.append(text_files.size(region.get("original_width"), region.get("original_height")))
    path = folder.image(name, [file.path.parent, file.path.parent / "images"])
    stated = next((size for size in sizes if size), None)
    return LabelledImage(path, file.path, tuple(objects), stated, in_fractions=True, unread=unread)


def _sentence(err: Exception) -> str:
    return f"a region lacks {err}" if isinstance(err, KeyError) else str(err)


def _regions(task: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return what was marked in an image; None where nobody has looked at it."""
    if not set(_ANNOTATIONS) & task.keys():
        return _regions_of_min(task)
    annotations = _annotations(task)
    if not annotations:
        return None
    chosen = next((one for one in annotations if one.get("ground_truth")), annotations[-1])
    result = chosen.get("result")
    return [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []


def _annotations(task: Any) -> list[dict[str, Any]]:
    """Return the annotations that were not cancelled."""
    there = [key for key in _ANNOTATIONS if key in task] if isinstance(task, dict) else []
    stated = task[there[0]] if there else None
    return [
        one
        for one in (stated if isinstance(stated, list) else ())
        if isinstance(one, dict) and "result" in one and not one.get("was_cancelled")
    ]


def _regions_of_min(task: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the regions of a JSON-MIN task, of all its tags."""
    found = [
        one
        for value in task.values()
        if isinstance(value, list)
        for one in value
        if isinstance(one, dict) and ({"x", "points"} & one.keys() or _labels(one) is not None)
    ]
    return found if found or _ANNOTATED_BY_MIN in task else None


def _labels(region: dict[str, Any]) -> Any:
    """Return a region's labels, under whatever name its kind has; None where it has none."""
    value = region.get("value", region)
    if not isinstance(value, dict):
        return None
    return next((labels for key, labels in value.items() if key.endswith("labels")), None)


def _object(region: dict[str, Any], line: int) -> LabelledBox | None:
    """Return what has a place and a label; None for what has none, as a choice or a relation."""
    value = region.get("value", region)
    if not isinstance(value, dict):
        raise ValueError(f"expected a region, found {shown(value)}")  # noqa: TRY004
    if boxless := [key for key in _BOXLESS if key in value]:
        raise ValueError(f"no box can be made of {boxless[0]}")
    if not {"x", "points"} & value.keys():
        return None  # of a text, of the whole image, or of two regions
    labels = _labels(region)
    if labels is None:
        if not _ABOUT & value.keys() and {"width", "points", "radiusX"} & value.keys():
            raise ValueError(f"a {region.get('type') or 'rectangle'} has no label")
        return None
    if not isinstance(labels, list) or len(labels) != 1 or not text_files.text(labels[0]):
        raise ValueError(f"expected one label for a region, found {shown(labels)}")
    if "points" in value:
        box = _around(value["points"])
    elif "radiusX" in value:
        box = _around_ellipse(region, value)
    else:
        box = _box(region, value)
    return LabelledBox(text_files.text(labels[0]), box, line=line)


def _around(points: Any) -> Box:
    """Return the box around an outline."""
    if not isinstance(points, list) or len(points) < _FEWEST_CORNERS:
        raise ValueError(f"expected an outline of 3 points or more, found {shown(points)}")
    corners = [[number(edge) / 100 for edge in point] for point in points]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _around_ellipse(region: dict[str, Any], value: dict[str, Any]) -> Box:
    """Return the box around an ellipse, turned about its centre."""
    keys = ("x", "y", "radiusX", "radiusY")
    x, y, along, over = (number(value[key]) / 100 for key in keys)
    across, down = _pixels(region)
    angle = math.radians(number(value.get("rotation") or 0))
    sine, cosine = math.sin(angle), math.cos(angle)
    half_width = math.hypot(along * across * cosine, over * down * sine) / across
    half_height = math.hypot(along * across * sine, over * down * cosine) / down
    return x - half_width, y - half_height, x + half_width, y + half_height


def _pixels(region: dict[str, Any]) -> tuple[int, int]:
    """Return the image's width and height: what is turned is turned in pixels."""
    size = text_files.size(region.get("original_width"), region.get("original_height"))
    return size or (1, 1)


def _box(region: dict[str, Any], value: dict[str, Any]) -> Box:
    """Return the box around a rectangle, turned clockwise about its upper left corner."""
    x, y, width, height = (number(value[key]) / 100 for key in ("x", "y", "width", "height"))
    angle = math.radians(number(value.get("rotation") or 0))
    if not angle:
        return x, y, x + width, y + height
    across, down = _pixels(region)
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
