"""A published classifier as TFLite files, made once as a user makes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S, Ran, run_python


@pytest.fixture(scope="session")
def tflite() -> Callable[..., Ran]:
    """Run ``python -m export tflite`` with some arguments."""

    def run(*arguments: str | Path) -> Ran:
        return run_python("-m", "export", "tflite", *arguments, timeout_s=PATIENCE_S)

    return run


@pytest.fixture(scope="session")
def made(
    tflite: Callable[..., Ran], published: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The report of a run that made all three forms of the published classifier."""
    out = tmp_path_factory.mktemp("edge")
    ran = tflite("--model", published, "--out", out, "--representative-images", "20")
    assert ran.code == 0, ran.err
    return ran.result


@pytest.fixture(scope="session")
def directory(made: dict[str, Any]) -> Path:
    """Where the files are."""
    return Path(made["path"])
