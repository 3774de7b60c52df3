"""What the detector gains by pretrained weights, by how many photographs there are to learn from.

    python benchmarks/transfer_curve.py --data ../shared/data/bccd --out curve_runs

The same YOLOv3-tiny on 10, 25, 50, 100 and 205 photographs of blood cells, three times each: on
COCO's weights (the head on the frozen backbone, then the backbone's top with it), and from random
ones for about as much processor time; and MobileNetV2 in its place, on ImageNet's weights and from
random ones. A seed chooses the photographs, the smaller sets lying within
the larger ones; the 87 of the validation part measure all of them, and choose nothing but the
rates: of each kind the best of three, tried on another seed for a third of the epochs, with 25
photographs for the two small sets and with 100 for the others. Few photographs are gone through
more often: epochs grow with the square root of what is missing to 205.

Writes ``OUT/results.jsonl`` (a line a run; what is there is not repeated), ``OUT/curve.json`` and
``OUT/curve.png``.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from detector_runs import CELLS, FINAL, Record, Run, spread

SIZES = (10, 25, 50, 100, 205)
TUNED_ON = {10: 25, 25: 25, 50: 100, 100: 100, 205: 100}
TUNING_SEED, TUNING_SHARE = 1000, 1 / 3
# Of phase 1, and of neck and head in phase 2.
RATES = ((1e-3, 1e-4), (3e-3, 1e-3), (1e-2, 3e-3))
# At 205 photographs; 15 of the whole network take as much processor time as 5 of the head on four
# views and 12 of the top.
EPOCHS = {True: (5, 12), False: (15, 0)}


@dataclass(frozen=True)
class Kind:
    """One line of the curve.

    Attributes:
        label: Its name in the picture.
        is_pretrained: Whether the backbone starts from weights that others trained.
        backbone: Its name.
        style: How it is drawn.
    """

    label: str
    is_pretrained: bool
    backbone: str
    style: str


KINDS = {
    "pretrained": Kind("YOLOv3-tiny, COCO's weights", True, "yolov3_tiny", "C0o-"),
    "scratch": Kind("YOLOv3-tiny, random weights", False, "yolov3_tiny", "C0o:"),
    "mobilenet": Kind("MobileNetV2, ImageNet's weights", True, "mobilenet_v2", "C1s-"),
    "mobilenet_scratch": Kind("MobileNetV2, random weights", False, "mobilenet_v2", "C1s:"),
}


def main() -> int:
    """Run what is missing, then write the curve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="Pascal VOC, with train and val")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, choices=SIZES)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side")
    arguments = parser.parse_args()
    record = Record(arguments.out)
    curve = Curve(arguments.data.resolve(), arguments.out, record)
    record.run_all(curve.tuning(arguments.kinds, arguments.sizes), arguments.jobs)
    # All sizes of a seed before the next: useful when interrupted.
    runs = [
        curve.measured(kind, size, seed)
        for seed in arguments.seeds
        for size in arguments.sizes
        for kind in arguments.kinds
    ]
    record.run_all(runs, arguments.jobs)
    points = [
        curve.point(kind, size, arguments.seeds)
        for kind in arguments.kinds
        for size in arguments.sizes
    ]
    (arguments.out / "curve.json").write_text(json.dumps(points, indent=1) + "\n")
    draw(points, arguments.out / "curve.png")
    for point in points:
        print(json.dumps(point))
    return 0


