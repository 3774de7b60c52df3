"""The detector's figures on 292 photographs of blood cells, seed by seed.

    python benchmarks/detector_bccd.py --data ../shared/data/bccd --out bccd_runs

The command's defaults, but for what is known of cells and for the epochs: the head on the frozen
backbone, then the backbone's top with it. A line of JSON a run goes to standard output and to
``OUT/results.jsonl``; runs already there are not repeated.

The validation part chooses nothing: the number of epochs and every threshold are fixed here, and
the weights are those of each phase's last epoch. (What other weights, rates and options give is in
``transfer_curve.py`` and ``detector_recipe.py``.)
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from detector_runs import CELLS, CHECKPOINT, FINAL, Record, Run, spread

OPTIONS = (*FINAL, *CELLS, "--views", "4", "--epochs", "5", "--fine-tune-epochs", "12")


def main() -> int:
    """Run what is missing, then print the means and spreads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side")
    arguments = parser.parse_args()
    record = Record(arguments.out)
    runs = [Run("cells", seed, arguments.data, OPTIONS, pictures=True) for seed in arguments.seeds]
    record.run_all(runs, arguments.jobs)
    print(json.dumps(summary(record.rows("cells", arguments.seeds))))
    return 0


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean, lowest and highest over the seeds."""
    phases = range(len(rows[0]["trained"]["phases"]))

    def by_phase(figure: str) -> list[dict[str, float]]:
        return [spread(row["trained"]["phases"][phase][figure] for row in rows) for phase in phases]

    return {
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
