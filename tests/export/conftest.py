"""Running ``python -m export`` as a user does."""

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
    def result(self) -> dict[str, Any]:
        """The JSON object on standard output, which must be its only line."""
        (line,) = self.out.splitlines()
        document: dict[str, Any] = json.loads(line)
        return document


@pytest.fixture(scope="session")
def run_python() -> Callable[..., Ran]:
    """Run the interpreter with some arguments, from the repository."""

    def run(*arguments: str | Path) -> Ran:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
            timeout=550,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def export(run_python: Callable[..., Ran]) -> Callable[..., Ran]:
    """Run ``python -m export`` with some arguments."""

    def run(*arguments: str | Path) -> Ran:
        return run_python("-m", "export", *arguments)

    return run
