"""Photographs that stand in a data set twice, where that does harm.

Under two labels they contradict each other; on both sides of the split they are learnt by heart and
then asked for. Both are said before anything trains.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export import repeats
from export.classifier.photographs import Photographs
from export.classifier.settings import LARGEST_LEAK
from export.duplicates import ImageSet
from export.errors import LeakError
from export.file_names import escaped

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


def find(
    photographs: Photographs, contents: Mapping[Path, str], validation: Array
) -> dict[str, Any]:
    """Find photographs under two labels, and on both sides of the split; warn of them.

    Args:
        photographs: The data set, read.
        contents: SHA-256 of each file.
        validation: Positions of those that are held out.

    Returns:
        ``across_classes`` and ``across_split``, each as :func:`export.repeats.concerning` gives it;
        ``across_split`` also with ``validation``, how many of those are held out.
    """
    names = [escaped(path.relative_to(photographs.directory)) for path in photographs.paths]
    digests = [contents[path] for path in photographs.paths]
    thumbnails = np.array(photographs.thumbnails, np.uint8)
    pairs = repeats.find(ImageSet(photographs.paths, digests, thumbnails))
    labels, held_out = photographs.labels, set(validation.tolist())

    def crosses(first: int, second: int) -> bool:
        return (first in held_out) != (second in held_out)

    twins = {one for p in pairs if crosses(p.first, p.second) for one in (p.first, p.second)}
    return {
        "across_classes": repeats.concerning(
            pairs,
            names,
            lambda first, second: labels[first] != labels[second],
            "stand in two class folders; which label is right?",
        ),
        "across_split": {
            **repeats.concerning(
                pairs,
                names,
                crosses,
                "are trained on and validated with: accuracy will look too good",
            ),
            "validation": len(twins & held_out),
        },
    }


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
