"""What a call carries beside its message: deadline, headers, request id."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple

from python_client._transport.channels import ChannelOptions
from python_client._transport.policies import HedgingPolicy

_MOST_TIMEOUT_S = 365 * 24 * 3600  # far longer ones, and infinity, end a call at once
REQUEST_ID_HEADER = "x-request-id"

Headers = tuple[tuple[str, str | bytes], ...]


class CallOptions(NamedTuple):
    """The settings of one call.

    Attributes:
        timeout_s: Its deadline in seconds.
        metadata: Its headers, the request id among them.
        request_id: The id, for messages and logs.
    """

    timeout_s: float
    metadata: Headers
    request_id: str


@dataclass(frozen=True)
class CallDefaults:
    """What a client adds to each of its calls.

    Attributes:
        timeout_s: Deadline in seconds where a call names none.
        headers: Headers of every call.
        options: The channel's settings, of which hedging happens outside gRPC.
    """

    timeout_s: float
    headers: Headers
    options: ChannelOptions

    def __post_init__(self) -> None:
        _check_timeout(self.timeout_s)

    @classmethod
    def of(
        cls,
        timeout_s: float,
        headers: Headers,
        channel: Any,
        credentials: Any,
        options: ChannelOptions | None,
    ) -> CallDefaults:
        """Check a client's arguments against each other.

        Raises:
            ValueError: A handed-in channel comes with settings that it would ignore.
        """
        if channel is not None and (credentials is not None or options is not None):
            raise ValueError(
                "expected either a channel or credentials and options, received both: a channel "
                "that exists keeps its own; make it with python_client.open_channel(…)"
            )
        return cls(timeout_s, headers, options or ChannelOptions())

    @property
    def hedging(self) -> HedgingPolicy | None:
        """When to send a call a second time before the first has failed."""
        return self.options.hedging

    def for_call(self, timeout_s: float | None, request_id: str | None) -> CallOptions:
        """Settle one call's deadline and headers.

        Raises:
            ValueError: The deadline is not above 0 and at most a year.
        """
        seconds = self.timeout_s if timeout_s is None else timeout_s
        _check_timeout(seconds)
        name = request_id or os.urandom(16).hex()
        return CallOptions(seconds, (*self.headers, (REQUEST_ID_HEADER, name)), name)


def _check_timeout(seconds: float) -> None:
    if not 0 < seconds <= _MOST_TIMEOUT_S:
        raise ValueError(
            f"expected timeout_s above 0 and at most {_MOST_TIMEOUT_S} seconds, received {seconds}"
        )