class Curve:
    """Which runs the curve is made of."""

    def __init__(self, data: Path, out: Path, record: Record) -> None:
        """Keep where everything is."""
        self._data, self._out, self._record = data, out, record

    def tuning(self, kinds: list[str], sizes: list[int]) -> list[Run]:
        """Return the runs that choose rates."""
        return [
            self._run(
                f"{kind}_{size}_rate_{rates[0]:g}", kind, size, TUNING_SEED, rates, TUNING_SHARE
            )
            for size in sorted({TUNED_ON[size] for size in sizes})
            for kind in kinds
            for rates in RATES
        ]

    def measured(self, kind: str, size: int, seed: int) -> Run:
        """Return a run at the best of its kind's rates."""
        return self._run(f"{kind}_{size}", kind, size, seed, self._best_rates(kind, size), 1.0)

    def point(self, kind: str, size: int, seeds: list[int]) -> dict[str, Any]:
        """Return mean and spread over the seeds."""
        rows = self._record.rows(f"{kind}_{size}", seeds)
        return {
            "kind": kind,
            "photographs": size,
            "rates": self._best_rates(kind, size),
            "seeds": len(rows),
            "map50": spread(row["served"]["map50"] for row in rows),
            "map50_95": spread(row["served"]["map50_95"] for row in rows),
            "processor_seconds": spread(row["trained"]["processor_seconds"] for row in rows),
        }

    def _best_rates(self, kind: str, size: int) -> tuple[float, float]:
        def found(rates: tuple[float, float]) -> float:
            row = self._record.row(f"{kind}_{TUNED_ON[size]}_rate_{rates[0]:g}", TUNING_SEED)
            return float(row["served"]["map50"]) if row else 0.0

        return max(RATES, key=found)

    def _run(
        self,
        name: str,
        kind: str,
        size: int,
        seed: int,
        rates: tuple[float, float],
        share: float,
    ) -> Run:
        longer = (max(SIZES) / size) ** 0.5 * share
        which = KINDS[kind]
        first, second = (max(1, round(epochs * longer)) for epochs in EPOCHS[which.is_pretrained])
        options = [*FINAL, *CELLS, "--epochs", str(first), "--learning-rate", str(rates[0])]
        if which.is_pretrained:
            options += ["--views", "4", "--fine-tune-epochs", str(second)]
            options += ["--fine-tune-learning-rate", str(rates[1])]
        else:
            options += ["--weights", "none", "--fine-tune-epochs", "0"]
        options += ["--backbone", which.backbone]
        return Run(name, seed, self._subset(size, seed), tuple(options))

    def _subset(self, size: int, seed: int) -> Path:
        """Make a data set of some of the photographs to train on, and all of the others."""
        folder = self._out.resolve() / "data" / f"{size}_{seed}"
        if folder.exists():
            return folder
        names = (self._data / "ImageSets" / "train.txt").read_text().split()
        chosen = np.random.default_rng(seed).permutation(names)[:size]
        made = folder.with_suffix(".part")
        (made / "ImageSets").mkdir(parents=True)
        for part in ("Annotations", "JPEGImages"):
            (made / part).symlink_to(self._data / part)
        held_out = (self._data / "ImageSets" / "val.txt").read_text()
        (made / "ImageSets" / "val.txt").write_text(held_out)
        (made / "ImageSets" / "train.txt").write_text("\n".join(sorted(chosen)) + "\n")
        made.rename(folder)
        return folder


def draw(points: list[dict[str, Any]], path: Path) -> None:
    """Draw mAP by photographs, the seeds' spread as bars."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, (metric, title) in zip(
        axes, (("map50", "mAP@0.5"), ("map50_95", "mAP@[.5:.95]")), strict=True
    ):
        for kind in dict.fromkeys(point["kind"] for point in points):
            mine = [point for point in points if point["kind"] == kind]
            means = np.array([point[metric]["mean"] for point in mine])
            ends = np.array([[p[metric]["lowest"], p[metric]["highest"]] for p in mine]).T
            axis.errorbar(
                [point["photographs"] for point in mine],
                means,
                np.abs(ends - means),
                fmt=KINDS[kind].style,
                capsize=3,
                label=KINDS[kind].label,
            )
        axis.set_xscale("log")
        axis.set_xticks(SIZES, [str(size) for size in SIZES])
        axis.minorticks_off()
        axis.set(xlabel="photographs to train on", ylabel=title)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
