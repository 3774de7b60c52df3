"""The options of ``python -m export tflite``, apart so that ``--help`` need not load TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

FORMS = ("float32", "dynamic_range", "int8")
"""What can be made of a version, most exact first."""

NONE, FLOAT32, INT8 = "none", "float32", "int8"

MAX_ACCURACY_LOSS = 0.02
REPRESENTATIVE_IMAGES = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        required=True,
        metavar="VERSION",
        help="a published version, for instance MODELS/classifier/3",
    )
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the files go to DIR/<model>/<version>, which must not exist",
    )
    add(
        "--form",
        nargs="+",
        choices=FORMS,
        default=list(FORMS),
        help="float32; dynamic_range: int8 weights; int8: int8 throughout (default: all three)",
    )
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="the version's data set where it is now, or other class folders "
        "(default: where run.json says the data set was)",
    )
    add(
        "--max-accuracy-loss",
        type=float,
        default=MAX_ACCURACY_LOSS,
        metavar="X",
        help="refuse when a form's accuracy is lower than the original's by more; 0.02 is two "
        "points (default %(default)s)",
    )
    add(
        "--representative-images",
        type=int,
        default=REPRESENTATIVE_IMAGES,
        metavar="N",
        help="training images that int8's ranges are measured on, at most (default %(default)s)",
    )


def add_beside_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what a command that publishes puts beside the version's graph."""
    parser.add_argument(
        "--tflite",
        choices=(FLOAT32, INT8),
        default=FLOAT32,
        help="form of model.tflite beside saved_model.pb, which servers run in LiteRT if they are "
        "told to (--prefer_tflite_model); int8 is refused where it costs accuracy (%(default)s)",
    )
    parser.add_argument(
        "--no-tflite", dest="tflite", action="store_const", const=NONE, help="leave it out"
    )
