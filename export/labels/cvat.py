"""CVAT's own XML, "CVAT for images": one file with all images."""

from __future__ import annotations

import math
from pathlib import Path

from export.errors import DataSetError
from export.labels import text_files, xml_files
from export.labels.annotations import (
    Collected,
    LabelledBox,
    LabelledImage,
    Listing,
    UnreadableError,
    box_around_turned,
)
from export.labels.folder import Folder, note_unlisted
from export.labels.layout import Layout
from export.labels.part_names import part_named
from export.labels.xml_files import Element

_ROOT = "annotations"
_EDGES = ("xtl", "ytl", "xbr", "ybr")
_OUTLINES = ("polygon", "polyline")


def is_it(folder: Folder) -> bool:
    """Tell whether any XML file of the folder is CVAT's."""
    return any(xml_files.root_tag(path) == _ROOT for path in folder.ending(".xml"))


def read(folder: Folder) -> Listing:
    """Read the files; an image without shapes is one without objects.

    Raises:
        DataSetError: A file cannot be read, or has the tracks of a video.
    """
    collected = Collected()
    declared: dict[str, None] = {}
    for path in folder.ending(".xml"):
        tag = xml_files.root_tag(path)
        if tag and tag != _ROOT:
            continue
        try:
            root = xml_files.read(path, text_files.read_bytes(path))
        except UnreadableError as err:
            if tag:
                raise
            folder.complain(err, collected)
            continue
        if root.tag != _ROOT:
            continue
        images = root.all("image")
        if not images and root.all("track"):
            raise UnreadableError(
                path, 'tracks of a video; export the task as "CVAT for images 1.1" instead'
            )
        for element in root.descendants("label"):
            declared.update(dict.fromkeys([element.value("name")] if element.children else []))
        for element in images:
            _add(folder, path, element, collected)
    note_unlisted(folder, collected)
    return collected.listing(tuple(name for name in declared if name) or None)


def _add(folder: Folder, path: Path, element: Element, collected: Collected) -> None:
    name = element.attributes.get("name", "").strip()
    if not name:
        collected.problem(path, "an image has no name", element.line)
        return
    subset = element.attributes.get("subset", "").strip()
    homes = [path.parent, path.parent / "images", folder.root / "data"]
    if subset:  # of a project's export, where each subset has its own 0001.jpg
        homes = [home / _safe(subset) for home in homes] + homes
    try:
        image = folder.image(name, homes)
    except DataSetError as err:
        collected.problem(path, str(err), element.line)
        return
    objects, others, unread = [], [], 0
    for shape in element.children:
        try:
            if item := _object(shape):
                objects.append(item)
            elif shape.tag != "tag":  # of the whole image
                others.append(shape.tag)
        except ValueError as err:
            collected.problem(path, f"{name}: {err}", shape.line)
            unread += 1
    if others:
        what = ", ".join(sorted(set(others)))
        collected.problem(path, f"{name}: no box can be made of {what}", element.line)
    size = text_files.size(element.attributes.get("width"), element.attributes.get("height"))
    part = part_named(subset) or folder.part_of(image)
    unread += len(others)
    collected.add(part, LabelledImage(image, path, tuple(objects), size, unread=unread))


def _safe(name: str) -> str:
    return name.replace("/", "_").replace("\0", "_")


def _object(shape: Element) -> LabelledBox | None:
    label = shape.attributes.get("label", "").strip()
    if shape.tag in _OUTLINES:
        points = [
            [text_files.number(value) for value in point.split(",")]
            for point in shape.attributes.get("points", "").split(";")
        ]
        x, y = zip(*points, strict=True)
        box = min(x), min(y), max(x), max(y)
    elif shape.tag == "box":
        edges = [text_files.number(shape.attributes.get(edge)) for edge in _EDGES]
        turned = text_files.number(shape.attributes.get("rotation", 0))
        box = _around(edges, turned)
    else:
        return None
    if not label:
        raise ValueError(f"a {shape.tag} has no label")
    return LabelledBox(label, box, line=shape.line)


def _around(edges: list[float], degrees: float) -> tuple[float, float, float, float]:
    """Return the upright box around one that is turned about its centre."""
    xmin, ymin, xmax, ymax = edges
    x, y = (xmin + xmax) / 2, (ymin + ymax) / 2
    return box_around_turned(x, y, xmax - xmin, ymax - ymin, math.radians(degrees))


LAYOUT = Layout(
    "cvat",
    'CVAT: an XML file (<annotations>) of "CVAT for images 1.1"',
    is_it,
    read,
)
