"""A finished call, as metrics, log and spans describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# W3C trace context: in gRPC metadata under these keys, in HTTP under headers of these names.
TRACE_CONTEXT_KEYS = ("traceparent", "tracestate")


@dataclass(slots=True)
class FinishedCall:
    """One finished call.

    Attributes:
        api: ``Predict``, ``predict`` (REST), ``GetModelStatus``, …
        entrypoint: ``GRPC`` or ``REST``.
        seconds: From request to answer.
        model: The model asked for; may be empty.
        version: The version that answered, 0 when none did.
        code: The gRPC code's name.
        message: Why it failed.
        request_id: The caller's ``x-request-id``, or empty.
        signature: The signature asked for, else the one that answered; may be empty.
        trace_context: The caller's values of :data:`TRACE_CONTEXT_KEYS`, by key.
        http_method: Of a REST request.
        http_status: Of its answer.
    """

    api: str
    entrypoint: str
    seconds: float
    model: str = ""
    version: int = 0
    code: str = "OK"
    message: str = ""
    request_id: str = ""
    signature: str = ""
    trace_context: Mapping[str, str] = field(default_factory=dict)
    http_method: str = ""
    http_status: int = 0
