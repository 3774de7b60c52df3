"""``python -m export``, run as a user runs it; its progress goes to our standard error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from demo.errors import DemoError

# What a digit is depends on left and right, so the detector sees no mirror images. It gets the
# scenes as they are, once (--views 1): there are enough of them. Phase 2 is left out: an epoch of
# it costs more than two of phase 1.
_DETECTOR_OPTIONS = (
    *("--image-size=192", "--mirror=none", "--views=1", "--batch-size=8"),
    *("--epochs=8", "--fine-tune-epochs=0"),
)


def train_classifier(data_dir: Path, models_dir: Path) -> dict[str, Any]:
    """Train, export, verify and publish a classifier; return the command's result."""
    # A stranger's two dozen photographs prove nothing, and the demo goes on all the same: it shows
    # how a model travels, and the training says what it is worth.
    return _export("classifier", "--data", data_dir, "--out", models_dir, "--allow-baseline")


def train_detector(data_dir: Path, models_dir: Path) -> dict[str, Any]:
    """Train, export, verify and publish a detector; return the command's result."""
    return _export("detector", "--data", data_dir, "--out", models_dir, *_DETECTOR_OPTIONS)


def measure_detector(version: Path, data_dir: Path, target: str, pictures: Path) -> dict[str, Any]:
    """Measure what the server at ``target`` answers about a whole data set.

    Args:
        version: The published version that it serves.
        data_dir: Scenes that took no part in the training.
        target: ``host:port``.
        pictures: Where pictures of truth and answers go.

    Returns:
        The command's result, ``map50`` among it.
    """
    return _export(
        *("evaluate", "detector", version, "--data", data_dir, "--part=all"),
        *("--server", target, "--pictures", pictures),
    )


def _export(*arguments: str | Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "export", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise DemoError(f"python -m export {arguments[0]} failed; the message is above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
