"""The words that name a part of a data set."""

from __future__ import annotations

from pathlib import PurePath

from export.labels.annotations import TEST, TRAINING, VALIDATION

_NAMES = {
    **dict.fromkeys(("train", "training", "trainval"), TRAINING),
    **dict.fromkeys(("val", "valid", "validation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}


def part_named(word: str) -> str | None:
    """Return the part that a word such as ``train``, ``Val`` or ``test2017`` names."""
    # CVAT's Darknet folders are called obj_Train_data.
    plain = word.lower().removeprefix("obj_").removesuffix("_data")
    return _NAMES.get(plain.rstrip("0123456789"))


def part_of(relative: PurePath) -> str | None:
    """Return the part that the folders of a file say, the innermost first."""
    folders = reversed(relative.parts[:-1])
    return next((part for name in folders if (part := part_named(name))), None)
