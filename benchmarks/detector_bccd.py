"""The detector's figures on 292 photographs of blood cells, seed by seed.

    python benchmarks/detector_bccd.py --data ../shared/data/bccd --out bccd_runs

Each run is ``python -m export detector`` in a process of its own, then ``python -m export evaluate
detector`` on what the server answers; one JSON line each goes to standard output and to
``OUT/results.jsonl``. Runs already there are not repeated, so the benchmark can be stopped and
started again. ``pretrained`` has 5 minutes for phase 1 and 15 for phase 2; ``head_only`` is its
phase 1 published alone, for what the server makes of it; ``scratch`` is the same network from
random weights with the same 20 minutes, at the best of ``--scratch-rates`` (tried with 5 minutes
each on a seed of their own).

The validation part is looked at once a run, by ``evaluate``, on the published weights. What a run
chooses by (the epoch whose weights are kept, the rate of ``scratch``) is the mAP@0.5 on a fifth of
the *training* part, held out by a fixed seed, the same in every run, and not trained on. So the
figures named ``served`` are of that checkpoint, and those named ``selection`` are not results.
Thresholds are the defaults of the command, fixed before any run.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

PRETRAINED = ["--minutes", "5", "--epochs", "60", "--fine-tune-minutes", "15"]
PRETRAINED += ["--fine-tune-epochs", "60", "--patience", "60"]
HEAD_ONLY = ["--minutes", "5", "--epochs", "60", "--fine-tune-epochs", "0", "--patience", "60"]
SCRATCH = ["--weights", "none", "--fine-tune-epochs", "0", "--epochs", "200", "--patience", "200"]
TUNING_SEED = 1000
SELECTION_SHARE, SELECTION_SEED = 0.2, 0
CHECKPOINT = "best mAP@0.5 on images held out of the training part"


def main() -> int:
    """Run what is missing, then print the means and spreads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", default=["pretrained", "head_only", "scratch"])
    parser.add_argument("--scratch-rates", type=float, nargs="+", default=[3e-4, 1e-3, 3e-3])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = Runs(arguments.data, arguments.out)
    for seed in arguments.seeds:  # all kinds of a seed before the next: useful when interrupted
        if "pretrained" in arguments.kinds:
            runs.run("pretrained", seed, PRETRAINED)
        if "head_only" in arguments.kinds:
            runs.run("head_only", seed, HEAD_ONLY)
        if "scratch" in arguments.kinds:
            rate = runs.best_rate(arguments.scratch_rates)
            options = ["--minutes", "20", "--learning-rate", str(rate)]
            runs.run("scratch", seed, [*SCRATCH, *options])
    for kind in arguments.kinds:
        print(json.dumps(runs.summary(kind, arguments.seeds)))
    return 0


def hold_out(data: Path, out: Path) -> Path:
    """Write a view of the data set whose validation part is held out of its training part.

    Args:
        data: A Pascal VOC folder with ``ImageSets/train.txt``.
        out: Where the view goes: links to the files, and lists of its own.

    Returns:
        The view.
    """
    names = sorted((data / "ImageSets" / "train.txt").read_text().split())
    random.Random(SELECTION_SEED).shuffle(names)  # noqa: S311  # a split, not a secret
    share = round(len(names) * SELECTION_SHARE)
    view = out / "selection_data"
    (view / "ImageSets").mkdir(parents=True, exist_ok=True)
    for part, chosen in (("val", names[:share]), ("train", names[share:])):
        (view / "ImageSets" / f"{part}.txt").write_text("\n".join(sorted(chosen)) + "\n")
    for name in ("Annotations", "JPEGImages"):
        if not (view / name).exists():
            (view / name).symlink_to((data / name).resolve())
    return view


class Runs:
    """The rows of ``results.jsonl``, and how to make those that are missing."""

    def __init__(self, data: Path, out: Path) -> None:
        """Read the rows that are there."""
        self._data, self._out = data, out
        self._selection = hold_out(data, out)
        self._file = out / "results.jsonl"
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        rows = [json.loads(line) for line in lines]
        # Rows of an earlier protocol say nothing about this one.
        self._rows = [row for row in rows if row.get("checkpoint") == CHECKPOINT]

    def row(self, kind: str, seed: int) -> dict[str, Any] | None:
        """Return a run's row, or None when it has not been made."""
        found = [r for r in self._rows if (r["kind"], r["seed"]) == (kind, seed)]
        return found[0] if found else None

    def run(self, kind: str, seed: int, options: list[str]) -> dict[str, Any]:
        """Train, publish and evaluate, unless that has been done."""
        if (known := self.row(kind, seed)) is not None:
            return known
        models = self._out / f"{kind}_{seed}"
        command = ["detector", "--data", str(self._selection), "--out", str(models)]
        trained = self._export(*command, "--seed", str(seed), *options)
        pictures = ["--pictures", str(models / "pictures")]
        served = self._export(
            "evaluate", "detector", trained["path"], "--data", str(self._data), *pictures
        )
        row = {
            "kind": kind,
            "seed": seed,
            "options": options,
            "checkpoint": CHECKPOINT,
            "trained": trained,
            "served": served,
        }
        with self._file.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
        self._rows.append(row)
        return row

    def best_rate(self, rates: list[float]) -> float:
        """Try each rate for five minutes from random weights; return the best by selection mAP."""
        found = {
            rate: self.run(
                f"scratch_rate_{rate:g}",
                TUNING_SEED,
                [*SCRATCH, "--minutes", "5", "--learning-rate", str(rate)],
            )["trained"]["map50"]
            for rate in rates
        }
        return max(found, key=lambda rate: found[rate])

    def summary(self, kind: str, seeds: list[int]) -> dict[str, Any]:
        """Return mean, lowest and highest over the seeds."""
        rows = [row for seed in seeds if (row := self.row(kind, seed))]

        def spread(values: list[float]) -> dict[str, float]:
            return {
                "mean": round(statistics.mean(values), 4),
                "lowest": min(values),
                "highest": max(values),
            }

        return {
            "kind": kind,
            "seeds": len(rows),
            "checkpoint": CHECKPOINT,
            "selection_map50_by_phase": [
                spread([row["trained"]["phases"][phase]["map50"] for row in rows])
                for phase in range(len(rows[0]["trained"]["phases"]))
            ],
            "served_map50": spread([row["served"]["map50"] for row in rows]),
            "served_map50_95": spread([row["served"]["map50_95"] for row in rows]),
            "served_per_class_map50": {
                name: spread([row["served"]["per_class"][name]["ap50"] for row in rows])
                for name in rows[0]["served"]["per_class"]
            },
            "backbone_change": spread([row["trained"]["backbone_change"] for row in rows]),
            "minutes": spread(
                [round(row["trained"]["seconds"]["training"] / 60, 1) for row in rows]
            ),
        }

    @staticmethod
    def _export(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "export", *arguments],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result


if __name__ == "__main__":
    sys.exit(main())
