"""What each part of the detector's recipe is worth, by itself: blood cells, and written digits.

    python benchmarks/detector_recipe.py --cells ../shared/data/bccd \
        --digits demo_output/digits --out recipe_runs

Every row is the base with one thing changed, over several seeds on both data sets: the 292
photographs of blood cells (205 to train on, 87 to measure with) at 416, and the 600 scenes of
digits that ``make demo`` leaves, at 192, measured on 75 others. The last epoch's weights are kept,
so nothing is chosen by what measures. ``--rows`` makes some of the rows; those on record are not
repeated.

Writes ``OUT/results.jsonl`` and prints the table of docs/detector.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

from detector_runs import CELLS, FINAL, Record, Run

# Two scales, and the middle one of three rates.
PLAIN = (
    *("--backbone", "yolov3_tiny"),
    *("--learning-rate", "0.003", "--fine-tune-learning-rate", "0.001"),
)
BASE = {
    "cells": (*CELLS, "--views", "2", "--epochs", "4", "--fine-tune-epochs", "8"),
    # What a digit is depends on left and right.
    "digits": (
        *("--image-size", "192", "--mirror", "none", "--views", "1", "--batch-size", "8"),
        *("--max-scale", "1.1", "--epochs", "4", "--fine-tune-epochs", "4"),
    ),
}
"""Options by data set. A later one replaces an earlier one of the same name."""

FINE = ("--backbone", "yolov3_tiny_3l")
HIGHER = ("--learning-rate", "0.01", "--fine-tune-learning-rate", "0.003")
FIGURES = ("map50", "map50_95")
LARGER = {"cells": "608", "digits": "288"}

ROWS: dict[str, tuple[str, ...]] = {
    "base": (),
    "a stride-8 scale": FINE,
    "an image half as large again": ("--image-size", "LARGER"),
    "grid sensitivity 2": ("--grid-sensitivity", "2"),
    "neighbouring cells, grid sensitivity 2": ("--grid-sensitivity", "2", "--neighbour-cells"),
    "IoU in objectness": ("--iou-objectness", "1"),
    "average of the weights, 0.99": ("--ema", "0.99"),
    "mosaic, half of the images": ("--mosaic", "0.5"),
    "scales 1/1.6 to 1.6": ("--max-scale", "1.6"),
    "label smoothing 0.1": ("--label-smoothing", "0.1"),
    "rates 1e-3 and 1e-4": ("--learning-rate", "0.001", "--fine-tune-learning-rate", "0.0001"),
    "rates 1e-2 and 3e-3": HIGHER,
    "stride 8, rates 1e-2 and 3e-3": (*FINE, *HIGHER),
    "the same, IoU in objectness": (*FINE, *HIGHER, "--iou-objectness", "1"),
    "stride 8, those rates, half as large again": (*FINE, *HIGHER, "--image-size", "LARGER"),
}
"""What each row changes. Scales stand for training in several image sizes: objects become as much
larger and smaller, in a network of one size."""


def main() -> int:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=Path, required=True, help="Pascal VOC, with train and val")
    parser.add_argument("--digits", type=Path, required=True, help="the demo's")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(BASE), choices=list(BASE))
    parser.add_argument("--rows", nargs="+", default=list(ROWS), metavar="ROW")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side")
    arguments = parser.parse_args()
    record, digits = Record(arguments.out), arguments.digits
    places = {"cells": (arguments.cells, None), "digits": (digits / "training", digits / "test")}
    # All rows of a seed before the next: useful when interrupted.
    record.run_all(
        [
            Run(f"{name}: {row}", seed, places[name][0], options(name, row), places[name][1])
            for seed in arguments.seeds
            for row in arguments.rows
            for name in arguments.sets
        ],
        arguments.jobs,
    )
    print(table(record, arguments.rows, arguments.sets, arguments.seeds))
    return 0


def options(name: str, row: str) -> tuple[str, ...]:
    """Return the options of one row on one data set."""
    changed = (LARGER[name] if option == "LARGER" else option for option in ROWS[row])
    return (*FINAL, *PLAIN, *BASE[name], *changed)


def table(record: Record, rows: list[str], sets: list[str], seeds: list[int]) -> str:
    """Return the table: runs, mean and spread of each figure, and the mean processor time."""
    figures = ("seeds", "mAP@0.5", "[.5:.95]", "processor s")
    heads = [f"{name}: {figure}" for name in sets for figure in figures]
    lines = [f"| | {' | '.join(heads)} |", f"|---{'|---' * len(heads)}|"]
    for row in rows:
        cells = []
        for name in sets:
            found = record.rows(f"{name}: {row}", seeds)
            used = [each["trained"]["processor_seconds"] for each in found if not _resumed(each)]
            cells += [
                str(len(found) or ""),
                *(_spread([each["served"][key] for each in found]) for key in FIGURES),
                f"{statistics.mean(used):.0f}" if used else "",
            ]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _resumed(row: dict[str, Any]) -> bool:
    """Tell whether another process had begun a run, whose time is not in the row's."""
    return any("resumed_after" in phase for phase in row["trained"]["phases"])


def _spread(values: list[Any]) -> str:
    if not values:
        return ""
    mean, low, high = (f"{of(values):.3f}" for of in (statistics.mean, min, max))
    return mean if low == high else f"{mean} ({low} to {high})"


if __name__ == "__main__":
    sys.exit(main())
