"""COCO's JSON: one file a part, its images wherever the tools that write it leave them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from export.errors import DataSetError
from export.labels import coco_entries, text_files
from export.labels.annotations import (
    PARTS,
    TRAINING,
    Collected,
    LabelledBox,
    LabelledImage,
    Listing,
    UnreadableError,
)
from export.labels.folder import COCO_OTHERS, Folder, note_unlisted
from export.labels.layout import Layout
from export.labels.text_files import JsonFile, shown

_LISTS = ("images", "annotations", "categories")


def is_it(folder: Folder) -> bool:
    """Tell whether any JSON file of the folder is COCO's."""
    return any(_is_coco(file) for file in folder.json_files())


def read(folder: Folder) -> Listing:
    """Read the file of each part.

    Raises:
        DataSetError: A part has several files, one is broken, or the files name other classes.
    """
    collected = Collected()
    files = _files(folder, collected)
    names: dict[str, dict[Any, str]] = {}
    for part, file in files.items():
        names[part] = coco_entries.class_names(file, collected)
        for image in _images(folder, file, names[part], collected):
            collected.add(part, image)
    first = next(iter(files))  # of a folder that is held out as a whole there is no other
    declared = names[first]
    for part in files:
        if unknown := sorted(set(names[part].values()) - set(declared.values())):
            raise DataSetError(
                f"{files[part].path} names classes that {files[first].path} lacks: "
                + ", ".join(unknown)
            )
    note_unlisted(folder, collected)
    return collected.listing(tuple(declared.values()) or None)


def _files(folder: Folder, collected: Collected) -> dict[str, JsonFile]:
    """Return the file of each part; of a single one it is all there is."""
    found = []
    for file in folder.json_files(collected):
        if _is_coco(file):
            found.append(file)
        else:
            _say_what_is_missing(file, folder, collected)
    boxes = [file for file in found if not file.path.name.startswith(COCO_OTHERS)] or found
    by_part: dict[str, list[JsonFile]] = defaultdict(list)
    for file in boxes:
        by_part[folder.part_said_by(file.path) or TRAINING].append(file)
    for part, files in by_part.items():
        if len(files) > 1:
            raise DataSetError(
                f"{folder.root} has {len(files)} COCO files for the {part} images: "
                f"{', '.join(folder.name(file.path) for file in files)}; leave one of them there, "
                "or give the others names with train, val or test in them"
            )
    if not by_part:
        _say_what_is_broken(folder)
    return {part: by_part[part][0] for part in PARTS if part in by_part}


def _say_what_is_broken(folder: Folder) -> None:
    for path in folder.ending(".json"):
        file = folder.json(path)  # broken JSON speaks for itself
        raise DataSetError(f"{file.path} is no COCO file: expected the lists {', '.join(_LISTS)}")
    raise DataSetError(f"{folder.root} holds no JSON file")


def _is_coco(file: JsonFile) -> bool:
    return not _missing(file)


def _missing(file: JsonFile) -> list[str]:
    document = file.document if isinstance(file.document, dict) else {}
    return [key for key in _LISTS if not isinstance(document.get(key), list)]


def _say_what_is_missing(file: JsonFile, folder: Folder, collected: Collected) -> None:
    """Say of a file with images that it is not used.

    Raises:
        UnreadableError: It has boxes of a part, and no classes.
    """
    missing = _missing(file)
    if missing == ["annotations"]:  # as of the official test images
        said = "has images and no annotations: it is not used"
        collected.notes.append(f"{folder.name(file.path)} {said}")
    elif missing == ["categories"] and _has_boxes(file.document):
        reason = f"is no COCO file: expected the lists {', '.join(_LISTS)}; it lacks categories"
        folder.complain(UnreadableError(file.path, reason), collected)


def _has_boxes(document: dict[str, Any]) -> bool:
    """Tell whether annotations are of boxes: captions have none."""
    entries = document["annotations"][:10]
    return not entries or any(isinstance(e, dict) and "bbox" in e for e in entries)


def _images(
    folder: Folder, file: JsonFile, names: dict[Any, str], collected: Collected
) -> list[LabelledImage]:
    objects: dict[Any, list[LabelledBox]] = {}
    entries: dict[Any, dict[str, Any]] = {}
    doubled: dict[Any, int] = {}
    for index, entry in enumerate(file.document["images"]):
        number = entry.get("id") if isinstance(entry, dict) else None
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not coco_entries.is_id(number) or not isinstance(name, str) or not name.strip():
            reason = f"expected an image with an id and a file_name, found {shown(entry)}"
            collected.problem(file.path, reason, file.line(index, "images"))
        elif number in entries:
            doubled[number] = index
        else:
            entries[number], objects[number] = entry, []
    for number, index in doubled.items():
        one, other = entries.pop(number), file.document["images"][index]
        reason = (
            f"two images have the id {number!r}, {one['file_name']!r} and {other['file_name']!r}; "
            "which boxes belong to which cannot be told"
        )
        collected.problem(file.path, reason, file.line(index, "images"))
    unread = coco_entries.read_boxes(file, names, objects, collected)
    found = []
    for number, entry in entries.items():
        try:
            path = folder.image(entry["file_name"], _homes(folder, file.path))
        except DataSetError as err:
            collected.problem(file.path, str(err))
            continue
        size = text_files.size(entry.get("width"), entry.get("height"))
        items = tuple(objects[number])
        found.append(LabelledImage(path, file.path, items, size, unread=unread[number]))
    return found


def _homes(folder: Folder, path: Path) -> list[Path]:
    """Return where a file's images probably are: instances_train2017.json's in train2017/."""
    part = path.stem.rpartition("_")[2]
    root = folder.root
    names = ("images", "data", part, f"images/{part}", f"data/{part}")
    return [path.parent, *(root / name for name in names)]


LAYOUT = Layout(
    "coco",
    "COCO: a JSON file with images, annotations and categories, for each part or for all",
    is_it,
    read,
)
