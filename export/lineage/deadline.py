"""How long somebody else may take to answer: a server that accepts and never answers included.

The libraries' own time-outs are for one attempt at one address, or for one of many requests; what a
person waits for is all of them together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from export.errors import LineageError

T = TypeVar("T")

START_S = 10.0
"""Longest wait, in seconds, for the first answer of a server before a run begins."""

END_S = 60.0
"""Longest wait, in seconds, for a server to take how a run ended."""


def within(seconds: float, who: str, ask: Callable[[], T]) -> T:
    """Call a function that may never return.

    Args:
        seconds: Longest wait.
        who: Whom it asks, for the message.
        ask: What to call, in a thread of its own, which is left behind when the wait is over.

    Returns:
        What it returns.

    Raises:
        LineageError: It did not return in time.
        BaseException: Whatever it raises.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as err:  # handed on below
            errors.append(err)

    thread = threading.Thread(target=run, name="lineage-deadline", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise LineageError(
            f"{who} accepts connections or is looked for, and has not answered for {seconds:g} s: "
            "see that the address is right and the server well, or go on without (--lineage none)"
        )
    return answers[0]
