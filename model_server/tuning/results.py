"""What was measured, for people and programs, and the files that a choice is written to."""

from __future__ import annotations

import difflib
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from model_server.tuning.rule import Result
from model_server.tuning.settings import Setting

logger = logging.getLogger("model_server.tune")


def print_table(results: Sequence[Result], chosen: Result, loads: Sequence[int]) -> None:
    """Print a line for each setting to stderr, the chosen one with a star."""
    heads = [f"{n} client{'s' * (n > 1)}: req/s  p50 ms  p99 ms  ratio" for n in loads]
    width = max(len(str(result.setting)) for result in results)
    lines = ["  ".join(["  " + "setting".ljust(width), *heads, "failed"])]
    for result in results:
        cells = [("* " if result is chosen else "  ") + str(result.setting).ljust(width)]
        for clients, head in zip(loads, heads, strict=True):
            cell = (
                f"{result.per_s(clients):.1f} {result.p50_ms(clients):7.2f} "
                f"{result.p99_ms(clients):7.2f} {result.ratio(clients):6.2f}"
            )
            cells.append(cell.rjust(len(head)))
        lines.append("  ".join([*cells, str(result.failed).rjust(6)]))
    print("\n".join(lines), file=sys.stderr)  # noqa: T201


def figures(result: Result, loads: Sequence[int]) -> dict[str, object]:
    """Return the figures of a setting as the command prints them, in JSON."""
    return {
        "setting": str(result.setting),
        "failed": result.failed,
        "clients": {
            str(n): {
                "per_s": round(result.per_s(n), 1),
                "p50_ms": round(result.p50_ms(n), 3),
                "p99_ms": round(result.p99_ms(n), 3),
                "ratio": round(result.ratio(n), 3),
                "tail": round(result.tail(n), 3),
            }
            for n in loads
        },
    }


def files_of(setting: Setting, out: Path) -> dict[Path, str]:
    """Return the content by path, in the order in which they are to be written."""
    batching = out / "batching.config"
    files = {}
    if setting.batching is not None:
        files[batching] = setting.batching.text()
    files[out / "serving.flags"] = "".join(f"{flag}\n" for flag in setting.flags(str(batching)))
    return files


def write_files(files: dict[Path, str], dry_run: bool) -> list[Path]:
    """Replace what differs, each file in one step; returns the paths that differ."""
    changed = []
    for path, text in files.items():
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if before == text:
            continue
        changed.append(path)
        if dry_run:
            lines = before.splitlines(keepends=True), text.splitlines(keepends=True)
            sys.stderr.writelines(difflib.unified_diff(*lines, str(path), f"{path} (tuned)"))
            continue
        # Beside the target, so that the rename stays on one file system.
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o644)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        logger.info("%s written", path)
    return changed
