"""Trainings that were killed after their last epoch, before anything was published."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.once import Once
from tests.running import PATIENCE_S

REPO = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Kept:
    """A killed training.

    Attributes:
        models: Its ``MODELS``; tests work on copies.
        arguments: The command's, without ``--out``.
        log: What the command had said.
    """

    models: Path
    arguments: tuple[str, ...]
    log: str

    def copy(self, models: Path) -> Path:
        """Copy ``MODELS`` and return the working directory in the copy."""
        shutil.copytree(self.models, models)
        return _work(models)


def _work(models: Path) -> Path:
    (work,) = models.glob("*/.work-*")
    return work


def _kill_when_trained(models: Path, *arguments: str) -> tuple[list[str], str]:
    command = [sys.executable, "-m", "export", *arguments, f"--out={models}"]
    said = []
    with subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            said.append(line)
            if "is kept in" in line:
                process.send_signal(signal.SIGKILL)
                break
        process.wait(PATIENCE_S)
    log = "".join(said)
    assert process.returncode == -signal.SIGKILL, log
    assert not list(models.glob("*/*/saved_model.pb")), "it had published already"
    return list(arguments), log


@pytest.fixture(scope="session")
def kept_classifier(photographs: Path, once: Once) -> Kept:
    """A classifier of three kinds of surfaces, trained from pretrained weights."""

    def make(models: Path) -> list[Any]:
        training = ("classifier", f"--data={photographs}", "--epochs=3", "--fine-tune-epochs=0")
        return [str(models), *_kill_when_trained(models, *training)]

    return _kept(*once("kept_classifier", make))


@pytest.fixture(scope="session")
def kept_detector(write_voc: Callable[..., Path], once: Once) -> Kept:
    """A detector of discs and squares, barely trained: many boxes, none of them sure."""

    def make(folder: Path) -> list[Any]:
        shapes = write_voc(folder / "voc", count=16, seed=2, split=12)
        training = ["detector", f"--data={shapes}", "--image-size=128"]
        training += ["--epochs=6", "--views=2", "--fine-tune-epochs=0"]
        models = folder / "models"
        models.mkdir()
        return [str(models), *_kill_when_trained(models, *training)]

    return _kept(*once("kept_detector", make))


def _kept(models: str, arguments: list[str], log: str) -> Kept:
    return Kept(Path(models), tuple(arguments), log)
