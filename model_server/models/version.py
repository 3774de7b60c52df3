"""One version of one model: its state, its calls in flight, and when its memory can go."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from model_server.errors import ServingError
from model_server.models.states import State
from model_server.runtimes.runtime import LoadedModel


class Version:
    """A version from the moment it is found on disk until it is gone.

    ``catalog.lease(…)`` hands a version out for the time of one call; ``with`` returns it::

        with catalog.lease(spec) as version:
            version.model.run(…)

    Attributes:
        model_name: The model it is a version of.
        number: Its version number.
        path: Its directory.
        state: Where it is; changed only with the registry's lock held.
        error: Why the last try to load it failed; in state LOADING another follows at retry_at.
        attempts: How often loading was tried.
        retry_at: ``time.monotonic()`` of the next try of a failed load, or None.
    """

    def __init__(self, model_name: str, number: int, path: Path) -> None:
        """Create a version in state START."""
        self.model_name = model_name
        self.number = number
        self.path = path
        self.state = State.START
        self.error: ServingError | None = None
        self.attempts = 0
        self.retry_at: float | None = None
        self._model: LoadedModel | None = None
        self._calls = 0
        self._closing = False
        self._changed = threading.Condition(threading.Lock())

    def __str__(self) -> str:
        return f"{self.model_name} version {self.number}"

    @property
    def model(self) -> LoadedModel:
        """The loaded model; only valid while the version is leased."""
        assert self._model is not None, f"{self} is not loaded"  # noqa: S101
        return self._model

    def open(self, model: LoadedModel) -> None:
        """Take a loaded model; calls may come from now on."""
        with self._changed:
            self._model = model
            self._closing = False

    def acquire(self) -> bool:
        """Begin a call; False when the version takes no more calls."""
        with self._changed:
            if self._closing or self._model is None:
                return False
            self._calls += 1
            return True

    def close(self, timeout_s: float | None = None) -> None:
        """Take no more calls, wait until those in flight are answered, and free the memory.

        Args:
            timeout_s: Longest wait in seconds, after which the memory stays; None waits for ever.
        """
        with self._changed:
            self._closing = True
            if not self._changed.wait_for(lambda: self._calls == 0, timeout_s):
                return
            model, self._model = self._model, None
        if model is not None:
            model.close()

    def __enter__(self) -> Version:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._calls -= 1
            if self._closing and self._calls == 0:
                self._changed.notify_all()
