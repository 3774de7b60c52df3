"""A process with TensorFlow to ask, and small labelled data sets of real photographs."""

from __future__ import annotations

import pickle
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import running
from tests.running import PATIENCE_S, Ran
from tests.warm.warmth import warm_python

REPO = Path(__file__).resolve().parents[2]


class SideError(Exception):
    """What a function in the TensorFlow process raised.

    Attributes:
        kind: Name of the exception's type there.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class TensorFlowSide:
    """Calls functions of ``tensorflow_side.py`` in its process."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [warm_python(), str(Path(__file__).parent / "tensorflow_side.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=REPO,
        )

    def error_of(self, name: str, *arguments: Any, **options: Any) -> tuple[str, str]:
        """Call a function that must fail; return the exception's type and message."""
        with pytest.raises(SideError) as caught:
            self(name, *arguments, **options)
        return caught.value.kind, str(caught.value)

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a function and return its result."""
        assert self._process.stdin and self._process.stdout
        pickle.dump((name, arguments, options), self._process.stdin)
        self._process.stdin.flush()
        try:
            kind, *rest = pickle.load(self._process.stdout)  # noqa: S301  # our own process
        except EOFError:
            pytest.fail(f"the TensorFlow process ended:\n{Path(self._log.name).read_text()}")
        if kind == "error":
            raise SideError(*rest)
        return rest[0]

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        self._process.wait(PATIENCE_S)
        self._log.close()


@pytest.fixture(scope="session")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TensorFlowSide]:
    running = TensorFlowSide(tmp_path_factory.mktemp("side") / "log")
    yield running
    running.close()


@pytest.fixture(scope="session")
def official_weights(side: TensorFlowSide) -> str:
    return str(side("official_weights"))


@pytest.fixture(scope="session")
def run_export() -> Callable[..., Ran]:
    """``run_export("detector", "--data", …)``: ``python -m export`` in a process of its own."""
    return running.run_export


@pytest.fixture(scope="session")
def trained(trained_detector: dict[str, Any]) -> dict[str, Any]:
    """The result of ``python -m export detector`` on ``shapes``: small, but trained."""
    return trained_detector
