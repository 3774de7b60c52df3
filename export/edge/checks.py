"""Start the two programs that look at the files, and judge what they saw."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.edge.errors import EdgeContractError, EdgeError
from signature_contract.checking.outcome import finite
from signature_contract.contract import Contract
from signature_contract.version_files import CONTRACT_FILE, GOLDEN_FILE, extra

log = logging.getLogger(__name__)

_TIMEOUT_S = 1800.0
_TIMED_CALLS = 200


@dataclass(frozen=True)
class Seen:
    """What the golden vectors showed of a file.

    Attributes:
        problems: Sentences; empty where it keeps its contract.
        distances: The largest absolute distance by output; None where there is none, as between
            two different sets of detections.
    """

    problems: tuple[str, ...]
    distances: Mapping[str, float | None]


def look(form: str, file: Path, golden_dir: Path, version: Path) -> Seen:
    """Run the golden vectors through a file in a fresh process without TensorFlow.

    Args:
        form: What the file is; float32 must give the golden answers within their tolerances.
        file: The ``.tflite`` file.
        golden_dir: Where ``golden.npz`` lies.
        version: The published version, whose contract has the tolerances.
    """
    log.info("verifying %s in a fresh process", file.name)
    command = [sys.executable, "-m", "export.edge.file_check", str(file)]
    command += ["--golden", str(golden_dir / GOLDEN_FILE)]
    command += ["--contract", str(extra(version, CONTRACT_FILE))]
    done = _complete(command)
    problems: list[str] = []
    distances: dict[str, float] = {}
    step = "start"
    for line in done.stdout.splitlines():
        message = json.loads(line)
        step = message.get("begin", step)
        binding = ("differences", "apart") if form == "float32" else ("differences",)
        problems += [
            f"{d['where']}: expected {d['expected']}, found {d['found']}"
            for kind in binding
            for d in message.get(kind, ())
        ]
        for name, distance in message.get("distances", {}).items():
            distances[name] = max(distance, distances.get(name, 0.0))
    if done.returncode:
        problems.append(f"{step}: expected the process to live, found {_end(done)}")
    return Seen(tuple(problems), finite(distances))


def verify(form: str, file: Path, golden_dir: Path, version: Path) -> Mapping[str, float | None]:
    """Do what :func:`look` does, and insist.

    Returns:
        Its distances.

    Raises:
        EdgeContractError: With every difference.
    """
    seen = look(form, file, golden_dir, version)
    if seen.problems:
        lines = "\n".join(f"  - {problem}" for problem in seen.problems)
        raise EdgeContractError(f"nothing was written, {file.name} breaks its contract:\n{lines}")
    return seen.distances


def compare(
    version: Path,
    contract: Contract,
    files: Mapping[str, Path],
    evaluation: Sequence[tuple[Path, Any]],
    timed_calls: int = _TIMED_CALLS,
) -> dict[str, Any]:
    """Measure accuracy and latency of all files beside the original, in one fresh process.

    Args:
        version: The published version.
        contract: Its contract, for the model's name and the number of classes.
        files: File by form.
        evaluation: Photographs and the truth about each (:mod:`export.edge.kind`).
        timed_calls: At least so many calls a runtime are timed.

    Returns:
        What :mod:`export.edge.comparison` prints.

    Raises:
        EdgeError: It failed, or no photograph could be read.
    """
    log.info("measuring %s beside the original on %d images", ", ".join(files), len(evaluation))
    job = {
        "model": contract.model,
        "classes": len(contract.class_names),
        "version": str(version),
        "forms": {form: str(path) for form, path in files.items()},
        "images": [[str(path), truth] for path, truth in evaluation],
        "timed_calls": timed_calls,
    }
    done = _complete([sys.executable, "-m", "export.edge.comparison"], json.dumps(job))
    if done.returncode:
        raise EdgeError(f"nothing was written, the comparison failed: {_end(done)}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for path, reason in figures["skipped"].items():
        log.warning("skipped %s: %s", path, reason)
    if not figures["images"]:
        raise EdgeError("nothing was written: none of the photographs could be read")
    return figures


def _complete(command: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as err:
        raise EdgeError(
            f"nothing was written: no end of {command[2]} after {_TIMEOUT_S:g} s"
        ) from err


def _end(done: subprocess.CompletedProcess[str]) -> str:
    last = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return f"exit {done.returncode}: {last[-1] if last else 'no message'}"
