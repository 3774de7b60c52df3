"""Photographs that stand in a data set twice, where that does harm.

Under two labels they contradict each other; on both sides of the split they are learnt by heart and
then asked for. Both are said before anything trains.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export import duplicates
from export.classifier.photographs import Photographs
from export.classifier.settings import LARGEST_LEAK
from export.errors import LeakError
from export.file_names import escaped

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

MOST = 30_000
"""Photographs above which only copies of a file are looked for: each is compared with each."""

_NAMED = 5
_RECORDED = 200


def find(
    photographs: Photographs, contents: Mapping[Path, str], validation: Array
) -> dict[str, Any]:
    """Find photographs under two labels, and on both sides of the split; warn of them.

    Args:
        photographs: The data set, read.
        contents: SHA-256 of each file.
        validation: Positions of those that are held out.

    Returns:
        ``across_classes`` and ``across_split``, each with ``photographs`` (how many are concerned)
        and ``pairs`` (two names and ``exact`` or ``near``, the first 200); ``across_split`` also
        with ``validation``, how many of those are held out.
    """
    names = [escaped(path.relative_to(photographs.directory)) for path in photographs.paths]
    position = {path: number for number, path in enumerate(photographs.paths)}
    held_out = set(validation.tolist())
    across: dict[str, list[tuple[int, int, str]]] = {"across_classes": [], "across_split": []}
    for pair in _pairs(photographs, contents):
        first, second = position[pair.first], position[pair.second]
        if photographs.labels[first] != photographs.labels[second]:
            across["across_classes"].append((first, second, pair.kind))
        if (first in held_out) != (second in held_out):
            across["across_split"].append((first, second, pair.kind))
    for where, said in (
        ("across_classes", "stand in two class folders; which label is right?"),
        ("across_split", "are trained on and validated with: accuracy will look too good"),
    ):
        _warn(across[where], names, said)
    found: dict[str, Any] = {
        where: {
            "photographs": len({one for pair in pairs for one in pair[:2]}),
            "pairs": [[names[a], names[b], kind] for a, b, kind in pairs[:_RECORDED]],
        }
        for where, pairs in across.items()
    }
    twins = {one for pair in across["across_split"] for one in pair[:2]}
    found["across_split"]["validation"] = len(twins & held_out)
    return found


def check_leaks(found: Mapping[str, Any], validation: int, *, allowed: bool) -> None:
    """Refuse to train where the validation photographs have been seen.

    Args:
        found: From :func:`find`.
        validation: Number of photographs that are held out.
        allowed: Say it only; the record says it too.

    Raises:
        LeakError: More than :data:`LARGEST_LEAK` of them stand among the training photographs.
    """
    leaks = found["across_split"]["validation"]
    if leaks <= LARGEST_LEAK * validation:
        return
    first, second, kind = found["across_split"]["pairs"][0]
    said = (
        f"{leaks} of {validation} validation photographs stand among the training photographs "
        f"too, for instance {first} and {second} ({kind}): the accuracy would measure what was "
        "learnt by heart"
    )
    if allowed:
        log.warning("%s; allowed", said)
        return
    raise LeakError(
        f"{said}. Move both of each pair to one side, keep what belongs together on one side with "
        "--group-by, or train all the same with --allow-leaks"
    )


def _pairs(
    photographs: Photographs, contents: Mapping[Path, str]
) -> Sequence[duplicates.Duplicate]:
    digests = [contents[path] for path in photographs.paths]
    thumbnails = np.array(photographs.thumbnails, np.uint8)
    if len(digests) > MOST:
        log.warning(
            "%d photographs: only copies of one file are looked for, no near duplicates",
            len(digests),
        )
        thumbnails = thumbnails[:0]
    one = duplicates.ImageSet(photographs.paths, digests, thumbnails)
    return duplicates.find(one, one)


def _warn(pairs: Sequence[tuple[int, int, str]], names: Sequence[str], said: str) -> None:
    if not pairs:
        return
    log.warning("%d pairs of photographs, the same or nearly, %s", len(pairs), said)
    for first, second, kind in pairs[:_NAMED]:
        log.warning("  %s and %s (%s)", names[first], names[second], kind)
    if len(pairs) > _NAMED:
        log.warning("  … and %d more, in the record", len(pairs) - _NAMED)
