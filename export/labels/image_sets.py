"""VOC's lists of images: ``ImageSets/[Main/]{train,val,trainval,test}.txt``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from export.errors import DataSetError
from export.labels import text_files
from export.labels.annotations import (
    TEST,
    TRAINING,
    VALIDATION,
    Collected,
    LabelledImage,
    UnreadableError,
)
from export.labels.folder import Folder
from export.labels.part_names import part_named

_FOLDER = "imagesets"
# In lists of one class a name is followed by 1, 0 or -1.
_COLUMN = re.compile(r"\s+[-+]?[01]$")


@dataclass(frozen=True)
class Lists:
    """The lists of one folder; VOCdevkit has one such folder a year.

    Attributes:
        home: The folder whose images they name.
        of_part: The list of each part.
    """

    home: Path
    of_part: Mapping[str, Path]


def find(folder: Folder, images: Sequence[tuple[Path, LabelledImage]]) -> list[Lists]:
    """Return the lists of parts, those of each folder together: VOC's own, else any of such names.

    Args:
        folder: The data set.
        images: Each with the file that it is labelled in.

    Raises:
        DataSetError: Lists say what is held out, and none what is trained on.
    """
    found = _of_image_sets(folder) or _elsewhere(folder, images)
    if found and not any(TRAINING in lists.of_part for lists in found):
        path = next(path for lists in found for path in lists.of_part.values())
        raise DataSetError(
            f"{path} says what is held out, and no train.txt beside it says what is trained on"
        )
    return found


def _of_image_sets(folder: Folder) -> list[Lists]:
    there: dict[Path, dict[str, Path]] = defaultdict(dict)
    for home in (_FOLDER, "main"):  # the second is VOC's own place and goes before
        for path in folder.ending(".txt"):
            above = [parent.name.lower() for parent in path.relative_to(folder.root).parents]
            if above[0] == home and _FOLDER in above:
                images = path.parents[above.index(_FOLDER) + 1]
                there[images][path.stem.lower()] = path
    return [lists for home, paths in there.items() if (lists := _by_part(home, paths)).of_part]


def _by_part(home: Path, paths: Mapping[str, Path]) -> Lists:
    named = {
        TRAINING: paths.get("train") or paths.get("trainval"),
        VALIDATION: paths.get("val") or paths.get("valid") or paths.get("validation"),
        TEST: paths.get("test"),
    }
    return Lists(home, {part: path for part, path in named.items() if path})


def _elsewhere(folder: Folder, images: Sequence[tuple[Path, LabelledImage]]) -> list[Lists]:
    """Return lists such as ``annotations/trainval.txt`` or ``train_list.txt``: of names we know."""
    by_name = _by_name(images)
    there: dict[Path, dict[str, Path]] = defaultdict(dict)
    for path in folder.ending(".txt"):
        if (part := part_named(path.stem)) and not folder.image_beside(path):
            try:
                lines = text_files.lines(path)
            except UnreadableError:
                continue
            if lines and _named(lines[0][1], by_name, folder.root):
                word = "trainval" if "trainval" in path.stem.lower() else _WORDS[part]
                there[path.parent][word] = path
    return [_by_part(folder.root, paths) for paths in there.values()]


_WORDS = {TRAINING: "train", VALIDATION: "val", TEST: "test"}


def divide(
    images: Sequence[tuple[Path, LabelledImage]], homes: Sequence[Lists], collected: Collected
) -> None:
    """Add images to the parts whose lists name them.

    Args:
        images: Each with the file that it is labelled in.
        homes: The lists of :func:`find`.
        collected: Where they go; a name that means nothing is a problem.

    Raises:
        DataSetError: A list cannot be read.
    """
    by_name = _by_name(images)
    used: set[Path] = set()
    for lists in homes:
        listed = {
            part: _listed(path, by_name, lists.home, collected)
            for part, path in lists.of_part.items()
        }
        if TRAINING in listed and "trainval" in lists.of_part[TRAINING].stem.lower():
            for path in listed.get(VALIDATION, {}):
                listed[TRAINING].pop(path, None)
        for part, members in listed.items():
            used |= members.keys()
            for labelled in members.values():
                collected.add(part, labelled)
    if left := sum(labelled.path not in used for _, labelled in images):
        collected.notes.append(f"{left} images that no list names are not used")


def _by_name(images: Sequence[tuple[Path, LabelledImage]]) -> dict[str, list[LabelledImage]]:
    by_name = defaultdict(list)
    for label_file, image in images:
        for name in {label_file.stem, image.path.stem}:
            by_name[name.casefold()].append(image)
    return by_name


def _listed(
    path: Path, by_name: Mapping[str, list[LabelledImage]], home: Path, collected: Collected
) -> dict[Path, LabelledImage]:
    found = {}
    for number, line in text_files.lines(path):
        image = _named(line, by_name, home)
        if image is None:
            collected.problem(path, f"{line!r} is the name of no annotation and no image", number)
        else:
            found[image.path] = image
    return found


def _named(
    line: str, by_name: Mapping[str, list[LabelledImage]], home: Path
) -> LabelledImage | None:
    """Return the image that a line names, or that its first column does."""
    shorter = _COLUMN.sub("", line), line.split()[0]  # PaddleDetection's have two columns
    for stated in dict.fromkeys((line, *shorter)):
        if found := _of_name(PurePosixPath(stated.replace("\\", "/")), by_name, home):
            return found
    return None


def _of_name(
    stated: PurePosixPath, by_name: Mapping[str, list[LabelledImage]], home: Path
) -> LabelledImage | None:
    """Return the image of a bare name, of one with a suffix, or with folders."""
    candidates = by_name.get(stated.name.casefold()) or by_name.get(stated.stem.casefold()) or []

    def agreement(image: LabelledImage) -> tuple[int, bool]:
        same = [
            a == b for a, b in zip(image.path.parts[-2::-1], stated.parts[-2::-1], strict=False)
        ]
        common = same.index(False) if False in same else len(same)
        return common, image.path.is_relative_to(home)

    return max(candidates, key=agreement, default=None)
