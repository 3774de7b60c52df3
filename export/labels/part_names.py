"""The words that name a part of a data set."""

from __future__ import annotations

import re
from pathlib import PurePath

from export.labels.annotations import TEST, TRAINING, VALIDATION

_NAMES = {
    **dict.fromkeys(("train", "training", "trainval"), TRAINING),
    **dict.fromkeys(("val", "valid", "validation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}
# What may stand beside such a word and says nothing else: train_images, Validation Set.
_BESIDE = frozenset(
    (
        *("image", "images", "img", "imgs", "jpegimages", "photo", "photos", "picture", "pictures"),
        *("frame", "frames", "label", "labels", "annotation", "annotations", "ann", "anns", "xml"),
        *("xmls", "txt", "obj", "data", "dataset", "set", "split", "list", "folder", "part"),
        "files",
    )
)


def part_word(word: str) -> str | None:
    """Return the part that a word alone names: ``train``, ``Val``, ``test2017``."""
    return _NAMES.get(word.lower().rstrip("0123456789"))


def part_named(name: str) -> str | None:
    """Return the part that the name of a folder or a list says.

    Args:
        name: ``train``, ``test2017``, ``valid_images``, ``TrainSet``; no part is said where
            another word stands beside, as in ``test_bench``, or where two are.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    found = set()
    for word in re.findall(r"[^\W\d_]+", words.lower()):
        if word in _BESIDE:
            continue
        plain = next(
            (word.removesuffix(end) for end in _BESIDE if word.removesuffix(end) in _NAMES), word
        )
        found.add(_NAMES.get(plain))
    return found.pop() if len(found) == 1 else None


def part_of(relative: PurePath) -> str | None:
    """Return the part that the folders of a file say, the innermost first."""
    folders = reversed(relative.parts[:-1])
    return next((part for name in folders if (part := part_named(name))), None)
