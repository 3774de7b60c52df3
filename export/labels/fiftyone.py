"""FiftyOne's own JSON: ``labels.json`` by image, or ``samples.json`` of a whole data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from export.errors import DataSetError
from export.labels import text_files
from export.labels.annotations import Collected, LabelledBox, LabelledImage, Listing
from export.labels.folder import Folder, note_unlisted
from export.labels.layout import Layout
from export.labels.part_names import part_named
from export.labels.text_files import JsonFile, begins_with, number, shown

_DETECTIONS = "Detections"


def is_it(folder: Folder) -> bool:
    """Tell whether a JSON file of the folder is FiftyOne's."""
    return any(_is_by_image(file) or _is_samples(file) for file in folder.json_files())


def read(folder: Folder) -> Listing:
    """Read the files; an image with an empty list, or null, is one without objects.

    Raises:
        DataSetError: There is no such file, or it has several fields of detections.
    """
    collected = Collected()
    declared: dict[str, None] = {}
    for file in folder.json_files(collected):
        if _is_by_image(file):
            classes = file.document["classes"] or ()
            declared.update(dict.fromkeys(map(text_files.text, classes)))
            _add_by_image(folder, file, collected)
        elif _is_samples(file):
            _add_samples(folder, file, collected)
    if not collected.parts and not collected.problems:
        raise DataSetError(f"{folder.root} has no labels.json or samples.json of FiftyOne")
    note_unlisted(folder, collected)
    return collected.listing(tuple(name for name in declared if name) or None)


def _is_by_image(file: JsonFile) -> bool:
    document = file.document
    if not isinstance(document, dict) or not isinstance(document.get("labels"), dict):
        return False
    # Of a classification they are numbers.
    has_lists = any(isinstance(one, list | dict | None) for one in document["labels"].values())
    return "classes" in document and isinstance(document["classes"], list | None) and has_lists


def _is_samples(file: JsonFile) -> bool:
    samples = file.document.get("samples") if isinstance(file.document, dict) else None
    return begins_with(samples, lambda sample: "filepath" in sample)


def _add_by_image(folder: Folder, file: JsonFile, collected: Collected) -> None:
    classes = file.document.get("classes") or []
    for name, stated in file.document["labels"].items():
        detections = stated.get("detections") if isinstance(stated, dict) else stated
        try:
            path = folder.image(name, [file.path.parent / "data", file.path.parent])
            objects = tuple(_objects(detections, classes))
        except (ValueError, DataSetError) as err:
            collected.problem(file.path, f"{name}: {err}")
            continue
        part = folder.part_said_by(file.path)
        collected.add(part, LabelledImage(path, file.path, objects, in_fractions=True))


def _add_samples(folder: Folder, file: JsonFile, collected: Collected) -> None:
    samples = file.document["samples"]
    key = _field(file)
    for index, sample in enumerate(samples):
        line = file.line(index, "samples")
        if not isinstance(sample, dict) or not isinstance(sample.get("filepath"), str):
            collected.problem(file.path, f"expected a sample, found {shown(sample)}", line)
            continue
        field = sample.get(key)
        stated = field.get("detections") if isinstance(field, dict) else field
        try:
            path = folder.image(sample["filepath"], [file.path.parent / "data"])
            objects = tuple(_objects(stated, [], line))
        except (ValueError, DataSetError) as err:
            collected.problem(file.path, f"{PurePosixPath(sample['filepath']).name}: {err}", line)
            continue
        meta, tags = sample.get("metadata"), sample.get("tags")
        meta = meta if isinstance(meta, dict) else {}
        size = text_files.size(meta.get("width"), meta.get("height"))
        tags = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
        part = next((part for tag in tags if (part := part_named(tag))), folder.part_of(path))
        collected.add(part, LabelledImage(path, file.path, objects, size, in_fractions=True))


def _field(file: JsonFile) -> str:
    """Return the one field of the samples that holds detections; empty where none does."""
    fields = {
        name
        for sample in file.document["samples"]
        if isinstance(sample, dict)
        for name, value in sample.items()
        if isinstance(value, dict) and value.get("_cls") == _DETECTIONS
    }
    if "ground_truth" in fields or len(fields) <= 1:
        return "ground_truth" if "ground_truth" in fields else next(iter(fields), "")
    raise DataSetError(
        f"{file.path} has several fields of detections: {', '.join(sorted(fields))}; export the "
        "true one alone, or call it ground_truth"
    )


def _objects(detections: Any, classes: list[Any], line: int | None = None) -> Iterator[LabelledBox]:
    if detections is None:
        return
    if not isinstance(detections, list):
        raise ValueError(f"expected a list of detections, found {shown(detections)}")  # noqa: TRY004
    for one in detections:
        label = one.get("label") if isinstance(one, dict) else None
        if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes):
            label = classes[label]
        box = one.get("bounding_box") if isinstance(one, dict) else None
        if not text_files.text(label) or not isinstance(box, list) or len(box) != 4:
            raise ValueError(
                f"expected a label and a bounding_box of 4 numbers, found {shown(one)}"
            )
        x, y, width, height = map(number, box)
        crowd = one.get("iscrowd") in (1, True)
        corners = (x, y, x + width, y + height)
        yield LabelledBox(text_files.text(label), corners, crowd, line)


LAYOUT = Layout(
    "fiftyone",
    "FiftyOne: labels.json with classes and labels, or samples.json, and images in data/",
    is_it,
    read,
)
