"""What becomes of each finished call: metrics, a structured line in the log, and a span."""

from __future__ import annotations

import json
import logging

from model_server.observation.calls import FinishedCall
from model_server.observation.metrics import Metrics
from model_server.observation.traces import Tracing

# Users filter their logs by this name.
logger = logging.getLogger("model_server.observation")

# Of gRPC's methods TensorFlow Serving counts these, and of the REST API every request; a request's
# API there is the call's name in the path, if it is one.
_GRPC_COUNTED = frozenset(("Predict", "Classify", "Regress"))
_REST_CALLS = frozenset(("predict", "classify", "regress"))
_LONGEST_LOGGED = 300
_MOST_MODELS = 1000  # callers choose the names they ask for; labels must not grow without bound
_OTHER_MODELS = "(other)"


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
        """Tell whether :meth:`finished` would do anything: describing a call costs time."""
        return (
            self.metrics is not None
            or self._tracing is not None
            or self._log_all
            or (failed and self._log_errors)
        )

    def finished(self, call: FinishedCall) -> None:
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
