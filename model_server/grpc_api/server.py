"""The gRPC server: services, threads, health, limits and its end."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from model_server.api.engine import Engine
from model_server.api.in_flight import CallsInFlight
from model_server.errors import StartError, UsageError
from model_server.grpc_api.reflection import add_reflection
from model_server.grpc_api.services import Admission, ModelService, PredictionService
from protos.services import MODEL_SERVICE, PREDICTION_SERVICE, handler

logger = logging.getLogger(__name__)

# TensorFlow Serving's names in grpc.health.v1; "" is the server as a whole.
_HEALTH_SERVICES = (
    "",
    "PredictionService",
    "ModelService",
    "tensorflow.serving.PredictionService",
    "tensorflow.serving.ModelService",
)

# Threads above the admission limit do nothing but refuse; they must not be held up by those that
# work, nor by callers that are slow to send.
_REFUSING_THREADS = 8

_ANY_SIZE = -1

# How long a connection stays open after its last answer was handed to the kernel, for the caller to
# read it. Closed earlier, with the caller's window updates on their way, TCP resets the connection
# and what the caller has not read is lost: a large answer, or a caller short of processor time.
_READING_S = 0.5

# Closing connections takes milliseconds; this only keeps the end of the process from hanging.
_CLOSING_S = 5.0


@dataclass(frozen=True)
class GrpcSettings:
    """Where and how the server listens.

    Attributes:
        port: TCP port on all addresses; 0 for none.
        socket_path: Unix socket; empty for none.
        max_threads: Calls answered at the same time; one more is refused.
        channel_arguments: gRPC server arguments, ``key=value,key=value``.
        serves_health: Serve ``grpc.health.v1.Health``.
        credentials: TLS; None is plain text.
        shares_port: Other processes of this server listen there too.
    """

    port: int
    socket_path: str
    max_threads: int
    channel_arguments: str
    serves_health: bool
    credentials: grpc.ServerCredentials | None
    shares_port: bool = False

    def addresses(self) -> list[str]:
        """Return the addresses in gRPC's form."""
        addresses = []
        if self.port:
            addresses.append(f"0.0.0.0:{self.port}")
        if self.socket_path:
            addresses.append(f"unix:{self.socket_path}")
        return addresses


class GrpcServer:
    """A listening gRPC server around an engine."""

    def __init__(
        self,
        engine: Engine,
        settings: GrpcSettings,
    ) -> None:
        """Open the ports; :meth:`start` answers.

        Args:
            engine: Answers the calls.
            settings: Where and how it listens.

        Raises:
            UsageError: ``--grpc_channel_arguments`` cannot be read.
            StartError: A port is taken or may not be used.
        """
        threads = settings.max_threads
        self._pool = ThreadPoolExecutor(threads + _REFUSING_THREADS, "grpc")
        self._server = grpc.server(
            self._pool,
            options=[
                ("grpc.max_receive_message_length", _ANY_SIZE),
                ("grpc.max_send_message_length", _ANY_SIZE),
                # Two servers must not share a port without anybody noticing.
                ("grpc.so_reuseport", int(settings.shares_port)),
                *channel_arguments(settings.channel_arguments),
            ],
        )
        admission = Admission(threads)
        self._running = CallsInFlight(_READING_S)
        self._server.add_generic_rpc_handlers(
            (
                handler(PREDICTION_SERVICE, PredictionService(engine, admission, self._running)),
                handler(MODEL_SERVICE, ModelService(engine, admission, self._running)),
            )
        )
        self._credentials = settings.credentials
        services = [PREDICTION_SERVICE, MODEL_SERVICE]
        self._health: Any = None
        if settings.serves_health:
            self._add_health(engine)
            services.append(health.SERVICE_NAME)
        add_reflection(self._server, services)
        self.addresses = [self._listen(address) for address in settings.addresses()]

    def _add_health(self, engine: Engine) -> None:
        # Watch calls are answered by callbacks: they hold no thread, and probes need no place among
        # the admitted calls.
        self._health = health.HealthServicer(
            experimental_non_blocking=True,
            experimental_thread_pool=ThreadPoolExecutor(2, "health"),
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        engine.catalog.subscribe(self._set_health)

    def _listen(self, address: str) -> str:
        try:
            if self._credentials is None:
                self._server.add_insecure_port(address)
            else:
                self._server.add_secure_port(address, self._credentials)
        except RuntimeError as err:
            raise StartError(f"cannot listen on {address}: is the port taken? ({err})") from err
        return address

    def _set_health(self, available: bool) -> None:
        status = health_pb2.HealthCheckResponse
        for service in _HEALTH_SERVICES:
            self._health.set(service, status.SERVING if available else status.NOT_SERVING)

    def start(self) -> None:
        """Answer calls from now on."""
        self._server.start()
        for address in self.addresses:
            security = "plain text" if self._credentials is None else "TLS"
            logger.info("gRPC: listening on %s (%s)", address, security)

    def refuse(self) -> None:
        """Take no more calls: they get UNAVAILABLE, and health checks NOT_SERVING."""
        if self._health is not None:
            self._health.enter_graceful_shutdown()
        self._running.refuse()

    def finish(self, timeout_s: float) -> int:
        """After :meth:`refuse`: let running calls finish, then close all connections.

        Args:
            timeout_s: Longest wait in seconds.

        Returns:
            The number of calls that did not finish; their threads run on.
        """
        unfinished = self._running.finish(timeout_s)
        self._server.stop(0).wait(_CLOSING_S)
        self._pool.shutdown(wait=False, cancel_futures=True)
        return unfinished


def channel_arguments(text: str) -> list[tuple[str, Any]]:
    """Read ``key=value,key=value``; a value that is a number is passed as one.

    Raises:
        UsageError: An entry has no ``=``.
    """
    arguments: list[tuple[str, Any]] = []
    for entry in filter(None, text.split(",")):
        key, equals, value = entry.partition("=")
        if not equals or not key:
            raise UsageError(
                f"--grpc_channel_arguments expects key=value,key=value, received {entry!r}"
            )
        try:
            arguments.append((key, int(value)))
        except ValueError:
            arguments.append((key, value))
    return arguments
