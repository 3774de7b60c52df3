"""The gRPC services: admission, deadlines and status codes around the engine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from model_server.engine import Engine
from model_server.errors import ServingError

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
    def __init__(self, engine: Engine, admission: Admission) -> None:
        self._engine = engine
        self._admission = admission

    def _answer(self, context: Any, call: Callable[..., Any], request: Any, *rest: Any) -> Any:
        try:
            with self._admission:
                return call(request, *rest)
        except ServingError as err:
            _abort(context, err)
        except Exception as err:
            # Nothing a caller sends may end up here; when it does, it is our fault and our log.
            logger.exception("a call failed")
            _abort(context, ServingError(grpc.StatusCode.INTERNAL, f"{type(err).__name__}: {err}"))


class PredictionService(_Service, prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, self._engine.predict, request, _timeout_ms(context))

    def Classify(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, self._engine.classify, request, _timeout_ms(context))

    def Regress(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, self._engine.regress, request, _timeout_ms(context))

    def MultiInference(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, self._engine.infer_all, request, _timeout_ms(context))

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, self._engine.metadata, request)


class ModelService(_Service, model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, self._engine.status, request)

    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802, D102
        return self._answer(context, self._engine.reload, request, _remaining_s(context))


def _remaining_s(context: Any) -> float | None:
    remaining: float | None = context.time_remaining()
    return None if remaining is None or remaining > _LONGEST_DEADLINE_S else remaining


def _timeout_ms(context: Any) -> int | None:
    remaining = _remaining_s(context)
    # 0 would mean "no limit" to the session, the opposite of a deadline that is over.
    return None if remaining is None else max(1, int(remaining * 1000))


def _abort(context: Any, err: ServingError) -> NoReturn:
    context.abort(err.code, err.status_message)
    raise AssertionError("abort returns never")
