"""SIGTERM and SIGINT, from the program's first lines to its last.

Python runs a signal's handler in the main thread, between two of its own instructions: not while
TensorFlow is imported or a model is loaded, which take seconds, and possibly while that thread
holds the very lock that the handler needs. So a thread of its own waits for signals here. It reads
them from a pipe into which they are written at once, whichever thread the system gave them to:
libraries start threads of their own as soon as they are imported.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LAST_WAIT_S = 1.0  # for a thread that has only to notice that there is nothing left to do


def end_at_once() -> None:
    """Until :class:`StopSignals` takes over, end with exit code 0: nothing has begun."""
    for number in _SIGNALS:
        signal.signal(number, _leave)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal that is in the pipe already."""


class StopSignals:
    """Whether somebody asked the server to stop.

    Before :meth:`begin_serving` such a signal ends the process at once with exit code 0, even
    while models are loading: TensorFlow cannot be interrupted, and no caller waits for an answer.
    """

    def __init__(self) -> None:
        """Take the signals over. Called in the main thread."""
        self._requested = threading.Event()
        self._serving = False
        self._lock = threading.Lock()
        self._received, written = os.pipe()
        os.set_blocking(written, False)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _nothing)
            signal.siginterrupt(number, False)  # whoever reads or waits goes on
        threading.Thread(target=self._listen, name="signals", daemon=True).start()

    def begin_serving(self) -> None:
        """From now on a signal is a request: :meth:`wait` returns."""
        with self._lock:
            self._serving = True

    def wait(self) -> None:
        """Return when the server shall stop."""
        self._requested.wait()

    def request(self) -> None:
        """Have the server stop as by a signal."""
        self._requested.set()

    def _listen(self) -> None:
        while True:
            (number,) = os.read(self._received, 1)
            if number not in _SIGNALS:
                continue
            with self._lock:
                if not self._serving:
                    logger.info("stopped before every model was AVAILABLE")
                    leave(0)
            if self._requested.is_set() and number == signal.SIGINT:
                leave(128 + number)  # somebody at a terminal is in a hurry
            self._requested.set()


def leave(code: int) -> None:
    """End the process without waiting for its threads.

    Args:
        code: The exit code.
    """
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def end(code: int) -> int:
    """Return ``code``, or end with it when a thread would keep the process from ending.

    That is one in TensorFlow, which cannot be interrupted: a model that loads, or a call that did
    not finish in its time.

    Args:
        code: The exit code.
    """
    others = set(threading.enumerate()) - {threading.current_thread()}
    for thread in others:
        if not thread.daemon:
            thread.join(_LAST_WAIT_S)
            if thread.is_alive():
                leave(code)
    return code
