"""How the processes of a server speak with each other: gRPC over Unix sockets.

ModelService as callers know it, and a few calls on bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import grpc

from model_server.api.administration import Administration
from model_server.errors import ServingError
from protos.services import MODEL_SERVICE, Stub, handler

SUPERVISOR = "supervisor"
"""The supervisor's name among the processes; the others' are their numbers."""

# Calls on bytes. The supervisor's:
BEGIN = "Begin"
"""A process's number; answered with the ``ModelServerConfig`` to start with."""
READY = "Ready"
"""A process's number, once its models are available; answered when it may take calls."""
METRICS_PAGE = "MetricsPage"
"""Answered with Prometheus's text, of all processes."""

# The others':
METRICS = "Metrics"
"""Answered with :meth:`Metrics.snapshot` in JSON."""
MODELS = "Models"
"""Answered with the ``ModelServerConfig`` that is in force."""

_SERVICE = "model_server.Processes"
_THREADS = 64  # a reload holds one for as long as models load; they are made when they are needed
_LOOK_S = 0.1
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))

# What does not load a model is answered at once; who does not is stopped or stuck.
ANSWER_S = 5.0


class ControlServer:
    """Answers the calls of other processes of this server."""

    def __init__(
        self,
        folder: Path,
        name: str,
        administration: Administration,
        calls: Mapping[str, Callable[[bytes], bytes]],
    ) -> None:
        """Listen.

        Args:
            folder: Where the sockets of all processes are.
            name: This process's.
            administration: Answers ModelService.
            calls: The calls on bytes by name; they may raise :class:`ServingError`.
        """
        self._server = grpc.server(ThreadPoolExecutor(_THREADS, "control"), options=_OPTIONS)
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            method: grpc.unary_unary_rpc_method_handler(_answering(call))
            for method, call in calls.items()
        }
        self._server.add_generic_rpc_handlers(
            (
                handler(MODEL_SERVICE, _ModelService(administration)),
                grpc.method_handlers_generic_handler(_SERVICE, methods),
            )
        )
        self._server.add_insecure_port(_address(folder, name))
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop(0).wait(ANSWER_S)


class Peer:
    """Another process of this server, as an :class:`Administration` and for calls on bytes."""

    def __init__(self, folder: Path, name: str) -> None:
        """Prepare calls; nothing is sent yet."""
        self._channel = grpc.insecure_channel(
            _address(folder, name), options=[*_OPTIONS, ("grpc.use_local_subchannel_pool", 1)]
        )
        self._models = Stub(self._channel, MODEL_SERVICE)

    def status(self, request: Any) -> Any:
        """See :meth:`Administration.status`."""
        try:
            return self._models.GetModelStatus(request, timeout=ANSWER_S)
        except grpc.RpcError as err:
            raise _serving_error(err) from err

    def reload(
        self,
        request: Any,
        deadline_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Any:
        """See :meth:`Administration.reload`."""
        call = self._models.HandleReloadConfigRequest.future(request, timeout=deadline_s)
        while True:
            try:
                return call.result(timeout=_LOOK_S)
            except grpc.FutureTimeoutError:
                if not is_wanted():
                    call.cancel()
                    raise ServingError(
                        grpc.StatusCode.CANCELLED, "the caller no longer waits"
                    ) from None
            except grpc.RpcError as err:
                raise _serving_error(err) from err

    def call(self, method: str, request: bytes = b"", timeout_s: float | None = ANSWER_S) -> bytes:
        """Make one of the calls on bytes.

        Args:
            method: Its name.
            request: What it takes.
            timeout_s: Longest wait for its answer in seconds; None for any.

        Raises:
            ServingError: What the other process raised, or UNAVAILABLE without it.
        """
        try:
            answer: bytes = self._bytes_call(method)(request, timeout=timeout_s)
        except grpc.RpcError as err:
            raise _serving_error(err) from err
        return answer

    def _bytes_call(self, method: str) -> Any:
        return self._channel.unary_unary(f"/{_SERVICE}/{method}")

    def close(self) -> None:
        """End the connection."""
        self._channel.close()


class _ModelService:
    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            return self._administration.status(request)
        except ServingError as err:
            _abort(context, err)

    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            return self._administration.reload(request, context.time_remaining(), context.is_active)
        except ServingError as err:
            _abort(context, err)


def _answering(call: Callable[[bytes], bytes]) -> Callable[[bytes, Any], bytes]:
    def answer(request: bytes, context: Any) -> bytes:
        try:
            return call(request)
        except ServingError as err:
            _abort(context, err)

    return answer


def _abort(context: Any, error: ServingError) -> NoReturn:
    context.abort(error.code, error.status_message)
    raise AssertionError  # abort raises


def _serving_error(err: Any) -> ServingError:
    return ServingError(err.code(), err.details())


def _address(folder: Path, name: str) -> str:
    return f"unix:{folder / name}"
