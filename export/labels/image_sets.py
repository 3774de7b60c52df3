"""VOC's lists of images: ``ImageSets/[Main/]{train,val,trainval,test}.txt``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from export.errors import DataSetError
from export.labels import text_files
from export.labels.annotations import TEST, TRAINING, VALIDATION, Collected, LabelledImage
from export.labels.folder import Folder

_FOLDER = "imagesets"
# In lists of one class a name is followed by 1, 0 or -1.
_COLUMN = re.compile(r"\s+[-+]?[01]$")


def find(folder: Folder) -> dict[str, Path]:
    """Return the list of each part, if there are any.

    Raises:
        DataSetError: A list of what is held out stands without one of the rest.
    """
    there: dict[str, Path] = {}
    for home in (_FOLDER, "main"):  # the second is VOC's own place and goes before
        for path in folder.ending(".txt"):
            above = [parent.name.lower() for parent in path.relative_to(folder.root).parents]
            if above[0] == home and _FOLDER in above:
                there[path.stem.lower()] = path
    training = there.get("train") or there.get("trainval")
    validation = there.get("val") or there.get("valid") or there.get("validation")
    named = {TRAINING: training, VALIDATION: validation, TEST: there.get("test")}
    found = {part: path for part, path in named.items() if path}
    if found and TRAINING not in found:
        (path, *_) = found.values()
        raise DataSetError(
            f"{path} says what is held out, and no train.txt beside it says what is trained on"
        )
    return found


def divide(
    images: Sequence[tuple[Path, LabelledImage]], lists: Mapping[str, Path], collected: Collected
) -> None:
    """Add images to the parts whose lists name them.

    Args:
        images: Each with the file that it is labelled in.
        lists: The list of each part, of :func:`find`.
        collected: Where they go; a name that means nothing is a problem.

    Raises:
        DataSetError: A list cannot be read.
    """
    by_name = defaultdict(list)
    for label_file, image in images:
        for name in {label_file.stem, image.path.stem}:
            by_name[name.casefold()].append(image)
    listed = {part: _listed(path, by_name, collected) for part, path in lists.items()}
    if lists[TRAINING].stem.lower() == "trainval":
        for path in listed.get(VALIDATION, {}):
            listed[TRAINING].pop(path, None)
    for part, members in listed.items():
        for labelled in members.values():
            collected.add(part, labelled)
    used = {path for members in listed.values() for path in members}
    if left := sum(labelled.path not in used for _, labelled in images):
        collected.notes.append(f"{left} images that no list names are not used")


def _listed(
    path: Path, by_name: Mapping[str, list[LabelledImage]], collected: Collected
) -> dict[Path, LabelledImage]:
    found = {}
    for number, line in text_files.lines(path):
        image = _named(line, by_name) or _named(_COLUMN.sub("", line), by_name)
        if image is None:
            collected.problem(path, f"{line!r} is the name of no annotation and no image", number)
        else:
            found[image.path] = image
    return found


def _named(line: str, by_name: Mapping[str, list[LabelledImage]]) -> LabelledImage | None:
    """Return the image that a line names: by its bare name, with a suffix, or with folders."""
    stated = PurePosixPath(line.replace("\\", "/"))
    candidates = by_name.get(stated.name.casefold()) or by_name.get(stated.stem.casefold()) or []

    def agreement(image: LabelledImage) -> int:
        same = [
            a == b for a, b in zip(image.path.parts[-2::-1], stated.parts[-2::-1], strict=False)
        ]
        return same.index(False) if False in same else len(same)

    return max(candidates, key=agreement, default=None)
