"""OpenTelemetry spans of finished calls, with the optional extra ``otel``.

A call's span is made when the call is over, with its real beginning: nothing inside the server
makes spans of its own, and a server without tracing pays nothing. The caller's W3C trace context
(``traceparent`` in gRPC metadata or the HTTP header) is the parent. Endpoint, sampling, service
name and headers follow the standard ``OTEL_*`` environment variables.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import grpc

from model_server.errors import UsageError
from model_server.observation.calls import FinishedCall

_EXTRA = "pip install 'vision-forge[otel]'"
_SERVICE_NAME = "model_server"
_MODEL_SERVICE = frozenset(("GetModelStatus", "HandleReloadConfigRequest"))
# OpenTelemetry's conventions for servers: these are the server's failures, the others the caller's.
_OWN_FAILURES = frozenset(
    ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)


class Tracing:
    """Records finished calls as spans. Thread-safe."""

    def __init__(self, kind: str) -> None:
        """Begin to export.

        Args:
            kind: ``console`` writes one JSON object a line to stderr; ``otlp`` sends batches to
                ``OTEL_EXPORTER_OTLP_ENDPOINT`` over gRPC.

        Raises:
            UsageError: The packages of the extra ``otel`` are not installed.
        """
        try:
            from opentelemetry import trace
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider, export
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            if kind == "otlp":
                from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        except ImportError as err:
            raise UsageError(
                f"--opentelemetry={kind} needs the optional extra otel ({err}): {_EXTRA}"
            ) from err
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        resource = Resource.create({} if named else {"service.name": _SERVICE_NAME})
        self._provider = TracerProvider(resource=resource)
        processor: Any
        if kind == "console":
            exporter = export.ConsoleSpanExporter(
                out=sys.stderr, formatter=lambda span: span.to_json(indent=None) + "\n"
            )
            processor = export.SimpleSpanProcessor(exporter)
        else:
            processor = export.BatchSpanProcessor(OTLPSpanExporter())
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("model_server")

    def record(self, call: FinishedCall) -> None:
        """Make the span of a call that has just ended."""
        trace = self._trace
        end = time.time_ns()
        name, attributes = _describe(call)
        span = self._tracer.start_span(
            name,
            context=self._propagator.extract(call.trace_context),
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
            start_time=end - int(call.seconds * 1e9),
        )
        if call.code in _OWN_FAILURES:
            span.set_status(trace.StatusCode.ERROR, call.message)
        span.end(end)

    def stop(self) -> None:
        """Send what has not been sent yet."""
        self._provider.shutdown()


def _describe(call: FinishedCall) -> tuple[str, dict[str, str | int]]:
    """Return a span's name and attributes, in OpenTelemetry's names where it has some."""
    attributes: dict[str, str | int] = {
        "tensorflow_serving.model": call.model,
        "tensorflow_serving.signature": call.signature,
        "tensorflow_serving.code": call.code,
    }
    if call.version:
        attributes["tensorflow_serving.version"] = call.version
    if call.code != "OK":
        attributes["tensorflow_serving.message"] = call.message
    if call.request_id:
        attributes["tensorflow_serving.request_id"] = call.request_id
    if call.entrypoint == "REST":
        attributes["http.request.method"] = call.http_method
        attributes["http.response.status_code"] = call.http_status
        return f"{call.http_method} {call.api}".rstrip(), attributes
    service = "ModelService" if call.api in _MODEL_SERVICE else "PredictionService"
    attributes["rpc.system"] = "grpc"
    attributes["rpc.service"] = f"tensorflow.serving.{service}"
    attributes["rpc.method"] = call.api
    attributes["rpc.grpc.status_code"] = int(grpc.StatusCode[call.code].value[0])
    return f"tensorflow.serving.{service}/{call.api}", attributes
