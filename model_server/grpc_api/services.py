"""The gRPC services: admission, deadlines and status codes around the engine."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from model_server.api.engine import Engine
from model_server.api.in_flight import CallsInFlight
from model_server.errors import ServingError
from model_server.observation.calls import TRACE_CONTEXT_KEYS, FinishedCall
from model_server.runtimes.limits import CallLimits

logger = logging.getLogger(__name__)

# A deadline further away than this is none; grpc reports "no deadline" as a very distant one.
_LONGEST_DEADLINE_S = 365 * 24 * 3600.0


class Admission:
    """Counts calls in flight and refuses those above a limit, at once, instead of queueing them."""

    def __init__(self, limit: int) -> None:
        """Admit ``limit`` calls at the same time."""
        self.limit = limit
        self._calls = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._calls >= self.limit:
                raise ServingError(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted"
                )
            self._calls += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._calls -= 1


class _Service:
    def __init__(self, engine: Engine, admission: Admission, running: CallsInFlight) -> None:
        self._engine = engine
        self._admission = admission
        self._running = running
        self._observer = engine.observer

    def _answer(
        self, context: Any, api: str, call: Callable[..., Any], request: Any, *rest: Any
    ) -> Any:
        begin = time.perf_counter()
        failure: ServingError | None = None
        response = None
        try:
            self._running.begin()
            if not context.add_callback(self._running.end):  # over already: the caller gave up
                self._running.end()
            _check_wanted(context)
            with self._admission:
                response = call(request, *rest)
        except ServingError as err:
            failure = err
        except Exception as err:
            # Nothing a caller sends may end up here; when it does, it is our fault and our log.
            logger.exception("a call failed")
            failure = ServingError(grpc.StatusCode.INTERNAL, f"{type(err).__name__}: {err}")
        if self._observer.is_interested(failed=failure is not None):
            metadata = dict(context.invocation_metadata())
            self._observer.finished(
                FinishedCall(
                    api=api,
                    entrypoint="GRPC",
                    seconds=time.perf_counter() - begin,
                    model=_model_name(request),
                    version=_version(response),
                    code=failure.code.name if failure else "OK",
                    message=failure.message if failure else "",
                    request_id=metadata.get("x-request-id", ""),
                    signature=_signature_name(request, response),
                    trace_context={
                        key: metadata[key] for key in TRACE_CONTEXT_KEYS if key in metadata
                    },
                )
            )
        if failure is not None:
            context.abort(failure.code, failure.status_message)
        return response


class PredictionService(_Service):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, "Predict", self._engine.predict, request, _limits(context))

    def Classify(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, "Classify", self._engine.classify, request, _limits(context))

    def Regress(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, "Regress", self._engine.regress, request, _limits(context))

    def MultiInference(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(
            context, "MultiInference", self._engine.infer_all, request, _limits(context)
        )

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, "GetModelMetadata", self._engine.metadata, request)


class ModelService(_Service):
    """GetModelStatus and HandleReloadConfigRequest."""

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, "GetModelStatus", self._engine.administration.status, request)

    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(
            context,
            "HandleReloadConfigRequest",
            self._engine.administration.reload,
            request,
            _remaining_s(context),
            context.is_active,
        )


def _check_wanted(context: Any) -> None:
    """Refuse a call that waited for a thread longer than its caller waited for it."""
    if not context.is_active():
        raise ServingError(grpc.StatusCode.CANCELLED, "the caller no longer waits")


def _remaining_s(context: Any) -> float | None:
    remaining: float | None = context.time_remaining()
    return None if remaining is None or remaining > _LONGEST_DEADLINE_S else remaining


def _limits(context: Any) -> CallLimits:
    remaining = _remaining_s(context)
    # 0 would mean "no limit" to the session, the opposite of a deadline that is over.
    timeout_ms = None if remaining is None else max(1, int(remaining * 1000))
    return CallLimits(timeout_ms, context.add_callback)


def _model_spec(request: Any) -> Any:
    holder = request
    if hasattr(request, "tasks"):  # MultiInference names a model per task, the same one
        holder = request.tasks[0] if request.tasks else None
    return getattr(holder, "model_spec", None)


def _model_name(request: Any) -> str:
    spec = _model_spec(request)
    return spec.name if spec is not None else ""


def _signature_name(request: Any, response: Any) -> str:
    for spec in (_model_spec(request), getattr(response, "model_spec", None)):
        if spec is not None and spec.signature_name:
            return str(spec.signature_name)
    return ""


def _version(response: Any) -> int:
    spec = getattr(response, "model_spec", None)
    return int(spec.version.value) if spec is not None else 0
