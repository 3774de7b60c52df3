"""What becomes of each finished call: metrics, a structured line in the log, and a span."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from model_server.metrics import Metrics
from model_server.tracing import Tracing

logger = logging.getLogger(__name__)

# W3C trace context: in gRPC metadata under these keys, in HTTP under headers of these names.
TRACE_CONTEXT_KEYS = ("traceparent", "tracestate")

# Of gRPC's methods TensorFlow Serving counts these, and of the REST API every request; a request's
# API there is the call's name in the path, if it is one.
_GRPC_COUNTED = frozenset(("Predict", "Classify", "Regress"))
_REST_CALLS = frozenset(("predict", "classify", "regress"))
_LONGEST_LOGGED = 300
_MOST_MODELS = 1000  # callers choose the names they ask for; labels must not grow without bound
_OTHER_MODELS = "(other)"


@dataclass(slots=True)
class Call:
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


class Observer:
    """Records finished calls. Thread-safe."""

    def __init__(
        self, metrics: Metrics | None, request_log: str, tracing: Tracing | None = None
    ) -> None:
        """Create an observer.

        Args:
            metrics: Where to count; None counts nothing.
            request_log: Which calls are logged, ``none``, ``errors`` or ``all``.
            tracing: Where spans go; None makes none.
        """
        self._tracing = tracing
        self.metrics = metrics
        self._log_all = request_log == "all"
        self._log_errors = request_log != "none"
        self._models: set[str] = set()

    def is_interested(self, failed: bool) -> bool:
        """Tell whether :meth:`finished` would do anything; building a :class:`Call` costs time."""
        return (
            self.metrics is not None
            or self._tracing is not None
            or self._log_all
            or (failed and self._log_errors)
        )

    def finished(self, call: Call) -> None:
        """Record a call."""
        failed = call.code != "OK"
        if self._tracing is not None:
            self._tracing.record(call)
        is_rest = call.entrypoint == "REST"
        if self.metrics is not None and (is_rest or call.api in _GRPC_COUNTED):
            model = self._label(call.model)
            self.metrics.request_count.add(model, call.code)
            if not failed:
                api = "" if is_rest and call.api not in _REST_CALLS else call.api
                self.metrics.request_latency.observe(
                    call.seconds * 1e6, model, api, call.entrypoint
                )
        if self._log_all or (failed and self._log_errors):
            fields = {
                "request_id": call.request_id,
                "entrypoint": call.entrypoint,
                "api": call.api,
                "model": call.model,
                "version": call.version,
                "code": call.code,
                "latency_ms": round(call.seconds * 1e3, 3),
            }
            if failed:
                fields["message"] = call.message[:_LONGEST_LOGGED]
            logger.log(
                logging.WARNING if failed else logging.INFO,
                "%s",
                json.dumps(fields, ensure_ascii=False),
            )

    def _label(self, model: str) -> str:
        if model not in self._models:
            if len(self._models) >= _MOST_MODELS:
                return _OTHER_MODELS
            self._models.add(model)
        return model
