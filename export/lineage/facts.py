"""What the columns of a run hold: from the settings at its start, from ``run.json`` at its end."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import platform
import socket
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import export
from serving_config.version import __version__

_LIBRARIES = ("tensorflow", "keras", "numpy", "protobuf", "h5py", "sqlalchemy")
_METRIC = {"detector": "map50"}


def at_start(model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that are known before anything runs.

    Args:
        model: ``classifier`` or ``detector``.
        settings: All settings, as JSON.
    """
    return {
        "model": model,
        "base_architecture": settings["backbone"],
        "accuracy_metric": _METRIC.get(model, "accuracy"),
        "phase_policy": settings.get("policy"),
        "seed": settings["seed"],
        "settings": dict(settings),
        "code_version": __version__,
        "code_commit": code_commit(),
        "library_versions": library_versions(),
        "host": socket.gethostname(),
        "process": os.getpid(),
    }


def of_outcome(record: Mapping[str, Any], accuracy: float) -> dict[str, Any]:
    """Return the columns that a finished training adds.

    Args:
        record: The version's ``run.json``.
        accuracy: Of the kept weights on the validation data: the classifier's share of right
            answers, the detector's mAP@0.5.
    """
    weights, data = record["weights"], record.get("data", {})
    return {
        "pretrained_weights": weights["source"],
        "pretrained_weights_description": weights["description"],
        "pretrained_weights_sha256": weights["sha256"],
        "final_accuracy": accuracy if math.isfinite(accuracy) else None,
        "data_fingerprint": data.get("fingerprint", ""),
        "data_directory": data.get("directory", ""),
        **_fine_tuning(record),
        "metrics": _metrics(record),
    }


def _fine_tuning(record: Mapping[str, Any]) -> dict[str, Any]:
    phases = record["phases"]
    if isinstance(phases, Mapping):  # the detector's: each phase's epochs by the phase's name
        first, *rest = phases.values()
        return {
            "frozen_layers_count": record.get("frozen_layers"),
            "fine_tuning_start_epoch": len(first) + 1 if rest else None,
            "learning_rate_phase2": record["settings"]["fine_tune_learning_rate"] if rest else None,
        }
    kept = next(phase for phase in phases if phase["number"] == record["kept_phase"])
    steps: list[dict[str, Any]] = next(
        (phase["steps"] for phase in phases if phase["number"] == 2), []
    )
    return {
        "frozen_layers_count": kept["frozen_layers"],
        "fine_tuning_start_epoch": steps[0]["first_epoch"] if steps else None,
        "learning_rate_phase2": steps[0]["learning_rate"] if steps else None,
    }


def _metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return each phase's figures, and what the run decided and noticed."""
    names = ("phases", "kept_phase", "fine_tuning", "batch_norm", "notes", "anchor_iou", "seconds")
    return {name: record[name] for name in names if name in record}


def library_versions() -> dict[str, str]:
    """Return the versions of what can change a figure, Python's and the platform's too."""
    found = {name: _package_version(name) for name in _LIBRARIES}
    return {**found, "python": platform.python_version(), "platform": platform.platform()}


@functools.cache  # the code that runs was loaded once
def code_commit() -> str:
    """Return the Git commit that this package runs from, ``-dirty`` behind it when files differ.

    Empty when there is none: the package was installed, or Git is not. A package installed into a
    virtual environment inside somebody's repository is not that repository's code, so the package
    must be under Git's control, not merely below a repository's folder.
    """
    package = Path(export.__file__).parent
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return ""
    commit = _git(package, "rev-parse", "HEAD")
    if not commit:
        return ""
    changed = _git(package.parent, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if changed else commit


def _git(directory: Path, *arguments: str) -> str | None:
    """Return what Git says, None when it refuses, is missing or hangs."""
    command = ["git", "-C", str(directory), "--no-optional-locks", *arguments]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def _package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
