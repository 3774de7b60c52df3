"""The calls that a transport has under way, and no new ones once the server stops."""

from __future__ import annotations

import threading
import time

import grpc

from model_server.errors import ServingError


class CallsInFlight:
    """Counts the calls between their arrival and the sending of their answer. Thread-safe."""

    def __init__(self, reading_s: float = 0.0) -> None:
        """Begin with none.

        Args:
            reading_s: How long a caller may take to read the last answer once it is sent.
        """
        self._reading_s = reading_s
        self._calls = 0
        self._last_end = -reading_s
        self._stopping = False
        self._changed = threading.Condition()

    def begin(self) -> None:
        """Count a call; :meth:`end` must follow.

        Raises:
            ServingError: UNAVAILABLE, once :meth:`refuse` has been called.
        """
        with self._changed:
            if self._stopping:
                raise ServingError(grpc.StatusCode.UNAVAILABLE, "The server is stopping")
            self._calls += 1

    def end(self) -> None:
        """Note that a call's answer is sent, or that nobody waits for it any more."""
        with self._changed:
            self._calls -= 1
            self._last_end = time.monotonic()
            self._changed.notify_all()

    def refuse(self) -> None:
        """Let no more calls begin."""
        with self._changed:
            self._stopping = True

    def finish(self, timeout_s: float) -> int:
        """Return when the last answer is sent and had time to be read.

        Args:
            timeout_s: Longest wait for that last answer, in seconds.

        Returns:
            The number of calls still running.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._calls == 0, timeout_s)
            unfinished = self._calls
            reading_s = self._last_end + self._reading_s - time.monotonic()
        time.sleep(max(0.0, reading_s))
        return unfinished
