"""Finished runs, one JSON line each, and what they come to."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_KEY = ("arm", "seed", "settings", "data")


class Results:
    """The rows of ``results.jsonl``.

    A row belongs to its variant, seed, settings and data; rows of other settings or data say
    nothing about these and are left alone.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Read the rows that are there; a last line that was cut off is not one."""
        self.path = path
        self._rows: list[Row] = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                self._rows.append(json.loads(line))
            except ValueError:
                continue

    def find(self, key: Mapping[str, Any]) -> Row | None:
        """Return the row of a run, or None when it has not been made.

        Args:
            key: ``arm`` (the variant's name), ``seed``, ``settings`` (JSON) and ``data``
                (fingerprint).
        """
        wanted = json.loads(json.dumps({name: key[name] for name in _KEY}))
        for row in self._rows:
            if {name: row.get(name) for name in _KEY} == wanted:
                return row
        return None

    def add(self, row: Row) -> None:
        """Append a row."""
        cut_off = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("\n" if cut_off else "") + json.dumps(row) + "\n")
        self._rows.append(row)


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what the runs of one variant come to: mean, lowest and highest over its seeds."""
    return {
        "seeds": len(rows),
        "accuracy": _spread([row["accuracy"] for row in rows], 4),
        "loss": _spread([row["loss"] for row in rows], 4),
        "minutes": _spread([row["minutes"] for row in rows], 2),
        "epochs": _spread([sum(len(p["history"]) for p in row["phases"]) for row in rows], 1),
        "largest_batch_norm_shift": max(row["largest_batch_norm_shift"] for row in rows),
    }


def table(summaries: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    """Compose the table that people read.

    Args:
        summaries: By variant.
        titles: Of each variant.
    """
    head = f"{'validation accuracy':37}  {'mean':>6}  {'lowest':>6}  {'highest':>7}  {'minutes':>7}"
    lines = [head]
    for name, came in summaries.items():
        accuracy = came["accuracy"]
        lines.append(
            f"{titles[name]:37}  {accuracy['mean']:6.4f}  {accuracy['lowest']:6.4f}  "
            f"{accuracy['highest']:7.4f}  {came['minutes']['mean']:7.1f}"
        )
    return "\n".join(lines)


def _spread(values: Sequence[float], digits: int) -> dict[str, float]:
    return {
        "mean": round(statistics.mean(values), digits),
        "lowest": round(min(values), digits),
        "highest": round(max(values), digits),
    }
