"""When to send again, when to ping, how large a message may be: frozen, validated settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc

MOST_ATTEMPTS = 5
"""gRPC silently lowers ``maxAttempts`` to this (gRFC A6)."""


@dataclass(frozen=True)
class RetryPolicy:
    """Send a failed call again, later each time. Every call of this client is idempotent.

    Attributes:
        max_attempts: Attempts in all, 2 to 5.
        initial_backoff_s: Wait before the second attempt, in seconds; gRPC varies it at random.
        max_backoff_s: Longest wait between two attempts, in seconds.
        backoff_multiplier: Factor from one wait to the next.
        status_codes: Names of the gRPC codes after which to try again.
    """

    max_attempts: int = 5
    initial_backoff_s: float = 0.1
    max_backoff_s: float = 2.0
    backoff_multiplier: float = 2.0
    status_codes: tuple[str, ...] = ("UNAVAILABLE",)

    def __post_init__(self) -> None:
        _check_attempts(self.max_attempts)
        _check_codes(self.status_codes)
        if self.initial_backoff_s <= 0 or self.max_backoff_s <= 0 or self.backoff_multiplier <= 0:
            raise ValueError(f"expected backoffs and multiplier above 0, received {self}")

    def to_json(self) -> dict[str, Any]:
        """Return the ``retryPolicy`` of a gRPC service config."""
        return {
            "maxAttempts": self.max_attempts,
            "initialBackoff": f"{self.initial_backoff_s:.9f}s",
            "maxBackoff": f"{self.max_backoff_s:.9f}s",
            "backoffMultiplier": self.backoff_multiplier,
            "retryableStatusCodes": list(self.status_codes),
        }


@dataclass(frozen=True)
class HedgingPolicy:
    """Send the same call again while the first is still under way; the first good answer counts.

    It trades server load for a shorter tail: use it with more than one backend and
    ``load_balancing="round_robin"``, and set ``delay_s`` near the usual 95th percentile.

    Attributes:
        max_attempts: Attempts in all, 2 to 5.
        delay_s: Wait for an answer before the next attempt, in seconds.
        non_fatal_status_codes: Names of the gRPC codes after which the next attempt starts at
            once. Any other failure ends the call.
    """

    max_attempts: int = 2
    delay_s: float = 0.1
    non_fatal_status_codes: tuple[str, ...] = ("UNAVAILABLE",)

    def __post_init__(self) -> None:
        _check_attempts(self.max_attempts)
        _check_codes(self.non_fatal_status_codes)
        if self.delay_s < 0:
            raise ValueError(f"expected delay_s of at least 0, received {self.delay_s}")


@dataclass(frozen=True)
class KeepAlive:
    """Ping the server over idle connections, so that a dead one, or a silent NAT, is noticed.

    A server that is not told to expect it (``--grpc_channel_arguments=
    grpc.http2.min_ping_interval_without_data_ms=…``) ends connections that ping more often than
    every 5 minutes without a call.

    Attributes:
        interval_s: Seconds between pings.
        timeout_s: Seconds to wait for the answer before the connection counts as dead.
        without_calls: Ping also while no call is under way.
    """

    interval_s: float = 60.0
    timeout_s: float = 10.0
    without_calls: bool = False

    def __post_init__(self) -> None:
        if self.interval_s <= 0 or self.timeout_s <= 0:
            raise ValueError(f"expected interval_s and timeout_s above 0, received {self}")


@dataclass(frozen=True)
class MessageLimits:
    """Largest message in bytes; gRPC's own default for receiving is 4 MiB, less than one photo.

    Attributes:
        send_bytes: Largest request.
        receive_bytes: Largest answer.
    """

    send_bytes: int = 256 * 1024 * 1024
    receive_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        if not (0 < self.send_bytes < 2**31 and 0 < self.receive_bytes < 2**31):
            raise ValueError(f"expected limits of 1 byte to 2 GiB - 1, received {self}")


def _check_attempts(attempts: int) -> None:
    if not 2 <= attempts <= MOST_ATTEMPTS:
        raise ValueError(f"expected max_attempts of 2 to {MOST_ATTEMPTS}, received {attempts}")


def _check_codes(names: tuple[str, ...]) -> None:
    known = {code.name for code in grpc.StatusCode} - {"OK"}
    if not names or set(names) - known:
        raise ValueError(f"expected names of gRPC codes ({', '.join(sorted(known))}), not {names}")
