"""How long a call's caller still waits, as the transports know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CallLimits:
    """What bounds a call.

    Attributes:
        timeout_ms: Time left for its run; None for any.
        when_over: Has a function called when the caller no longer waits, for whatever reason; gives
            False, without calling it, when that is the case already. None when nobody can tell.
    """

    timeout_ms: int | None = None
    when_over: Callable[[Callable[[], None]], bool] | None = None


NO_LIMITS = CallLimits()
