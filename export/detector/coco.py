"""Read COCO JSON: one file with its own split unknown, or one for training and one for validation.

Known layouts: ``annotations/instances_train*.json`` with ``instances_val*.json`` (COCO's own),
``train/_annotations.coco.json`` with ``valid/_annotations.coco.json`` (labelling services'), and a
single JSON file in the folder or in ``annotations/``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from export.detector.annotations import LabelledBox, LabelledImage, Listing, Problem
from export.errors import DataSetError


def is_coco(data_dir: Path) -> bool:
    """Tell whether the folder has COCO JSON where one of the known layouts has it."""
    return bool(_files(data_dir))


def read(data_dir: Path) -> Listing:
    """Read the annotations.

    Args:
        data_dir: The folder.

    Returns:
        What the files say; an entry that cannot be used is among ``problems``.

    Raises:
        DataSetError: There is no JSON file, one is broken or is not COCO's, or the two files name
            different classes.
    """
    files = _files(data_dir)
    if not files:
        raise DataSetError(
            f"{data_dir} holds no COCO JSON: looked for annotations/*train*.json and *val*.json, "
            "train/ and valid/_annotations.coco.json, and a single *.json"
        )
    problems: list[Problem] = []
    documents = [_document(path) for path in files]
    names = [_class_names(document, path) for document, path in zip(documents, files, strict=True)]
    if len(names) == 2 and set(names[1].values()) - set(names[0].values()):
        unknown = sorted(set(names[1].values()) - set(names[0].values()))
        raise DataSetError(f"{files[1]} names classes that {files[0]} lacks: {', '.join(unknown)}")
    parts = [
        _images(data_dir, path, document, categories, problems)
        for path, document, categories in zip(files, documents, names, strict=True)
    ]
    used = {item.label for part in parts for image in part for item in image.objects}
    # Labelling services add a parent category that no box has.
    class_names = tuple(name for _, name in sorted(names[0].items()) if name in used)
    validation = parts[1] if len(parts) == 2 else None
    return Listing(parts[0], validation, class_names or None, tuple(problems))


def _files(data_dir: Path) -> list[Path]:
    for train, validation in (
        ("annotations/*train*.json", "annotations/*val*.json"),
        ("train/_annotations.coco.json", "valid/_annotations.coco.json"),
    ):
        pair = [sorted(data_dir.glob(train)), sorted(data_dir.glob(validation))]
        # COCO's own folder holds captions and keypoints too.
        pair = [[p for p in paths if _is_boxes(p)] or paths for paths in pair]
        if all(pair):
            return [pair[0][0], pair[1][0]]
    for pattern in ("*.json", "annotations/*.json"):
        if len(found := sorted(data_dir.glob(pattern))) == 1:
            return found
    return []


def _is_boxes(path: Path) -> bool:
    return not path.name.startswith(("captions_", "person_keypoints_", "panoptic_", "stuff_"))


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise DataSetError(f"{path} cannot be read: {err.strerror}") from err
    except ValueError as err:
        raise DataSetError(f"{path} is broken JSON: {err}") from err
    lists = ("images", "annotations", "categories")
    if not isinstance(document, dict) or any(
        not isinstance(document.get(key), list)
        or not all(isinstance(entry, dict) for entry in document[key])
        for key in lists
    ):
        raise DataSetError(f"{path} is no COCO file: expected the lists {', '.join(lists)}")
    return document


def _class_names(document: dict[str, Any], path: Path) -> dict[Any, str]:
    try:
        names = {entry["id"]: str(entry["name"]) for entry in document["categories"]}
    except KeyError as err:
        raise DataSetError(f"{path}: a category lacks {err}") from err
    if len(set(names.values())) != len(document["categories"]):
        raise DataSetError(f"{path}: two categories share an id or a name")
    return names


def _images(
    data_dir: Path,
    path: Path,
    document: dict[str, Any],
    categories: dict[Any, str],
    problems: list[Problem],
) -> tuple[LabelledImage, ...]:
    objects: dict[Any, list[LabelledBox]] = {}
    for entry in document["images"]:
        if "id" not in entry or "file_name" not in entry:
            problems.append(Problem(path, f"an image lacks id or file_name: {str(entry)[:80]}"))
        else:
            objects[entry["id"]] = []
    for entry in document["annotations"]:
        where = f"annotation {entry.get('id')}"
        if entry.get("image_id") not in objects:
            problems.append(Problem(path, f"{where}: no such image {entry.get('image_id')!r}"))
            continue
        label = categories.get(entry.get("category_id"))
        if label is None:
            problems.append(Problem(path, f"{where}: unknown class {entry.get('category_id')!r}"))
            continue
        try:
            x, y, width, height = map(float, entry["bbox"])
        except (KeyError, TypeError, ValueError):
            found = entry.get("bbox")
            problems.append(Problem(path, f"{where}: expected bbox of 4 numbers, found {found!r}"))
            continue
        box = x, y, x + width, y + height
        objects[entry["image_id"]].append(LabelledBox(label, box, bool(entry.get("iscrowd"))))
    return tuple(
        LabelledImage(
            _image_path(data_dir, path, entry["file_name"]),
            path,
            tuple(objects[entry["id"]]),
            _stated_size(entry),
        )
        for entry in document["images"]
        if "id" in entry and "file_name" in entry
    )


def _stated_size(entry: dict[str, Any]) -> tuple[int, int] | None:
    width, height = entry.get("width"), entry.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _image_path(data_dir: Path, path: Path, file_name: str) -> Path:
    folders = [path.parent, data_dir / "images", data_dir]
    # COCO's own layout: instances_train2017.json belongs to train2017/.
    folders.append(data_dir / path.stem.rpartition("_")[2])
    folders.append(data_dir / "images" / path.stem.rpartition("_")[2])
    return next(
        (f / file_name for f in folders if (f / file_name).is_file()), folders[1] / file_name
    )
