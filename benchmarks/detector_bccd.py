"""The detector's figures on 292 photographs of blood cells, seed by seed.

    python benchmarks/detector_bccd.py --data ../shared/data/bccd --out bccd_runs

Each run is ``python -m export detector`` in a process of its own, then ``python -m export evaluate
detector`` on what the server answers; one JSON line each goes to standard output and to
``OUT/results.jsonl``. Runs already there are not repeated, so the benchmark can be stopped and
started again. ``pretrained`` trains the head on the frozen backbone, then the backbone's top with
it; ``scratch`` is the same network from random weights for as much processor time, at the best of
``--scratch-rates`` (each tried for a third of it, on a seed of its own).

The validation part chooses nothing: the number of epochs and every threshold are fixed here, and
the weights are those of each phase's last epoch (``--keep final``). It is looked at once a phase,
and once more through the server. Only the rate of ``scratch`` is chosen by it, in its favour.

Epochs and not minutes limit a run, so that other work on the machine does not change its result;
``seconds`` is therefore a figure of the machine and the moment, ``processor_seconds`` (of training,
export and verification, all threads) less so.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

FINAL = ["--keep", "final"]
# Cells have no upper side, and under one microscope one size.
CELLS = ["--mirror", "both", "--max-scale", "1.1"]
# Three times the default rates, ten times for neck and head in phase 2, as small networks on few
# classes bear; tried on seed 0 beside the defaults.
RATES = ["--learning-rate", "0.003", "--fine-tune-learning-rate", "0.001"]
# What two quiet cores do in 5 minutes of phase 1 and in less than 20 in all.
EPOCHS = ["--epochs", "5", "--fine-tune-epochs", "12"]
PRETRAINED = [*FINAL, *CELLS, *RATES, "--views", "4", *EPOCHS]
SCRATCH = [*FINAL, *CELLS, "--weights", "none", "--fine-tune-epochs", "0", "--epochs"]
SCRATCH_EPOCHS, TUNING_EPOCHS = 15, 5
TUNING_SEED = 1000
CHECKPOINT = "the last epoch's weights"


def main() -> int:
    """Run what is missing, then print the means and spreads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", default=["pretrained", "scratch"])
    parser.add_argument("--scratch-rates", type=float, nargs="+", default=[1e-3, 3e-3])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = Runs(arguments.data, arguments.out)
    for seed in arguments.seeds:  # all kinds of a seed before the next: useful when interrupted
        if "pretrained" in arguments.kinds:
            runs.run("pretrained", seed, PRETRAINED)
        if "scratch" in arguments.kinds:
            rate = runs.best_rate(arguments.scratch_rates)
            runs.run("scratch", seed, [*SCRATCH, str(SCRATCH_EPOCHS), "--learning-rate", str(rate)])
    for kind in arguments.kinds:
        print(json.dumps(runs.summary(kind, arguments.seeds)))
    return 0


class Runs:
    """The rows of ``results.jsonl``, and how to make those that are missing."""

    def __init__(self, data: Path, out: Path) -> None:
        """Read the rows that are there."""
        self._data, self._out = data, out
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
        command = ["detector", "--data", str(self._data), "--out", str(models)]
        before = _processor_seconds()
        trained = self._export(*command, "--seed", str(seed), *options)
        trained["processor_seconds"] = round(_processor_seconds() - before, 1)
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
        """Try each rate for a third of the epochs; return the best by validation mAP."""
        found = {
            rate: self.run(
                f"scratch_rate_{rate:g}",
                TUNING_SEED,
                [*SCRATCH, str(TUNING_EPOCHS), "--learning-rate", str(rate)],
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
            "map50_by_phase": [
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
            "processor_seconds": spread([row["trained"]["processor_seconds"] for row in rows]),
            "seconds_by_phase": [
                spread([row["trained"]["phases"][phase]["seconds"] for row in rows])
                for phase in range(len(rows[0]["trained"]["phases"]))
            ],
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


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
