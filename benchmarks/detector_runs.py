"""Trainings of the detector that a benchmark repeats: each once, a line of JSON each.

Each run is ``python -m export detector`` in a process of its own, then ``python -m export evaluate
detector`` on what the server answers. Runs that are on record already are not repeated, so a
benchmark can be stopped and started again, and several can run side by side: epochs and not minutes
limit a run, so that other work on the machine does not change its result. ``seconds`` is therefore
a figure of the machine and the moment, ``processor_seconds`` (of training, export and verification,
all threads) less so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FINAL = ("--keep", "final")
"""The last epoch's weights: the validation part then chooses nothing, and is looked at once a
phase and once more through the server."""

CELLS = ("--mirror", "both", "--max-scale", "1.1")
"""Blood cells have no upper side, and under one microscope one size."""

CHECKPOINT = "the last epoch's weights"


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        kind: What it belongs to, and its name on record together with ``seed``.
        seed: Of everything random.
        data: The data set's folder.
        options: Of ``python -m export detector``, besides data, place and seed.
        test_data: The folder to measure on, all of it; None: what the training held out.
        pictures: Whether truth and answers are drawn, beside ``results.jsonl``.
    """

    kind: str
    seed: int
    data: Path
    options: tuple[str, ...]
    test_data: Path | None = None
    pictures: bool = False


class Record:
    """The rows of ``results.jsonl``, and how to make those that are missing."""

    def __init__(self, out: Path) -> None:
        """Read the rows that are there."""
        out.mkdir(parents=True, exist_ok=True)
        self._out, self._file = out, out / "results.jsonl"
        self._lock = threading.Lock()
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        rows = [json.loads(line) for line in lines]
        # Rows of an earlier protocol say nothing about this one.
        self._rows = [row for row in rows if row.get("checkpoint") == CHECKPOINT]

    def row(self, kind: str, seed: int) -> dict[str, Any] | None:
        """Return a run's row, or None when it has not been made."""
        found = [r for r in self._rows if (r["kind"], r["seed"]) == (kind, seed)]
        return found[0] if found else None

    def rows(self, kind: str, seeds: Iterable[int]) -> list[dict[str, Any]]:
        """Return those rows of a kind that have been made."""
        return [row for seed in seeds if (row := self.row(kind, seed))]

    def run_all(self, runs: Iterable[Run], jobs: int) -> None:
        """Make what is missing, ``jobs`` at a time, in this order."""
        with ThreadPoolExecutor(jobs) as pool:
            for made in [pool.submit(self.run, run) for run in runs]:
                made.result()

    def run(self, run: Run) -> dict[str, Any]:
        """Train, publish and evaluate, unless that has been done; return its row."""
        if (known := self.row(run.kind, run.seed)) is not None:
            return known
        models = self._out / re.sub(r"\W+", "_", f"{run.kind}_{run.seed}")
        # The TFLite file beside a version has no part in what is measured here.
        where_and_what = ("--data", run.data, "--out", models, "--seed", run.seed, "--no-tflite")
        trained = _export("detector", *where_and_what, *run.options)
        where: list[object] = ["--data", run.data]
        if run.test_data:
            where = ["--data", run.test_data, "--part=all"]
        if run.pictures:
            where += ["--pictures", models.with_name(f"{models.name}_pictures")]
        served = _export("evaluate", "detector", trained["path"], *where)
        row = {
            "kind": run.kind,
            "seed": run.seed,
            "options": run.options,
            "checkpoint": CHECKPOINT,
            "trained": trained,
            "served": served,
        }
        shutil.rmtree(models)  # the row has the figures; dozens of versions fill a disk
        with self._lock:
            with self._file.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
            self._rows.append(row)
        return row


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return mean, lowest and highest."""
    values = list(values)
    return {
        "mean": round(statistics.mean(values), 4),
        "lowest": min(values),
        "highest": max(values),
    }


def _export(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "export", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout  # noqa: S101  # for the type checker
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)  # this process's time, whoever runs beside it
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, said)
    result: dict[str, Any] = json.loads(said.splitlines()[-1])
    result["processor_seconds"] = round(used.ru_utime + used.ru_stime, 1)
    return result
