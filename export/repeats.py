"""Images that stand in a data set twice, where that does harm: said before anything trains."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from export import duplicates
from export.duplicates import ImageSet

log = logging.getLogger(__name__)

MOST = 30_000
"""Images above which only copies of a file are looked for: each is compared with each."""

_NAMED = 5
_RECORDED = 200


@dataclass(frozen=True)
class Repeat:
    """Two images that are the same, or nearly.

    Attributes:
        first: Position of one.
        second: Position of the other.
        kind: :data:`export.duplicates.EXACT` or :data:`export.duplicates.NEAR`.
    """

    first: int
    second: int
    kind: str


def find(images: ImageSet) -> list[Repeat]:
    """Find all pairs; above :data:`MOST` images only copies of one file."""
    if len(images.digests) > MOST:
        log.warning(
            "%d photographs: only copies of one file are looked for, no near duplicates",
            len(images.digests),
        )
        images = ImageSet(images.paths, images.digests, images.thumbnails[:0])
    position = {path: number for number, path in enumerate(images.paths)}
    return [
        Repeat(position[pair.first], position[pair.second], pair.kind)
        for pair in duplicates.find(images, images)
    ]


def concerning(
    pairs: Sequence[Repeat], names: Sequence[str], matters: Callable[[int, int], bool], said: str
) -> dict[str, Any]:
    """Warn of the pairs that matter, and return them as a record holds them.

    Args:
        pairs: All pairs.
        names: Of the images, by position.
        matters: Tells of two positions whether that they are alike does harm.
        said: What is wrong with such a pair, for people.

    Returns:
        ``photographs`` (how many are concerned) and ``pairs`` (two names and ``exact`` or ``near``,
        the first 200).
    """
    chosen = [pair for pair in pairs if matters(pair.first, pair.second)]
    if chosen:
        several = "s" if len(chosen) > 1 else ""
        log.warning("%d pair%s of photographs, the same or nearly, %s", len(chosen), several, said)
        for pair in chosen[:_NAMED]:
            log.warning("  %s and %s (%s)", names[pair.first], names[pair.second], pair.kind)
        if len(chosen) > _NAMED:
            log.warning("  … and %d more, in the record", len(chosen) - _NAMED)
    return {
        "photographs": len({one for pair in chosen for one in (pair.first, pair.second)}),
        "pairs": [[names[p.first], names[p.second], p.kind] for p in chosen[:_RECORDED]],
    }
