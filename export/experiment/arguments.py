"""The command's options, apart from it so that ``--help`` need not load TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

from export.classifier.settings import ClassifierSettings

VARIANT_NAMES = ("random", "unfrozen", "head", "phases")
"""What can be compared; :mod:`export.experiment.variants` says what each is."""

WHOLE_EPOCHS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    defaults = ClassifierSettings()
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="a folder of class folders")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="results.jsonl and experiment.png; runs that are there already are not repeated",
    )
    add(
        "--seeds",
        type=_numbers,
        default=(0, 1, 2),
        metavar="N[,N…]",
        help="each seed is a split, an initial head and an order of photographs (0,1,2)",
    )
    add(
        "--arms",
        type=lambda text: tuple(text.split(",")),
        default=VARIANT_NAMES,
        metavar="NAME[,NAME…]",
        help=f"{','.join(VARIANT_NAMES)} (all)",
    )
    add("--backbone", default=defaults.backbone, help="default %(default)s")
    add("--image-size", type=int, metavar="N", help="side in pixels (the backbone's own)")
    add("--epochs", type=int, default=defaults.epochs, metavar="N", help="head (%(default)s)")
    add(
        "--fine-tune-epochs",
        type=int,
        default=defaults.fine_tune_epochs,
        metavar="N",
        help="phase 2 of the variant phases (%(default)s)",
    )
    add(
        "--whole-epochs",
        type=int,
        default=WHOLE_EPOCHS,
        metavar="N",
        help="the variants random and unfrozen (%(default)s)",
    )


def _numbers(text: str) -> tuple[int, ...]:
    """Read ``0,1,2``."""
    return tuple(int(number) for number in text.split(","))


_numbers.__name__ = "list of numbers"  # for argparse's message
