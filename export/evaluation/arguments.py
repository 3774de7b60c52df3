"""The options of ``evaluate classifier``, apart from it so that ``--help`` loads no TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

MODES = ("validation", "holdout", "temporal")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    add = parser.add_argument
    add("--model", type=Path, metavar="PATH", help="a published version, MODELS/classifier/N")
    add("--server", metavar="HOST:PORT", help="ask this server instead of a session in process")
    add("--model-name", default="classifier", metavar="NAME", help="on the server (%(default)s)")
    add("--model-version", type=int, metavar="N", help="on the server (--model's, or the latest)")
    add("--mode", choices=MODES, default="validation", help="default %(default)s")
    add("--data", type=Path, metavar="DIR", help="a folder of class folders")
    add("--seed", type=int, default=0, metavar="N", help="of the intervals (%(default)s)")
