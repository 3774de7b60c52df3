"""Running ``python -m export`` as a user does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import running
from tests.running import Ran


@pytest.fixture(scope="session")
def run_python() -> Callable[..., Ran]:
    """Run the interpreter with some arguments, from the repository."""
    return running.run_python


@pytest.fixture(scope="session")
def export(run_python: Callable[..., Ran]) -> Callable[..., Ran]:  # noqa: ARG001  # its marker
    """Run ``python -m export`` with some arguments."""
    return running.run_export


@pytest.fixture(scope="module")
def few(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photographs of each class."""
    few = tmp_path_factory.mktemp("few")
    for folder in sorted(photographs.iterdir()):
        (few / folder.name).mkdir()
        for path in sorted(folder.iterdir())[:10]:
            shutil.copy(path, few / folder.name)
    return few
