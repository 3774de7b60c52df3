"""A published classifier as TFLite files, made once as a user makes them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON object on standard output, which must be its only line."""
        (line,) = self.out.splitlines()
        document: dict[str, Any] = json.loads(line)
        return document


@pytest.fixture(scope="session")
def tflite() -> Callable[..., Ran]:
    """Run ``python -m export tflite`` with some arguments."""

    def run(*arguments: str | Path) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "export", "tflite", *map(str, arguments)],
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
            timeout=580,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def made(
    tflite: Callable[..., Ran], published: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The report of a run that made all three forms of the published classifier."""
    out = tmp_path_factory.mktemp("edge")
    ran = tflite("--model", published, "--out", out, "--representative-images", "20")
    assert ran.code == 0, ran.err
    return ran.report


@pytest.fixture(scope="session")
def directory(made: dict[str, Any]) -> Path:
    """Where the files are."""
    return Path(made["path"])
