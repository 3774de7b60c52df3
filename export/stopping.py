"""A process that is asked to end ends in order: what it was doing is put on record.

SIGTERM is how Kubernetes, systemd, batch queues and people ask, and SIGHUP how a terminal that is
closed does. Python's default is to die of either at once, which is not to be told from a crash.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ASKED = (signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Somebody asked this process to end; like Ctrl-C it passes every ``except Exception``.

    Attributes:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        """Keep the signal."""
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Raise :class:`Stopped` inside when the process is asked to end.

    Once: who asks again while things are put in order is not heard. Signals that somebody else
    handles, or ignores, stay theirs; so do all where this is not the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _ASKED if signal.getsignal(number) is signal.SIG_DFL]

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for number in ours:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
