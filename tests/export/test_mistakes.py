"""Mistakes on the command line of a training cost nothing: no TensorFlow, no record, no folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import PATIENCE_S, REPO


def train(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m export classifier`` in a new interpreter."""
    return subprocess.run(
        [sys.executable, "-m", "export", "classifier", *arguments],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


MISTAKES = {
    "a path": (["--data=nowhere"], 1, "no data set at nowhere: there is no such folder"),
    "a file for a folder": ([f"--data={__file__}"], 1, "it is a file"),
    "validation data": (["--validation-data=nowhere"], 1, "no data set at nowhere"),
    "a backbone": (["--backbone=mobilnet_v2"], 2, "Did you mean mobilenet_v2"),
    "an image size": (["--backbone=Xception", "--image-size=32"], 2, "must be at least 71"),
    "epochs": (["--epochs=0"], 2, "epochs must be from 1 to 10000"),
    "a learning rate": (["--learning-rate=-1"], 2, "learning_rate must be above 0"),
    "rates that do not fit": (["--fine-tune-learning-rate=0.1"], 2, "10 to 100 times lower"),
    "a batch size": (["--batch-size=0"], 2, "batch_size must be from 1"),
    "a share": (["--validation-fraction=1"], 2, "validation_fraction must lie between 0 and 1"),
    "another share": (["--max-skipped=5"], 2, "--max-skipped takes a share from 0 to 1"),
    "a minimum": (["--min-accuracy=90"], 2, "--min-accuracy takes a share from 0 to 1"),
    "weights": (["--weights=nowhere.h5"], 1, "no weights file at nowhere.h5"),
    "class weights": (["--class-weights=heavy"], 2, "takes none, balanced, or a JSON file"),
    "a pattern": (["--group-by=("], 2, "takes a regular expression"),
    "a pattern without a match": (["--group-by=patient"], 1, "matches none of"),
    "an augmentation": (["--augment=blur"], 2, "augment takes"),
    "a distribution": (["--distribute=all"], 2, "invalid choice: 'all'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_before_anything_is_loaded_or_made(
    photographs: Path, without_tensorflow: dict[str, str], tmp_path: Path, mistake: str
) -> None:
    arguments, code, message = MISTAKES[mistake]
    out = tmp_path / "models"
    ran = train(without_tensorflow, f"--data={photographs}", f"--out={out}", *arguments)
    assert (ran.returncode, ran.stdout) == (code, ""), ran.stderr
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not out.exists()


def test_what_is_no_mistake_goes_on_to_load_tensorflow(
    photographs: Path, without_tensorflow: dict[str, str], tmp_path: Path
) -> None:
    ran = train(without_tensorflow, f"--data={photographs}", f"--out={tmp_path / 'm'}")
    assert ran.returncode == 99, ran.stderr
    assert "3 classes, 192 photographs: brick 64, grass 64, gravel 64" in ran.stderr
