"""The entries of a COCO file: classes, boxes, and outlines that have no box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Any

from export.labels.annotations import Box, Collected, LabelledBox, UnreadableError
from export.labels.text_files import JsonFile, number, shown, text

_MOST_DIGITS = 20


def is_id(value: Any) -> bool:
    """Tell whether a value can be an id: a whole number or a text."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def known_as(value: Any, ids: Container[Any]) -> Any:
    """Return the id that a reference means: some programs write 7, "7" and 7.0 for one image.

    Args:
        value: The reference.
        ids: Those that there are.

    Returns:
        One of them, or the value itself where it is of none.
    """
    variants: list[Any] = [value] if is_id(value) else []
    if (isinstance(value, float) and value.is_integer()) or (
        isinstance(value, str) and value.isdecimal() and len(value) < _MOST_DIGITS
    ):
        variants.append(int(value))
    elif variants and isinstance(value, int):
        variants.append(str(value))
    return next((variant for variant in variants if variant in ids), value)


def class_names(file: JsonFile, collected: Collected) -> dict[Any, str]:
    """Return the classes by id, in the order of the ids.

    Raises:
        UnreadableError: Two categories share an id, or a name and both have boxes.
    """
    names: dict[Any, str] = {}
    stated = {
        e.get("id")
        for e in file.document["categories"]
        if isinstance(e, dict) and is_id(e.get("id"))
    }
    used = {
        known_as(entry["category_id"], stated)
        for entry in file.document["annotations"]
        if isinstance(entry, dict) and isinstance(entry.get("category_id"), int | str | float)
    }
    by_name: dict[str, Any] = {}
    for index, entry in enumerate(file.document["categories"]):
        identity = entry.get("id") if isinstance(entry, dict) else None
        name = text(entry.get("name")) if isinstance(entry, dict) else ""
        line = file.line(index, "categories")
        if not is_id(identity) or not name:
            reason = "expected a category with a number as id and a name, found "
            collected.problem(file.path, reason + shown(entry), line)
        elif identity in names:
            raise UnreadableError(file.path, f"two categories have the id {identity!r}", line)
        elif name in by_name and identity in used and by_name[name] in used:
            raise UnreadableError(file.path, f"two categories have the name {name!r}", line)
        elif name not in by_name or identity in used:
            # Roboflow writes the group's name as a category of its own, which no box has.
            names.pop(by_name.get(name), None)
            names[identity], by_name[name] = name, identity
    return dict(sorted(names.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def read_boxes(
    file: JsonFile,
    names: dict[Any, str],
    objects: dict[Any, list[LabelledBox]],
    collected: Collected,
) -> Counter[Any]:
    """Add each annotation to its image's objects.

    Args:
        file: The COCO file.
        names: Class by id.
        objects: What is found, by the image's id; of ids that are not in it nothing is used.
        collected: Where problems go.

    Returns:
        How many annotations of each image cannot be read.
    """
    without_boxes = 0
    unread: Counter[Any] = Counter()
    seen: dict[Any, Any] = {}
    for index, entry in enumerate(file.document["annotations"]):
        try:
            mine = _objects_of(entry, objects)
            if _is_there_twice(entry, seen):
                reason = f"annotation {shown(entry['id'])}: it is there twice; it is used once"
                collected.problem(file.path, reason, file.line(index, "annotations"))
                continue
            label = _label(entry, names)
            box, is_outline = _box(entry)
        except ValueError as err:
            where = (
                f"annotation {shown(entry.get('id'))}" if isinstance(entry, dict) else "an entry"
            )
            collected.problem(file.path, f"{where}: {err}", file.line(index, "annotations"))
            image = known_as(entry.get("image_id"), objects) if isinstance(entry, dict) else None
            if is_id(image):
                unread[image] += 1
            continue
        without_boxes += is_outline
        line = file.line(index, "annotations")
        mine.append(LabelledBox(label, box, _is_crowd(entry), line))
    if without_boxes:
        collected.notes.append(
            f"{file.path.name}: of {without_boxes} outlines without a box, the box around is used"
        )
    return unread


def _is_there_twice(entry: dict[str, Any], seen: dict[Any, Any]) -> bool:
    """Tell whether an annotation was there before. Two that share nothing but an id are two."""
    identity = entry.get("id")
    if not is_id(identity):
        return False
    before = seen.setdefault(identity, entry)
    return before is not entry and bool(before == entry)


def _objects_of(entry: Any, objects: dict[Any, list[LabelledBox]]) -> list[LabelledBox]:
    if not isinstance(entry, dict):
        raise ValueError(f"expected an object, found {shown(entry)}")  # noqa: TRY004
    image = known_as(entry.get("image_id"), objects)
    if not is_id(image):
        raise ValueError(f"expected an image_id, found {shown(image)}")
    if image not in objects:
        raise ValueError(f"no such image {image!r}")
    return objects[image]


def _label(entry: dict[str, Any], names: dict[Any, str]) -> str:
    category = known_as(entry.get("category_id"), names)
    if not is_id(category) or category not in names:
        raise ValueError(f"unknown class {shown(category)}")
    return names[category]


def _box(entry: dict[str, Any]) -> tuple[Box, bool]:
    """Return an annotation's box, and whether its outline had to stand for it."""
    stated = entry.get("bbox")
    if not stated and (outline := _outline(entry.get("segmentation"))):
        return outline, True
    if not isinstance(stated, list) or len(stated) != 4:
        raise ValueError(f"expected bbox of 4 numbers, found {shown(stated)}")
    x, y, width, height = map(number, stated)
    return (x, y, x + width, y + height), False


def _outline(segmentation: Any) -> Box | None:
    """Return the box around polygons; None where they are none (COCO's run lengths)."""
    if not isinstance(segmentation, list) or not segmentation:
        return None
    polygons = segmentation if isinstance(segmentation[0], list) else [segmentation]
    if not all(isinstance(polygon, list) for polygon in polygons):
        return None
    x = [number(value) for polygon in polygons for value in polygon[::2]]
    y = [number(value) for polygon in polygons for value in polygon[1::2]]
    return (min(x), min(y), max(x), max(y)) if x and y else None


def _is_crowd(entry: dict[str, Any]) -> bool:
    return entry.get("iscrowd") in (1, "1", True)
