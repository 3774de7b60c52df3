"""The options of ``python -m export labels``, apart from it so that ``--help`` loads nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.errors import SettingsError

FORMATS = ("coco", "create_ml", "csv", "cvat", "fiftyone", "label_studio", "voc", "yolo")
"""Layouts of data sets, the keys of :data:`export.labels.layouts.LAYOUTS`."""

ON_BAD_INPUT = ("skip", "refuse")
"""What to do with bad input: use the rest, or stop with all of it named."""

PARTS = {
    "validation": "what the run that made the version held out",
    "training": "what the version was trained on",
    "test": "the data set's test part",
    "all": "all images of the folder",
}
"""What can be measured: in words, by name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add = parser.add_argument
    add("data", type=Path, metavar="DIR", help="a folder of labelled images")
    add("--format", choices=FORMATS, help="how the labels are laid out (default: found by looking)")
    add("--classes", metavar="A,B,…", help="the only classes to use (default: the data set's)")
    add(
        "--pictures",
        type=Path,
        default=Path("label_pictures"),
        metavar="DIR",
        help="where images with their boxes are drawn (%(default)s)",
    )
    add("--count", type=int, default=20, metavar="N", help="how many are drawn (%(default)s)")
    add("--on-bad-input", choices=ON_BAD_INPUT, default="skip", help="%(default)s")
    add("--validation-fraction", type=float, default=0.2, help="as in training (%(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of the split, as in training")


def classes(given: str | None) -> tuple[str, ...] | None:
    """Read ``--classes``.

    Args:
        given: Names with commas between them; None where the option was not given.

    Raises:
        SettingsError: A name is empty, or there twice.
    """
    if given is None:
        return None
    names = tuple(name.strip() for name in given.split(","))
    if not all(names):
        raise SettingsError(f"--classes takes names with commas between them, received {given!r}")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"--classes names {', '.join(repeated)} more than once")
    return names
