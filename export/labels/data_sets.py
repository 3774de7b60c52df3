"""From a folder of labelled images to a data set: read, checked, divided, nothing of it guessed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from export.errors import DataSetError
from export.labels import layouts
from export.labels.annotations import Problem
from export.labels.folder import Folder
from export.labels.preparation import Preparation, Reading
from export.labels.samples import DetectionData

log = logging.getLogger(__name__)

_NAMED_IN_ERROR = 20
_LOGGED = 100


def load(
    data_dir: Path, layout: str | None = None, reading: Reading | None = None
) -> DetectionData:
    """Read and check a data set.

    Args:
        data_dir: The folder.
        layout: A key of :data:`export.labels.layouts.LAYOUTS`, or None to look.
        reading: How; None for the defaults.

    Returns:
        The data set. Its notes and first problems are logged.

    Raises:
        DataSetError: It is missing, in no known layout, has no box to train on or to validate
            with, or bad input was to be refused; the message names it.
    """
    reading = reading or Reading()
    folder = Folder(data_dir)
    found = layouts.find(folder, layout)
    listing = found.read(folder)
    data = Preparation(folder, listing, reading).data(found.name)
    for note in data.notes:
        log.info("%s", note)
    for problem in data.problems[:_LOGGED]:
        log.warning("%s", problem)
    if len(data.problems) > _LOGGED:
        log.warning("… and %d more problems", len(data.problems) - _LOGGED)
    if data.problems and reading.on_bad_input == "refuse":
        raise DataSetError(
            f"{len(data.problems)} problems in the data set:\n{first_of(data.problems)}"
        )
    if reading.need_objects:
        _check_objects(data)
    return data


def first_of(problems: Sequence[Problem]) -> str:
    """Return the first problems, a line each, and how many more there are."""
    lines = [f"  - {problem}" for problem in problems[:_NAMED_IN_ERROR]]
    if len(problems) > _NAMED_IN_ERROR:
        lines.append(f"  - and {len(problems) - _NAMED_IN_ERROR} more")
    return "\n".join(lines)


def _check_objects(data: DetectionData) -> None:
    if not data.training and (held_out := len(data.validation) + len(data.test)):
        raise DataSetError(
            f"the data set has no image to train on: it says of all its {held_out} usable images "
            "that they are to validate or to test with"
            + (f":\n{first_of(data.problems)}" if data.problems else "")
        )
    for purpose, samples in (("train on", data.training), ("validate with", data.validation)):
        if not any(len(s.boxes) and not s.ignored.all() for s in samples):
            number = len(data.problems)
            raise DataSetError(
                f"the data set has no box to {purpose}: {len(samples)} usable images, "
                f"{number} problems skipped" + (f":\n{first_of(data.problems)}" if number else "")
            )
