"""The detector's figures on 292 photographs of blood cells, seed by seed.

    python benchmarks/detector_bccd.py --data ../shared/data/bccd --out bccd_runs

``pretrained`` trains the head on the frozen backbone, then the backbone's top with it; ``scratch``
is the same network from random weights for as much processor time, at the best of
``--scratch-rates`` (each tried for a third of it, on a seed of its own). A line of JSON a run goes
to standard output and to ``OUT/results.jsonl``; runs already there are not repeated.

The validation part chooses nothing: the number of epochs and every threshold are fixed here, and
the weights are those of each phase's last epoch. Only the rate of ``scratch`` is chosen by it, in
its favour.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from detector_runs import CELLS, CHECKPOINT, FINAL, Record, Run, spread

# Three times the default rates, ten times for neck and head in phase 2, as small networks on few
# classes bear; tried on seed 0 beside the defaults.
RATES = ("--learning-rate", "0.003", "--fine-tune-learning-rate", "0.001")
# What two quiet cores do in 5 minutes of phase 1 and in less than 20 in all.
EPOCHS = ("--epochs", "5", "--fine-tune-epochs", "12")
PRETRAINED = (*FINAL, *CELLS, *RATES, "--views", "4", *EPOCHS)
SCRATCH = (*FINAL, *CELLS, "--weights", "none", "--fine-tune-epochs", "0", "--epochs")
SCRATCH_EPOCHS, TUNING_EPOCHS = 15, 5
TUNING_SEED = 1000


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
    record, data = Record(arguments.out), arguments.data
    options = {"pretrained": PRETRAINED}
    if "scratch" in arguments.kinds:
        rate = best_rate(record, data, arguments.scratch_rates)
        options["scratch"] = (*SCRATCH, str(SCRATCH_EPOCHS), "--learning-rate", str(rate))
    for seed in arguments.seeds:  # all kinds of a seed before the next: useful when interrupted
        for kind in arguments.kinds:
            record.run(Run(kind, seed, data, options[kind], pictures=True))
    for kind in arguments.kinds:
        print(json.dumps(summary(kind, record.rows(kind, arguments.seeds))))
    return 0


def best_rate(record: Record, data: Path, rates: list[float]) -> float:
    """Try each rate for a third of the epochs; return the best by validation mAP."""
    found = {}
    for rate in rates:
        options = (*SCRATCH, str(TUNING_EPOCHS), "--learning-rate", str(rate))
        made = record.run(Run(f"scratch_rate_{rate:g}", TUNING_SEED, data, options))
        found[rate] = made["trained"]["map50"]
    return max(found, key=lambda rate: found[rate])


def summary(kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean, lowest and highest over the seeds."""
    phases = range(len(rows[0]["trained"]["phases"]))

    def by_phase(figure: str) -> list[dict[str, float]]:
        return [spread(row["trained"]["phases"][phase][figure] for row in rows) for phase in phases]

    return {
        "kind": kind,
        "seeds": len(rows),
        "checkpoint": CHECKPOINT,
        "map50_by_phase": by_phase("map50"),
        "served_map50": spread(row["served"]["map50"] for row in rows),
        "served_map50_95": spread(row["served"]["map50_95"] for row in rows),
        "served_per_class_map50": {
            name: spread(row["served"]["per_class"][name]["ap50"] for row in rows)
            for name in rows[0]["served"]["per_class"]
        },
        "backbone_change": spread(row["trained"]["backbone_change"] for row in rows),
        "processor_seconds": spread(row["trained"]["processor_seconds"] for row in rows),
        "seconds_by_phase": by_phase("seconds"),
    }


if __name__ == "__main__":
    sys.exit(main())
