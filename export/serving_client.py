"""Ask a server about encoded photographs, as any gRPC client would.

``export`` may not import the clients (data flows the other way), and evaluation needs one call.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from export import embedded_server
from export.embedded_server import ServerError

__all__ = ["ServedModel", "ServerAnswer", "ServerError", "connect", "start"]

Array = np.ndarray[Any, Any]

_CALL_TIMEOUT_S = 60.0
_LARGEST_MESSAGE = 64 << 20


class RequestRefusedError(ServerError):
    """The server looked at the request and found it wrong (INVALID_ARGUMENT)."""


@dataclass(frozen=True)
class ServerAnswer:
    """What a server answered to one request.

    Attributes:
        outputs: Output by name, the batch first; text is an object array of UTF-8 ``bytes``.
        version: The version that answered.
        seconds: From sending the request to having the answer.
    """

    outputs: dict[str, Array]
    version: int
    seconds: float

    def output(self, name: str) -> Array:
        """Return one output.

        Raises:
            ServerError: The answer lacks it; the message lists those it has.
        """
        try:
            return self.outputs[name]
        except KeyError as err:
            raise ServerError(
                f"the server's answer lacks {name!r}; it has {', '.join(sorted(self.outputs))}"
            ) from err


class ServedModel:
    """One model on one server, asked through ``serving_bytes``."""

    def __init__(self, channel: grpc.Channel, model: str, version: int | None) -> None:
        """Use ``channel``; closing it is the caller's.

        Args:
            channel: To the server.
            model: The model's name there.
            version: Its version; None for the server's latest.
        """
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        self._model, self._version = model, version

    def ask(self, images: Sequence[bytes]) -> ServerAnswer:
        """Send whole JPEG or PNG files as one batch.

        Raises:
            RequestRefusedError: The server cannot use these bytes.
            ServerError: The call failed; the message has the server's code and text.
        """
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = "serving_bytes"
        if self._version is not None:
            request.model_spec.version.value = self._version
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(list(images)))
        started = time.perf_counter()
        try:
            answer = self._predict(request, timeout=_CALL_TIMEOUT_S)
        except grpc.RpcError as err:
            refused = err.code() is grpc.StatusCode.INVALID_ARGUMENT
            raise (RequestRefusedError if refused else ServerError)(
                f"the server answered {err.code().name}: {err.details()}"
            ) from err
        seconds = time.perf_counter() - started
        outputs = {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}
        return ServerAnswer(outputs, answer.model_spec.version.value, seconds)


@contextlib.contextmanager
def connect(target: str, model: str, version: int | None) -> Iterator[ServedModel]:
    """Connect to a server that runs.

    Args:
        target: ``host:port``.
        model: The model's name there.
        version: Its version; None for the server's latest.

    Raises:
        ServerError: It is not there within its time.
    """
    options = [
        ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
        ("grpc.max_send_message_length", _LARGEST_MESSAGE),
    ]
    with grpc.insecure_channel(target, options=options) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=10)
        except grpc.FutureTimeoutError as err:
            raise ServerError(f"no server answers at {target} within 10 s") from err
        yield ServedModel(channel, model, version)


@contextlib.contextmanager
def start(version_dir: Path) -> Iterator[ServedModel]:
    """Start the embedded server on exactly this published version, and stop it afterwards.

    Args:
        version_dir: ``MODELS/<model>/<version>``.

    Raises:
        ServerError: It did not come up; the message has the last it said.
    """
    version_dir = version_dir.resolve()
    model, version = version_dir.parent.name, int(version_dir.name)
    with tempfile.TemporaryDirectory(prefix="evaluate-") as scratch:
        config = Path(scratch) / "models.config"
        config.write_text(
            embedded_server.models_config(version_dir.parents[1], {model: version}),
            encoding="utf-8",
        )
        with (
            embedded_server.running(config, Path(scratch) / "server.log") as target,
            connect(target, model, version) as served,
        ):
            yield served
