"""Apple Create ML's JSON, as Roboflow and RectLabel write it: a list of images with their boxes."""

from __future__ import annotations

from typing import Any

from export.errors import DataSetError
from export.labels.annotations import Collected, LabelledBox, LabelledImage, Listing
from export.labels.folder import Folder, note_unlisted
from export.labels.layout import Layout
from export.labels.text_files import JsonFile, begins_with, number, shown, text

_IMAGE_KEYS, _BOX_KEYS = ("image", "imagefilename"), ("annotations", "annotation")
_OURS = frozenset(("label", "coordinates"))
_COORDINATES = ("x", "y", "width", "height")


def is_it(folder: Folder) -> bool:
    """Tell whether a JSON file of the folder is Create ML's."""
    return any(_is_list_of_images(file) for file in folder.json_files())


def read(folder: Folder) -> Listing:
    """Read the files; an image with an empty list is one without objects.

    Raises:
        DataSetError: There is no such file.
    """
    collected = Collected()
    files = [file for file in folder.json_files(collected) if _is_list_of_images(file)]
    if not files:
        raise DataSetError(f"{folder.root} has no JSON file of Create ML")
    for file in files:
        for index, entry in enumerate(file.document):
            try:
                image = _image(folder, file, entry, file.line(index), collected)
            except (ValueError, DataSetError) as err:
                collected.problem(file.path, str(err), file.line(index))
                continue
            collected.add(folder.part_said_by(file.path) or folder.part_of(image.path), image)
    note_unlisted(folder, collected)
    return collected.listing()


def _is_list_of_images(file: JsonFile) -> bool:
    return begins_with(file.document, lambda entry: _stated(entry) is not None)


def _stated(entry: dict[str, Any]) -> tuple[str, list[Any]] | None:
    """Return an image's name and its boxes; None where the entry is of some other program."""
    name = next((entry[key] for key in _IMAGE_KEYS if isinstance(entry.get(key), str)), None)
    boxes = next((entry[key] for key in _BOX_KEYS if isinstance(entry.get(key), list)), None)
    if name is None or boxes is None:
        return None
    ours = [box for box in boxes if isinstance(box, dict) and _OURS & box.keys()]
    return (name, boxes) if ours or not boxes else None


def _image(
    folder: Folder, file: JsonFile, entry: Any, line: int, collected: Collected
) -> LabelledImage:
    stated = _stated(entry) if isinstance(entry, dict) else None
    if stated is None:
        raise ValueError(f"expected an image with annotations, found {shown(entry)}")
    name, boxes = stated
    objects = []
    for box in boxes:
        try:
            objects.append(_object(box, line))
        except ValueError as err:
            collected.problem(file.path, f"{name}: {err}", line)
    path = folder.image(name, [file.path.parent, file.path.parent / "images"])
    unread = len(boxes) - len(objects)
    return LabelledImage(path, file.path, tuple(objects), unread=unread)


def _object(stated: Any, line: int) -> LabelledBox:
    label = text(stated.get("label")) if isinstance(stated, dict) else ""
    place = stated.get("coordinates") if isinstance(stated, dict) else None
    if not label or not isinstance(place, dict):
        raise ValueError(f"expected a label and coordinates, found {shown(stated)}")
    x, y, width, height = (number(place.get(key)) for key in _COORDINATES)
    # x and y are the centre, in pixels.
    box = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return LabelledBox(label, box, line=line)


LAYOUT = Layout(
    "create_ml",
    "Create ML: a JSON list of images with annotations of label and coordinates",
    is_it,
    read,
)
