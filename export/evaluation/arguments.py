"""The options of ``evaluate classifier``, apart from it so that ``--help`` loads no TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

VALIDATION, HOLDOUT, TEMPORAL = "validation", "holdout", "temporal"
MODES = (VALIDATION, HOLDOUT, TEMPORAL)
FINDINGS = ("suspect", "leak", "drift", "drop")

# As export.evaluation.periods, .cutoff and .minimums have them; those load what --help must not.
_DATES = ("auto", "exif", "file", "folders")
_LENGTHS = ("day", "month", "quarter", "year")
_RULES = ("youden", "f1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command's options."""
    parser.description = (
        "Measure what the exported graph answers. validation: the split that the version recorded "
        "when it was trained. holdout: other photographs. temporal: photographs over time."
    )
    add = parser.add_argument
    add("--model", type=Path, metavar="PATH", help="a published version, MODELS/classifier/N")
    add(
        "--server",
        metavar="HOST:PORT",
        help="ask this server; with --model it must answer as that version does",
    )
    add("--model-name", default="classifier", metavar="NAME", help="on the server (%(default)s)")
    add("--model-version", type=int, metavar="N", help="on the server (--model's, or the latest)")
    add("--mode", choices=MODES, default=VALIDATION, help="default %(default)s")
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="the folder of class folders to measure; validation: where the data set is now",
    )
    add("--training-data", type=Path, metavar="DIR", help="holdout, temporal: where that one is")
    add("--seed", type=int, default=0, metavar="N", help="of everything drawn (%(default)s)")

    decide = parser.add_argument_group("decision threshold").add_argument
    decide(
        "--threshold",
        metavar="P|FILE",
        help="use this; default: chosen on validation photographs",
    )
    decide("--threshold-rule", choices=_RULES, default="youden", help="two classes (%(default)s)")
    decide("--positive", metavar="CLASS", help="the positive one of two classes (the second)")
    decide(
        "--withheld-cost",
        type=float,
        default=0.25,
        metavar="C",
        help="more classes: cost of no answer, where a wrong one costs 1 (%(default)s)",
    )

    time = parser.add_argument_group("temporal").add_argument
    time("--dates", choices=_DATES, default="auto", help="where dates come from (%(default)s)")
    time("--period", choices=_LENGTHS, default="month", help="default %(default)s")

    gate = parser.add_argument_group("minimums; exit 1 when one is missed").add_argument
    gate("--min-accuracy", type=float, metavar="V")
    gate(
        "--max-refused",
        type=float,
        metavar="SHARE",
        help="most of the photographs that the model may refuse, 0 to 1",
    )
    gate("--min-f1", action="append", default=[], metavar="[CLASS=]V", help="again for others")
    gate(
        "--compare",
        choices=("low", "value"),
        default="low",
        help="the 95%% interval's lower end, or the value itself (%(default)s)",
    )
    gate(
        "--fail-on",
        action="append",
        default=[],
        choices=FINDINGS,
        help="also when this is found, or cannot be looked for; again for others",
    )

    write = parser.add_argument_group("output").add_argument
    write("--json", type=Path, metavar="FILE", help="write the result there too")
    write("--answers", type=Path, metavar="FILE", help="write a JSON line a photograph there")
