"""The command's options, apart from it so that ``--help`` need not load TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add = parser.add_argument
    add("--model", type=Path, required=True, metavar="PATH", help="a version: MODELS/classifier/1")
    add("--out", type=Path, required=True, metavar="DIR", help="where the page and its PNGs go")
    add("--data", type=Path, metavar="DIR", help="the data set, if it is not where it was trained")
    add("--evaluation", type=Path, metavar="FILE.json", help="what `evaluate` wrote, shown too")
    add("--seed", type=int, default=0, metavar="N", help="which photographs are shown (0)")
