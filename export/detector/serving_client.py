"""Ask a server for detections, as any gRPC client would.

``export`` may not import the clients (data flows the other way), and evaluation needs one call.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from export.errors import ExportError

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_CALL_TIMEOUT_S = 60.0
_START_TIMEOUT_S = 120.0
_LARGEST_MESSAGE = 64 << 20


class ServerError(ExportError):
    """A server cannot be reached, started, or does not answer with detections."""


@dataclass(frozen=True)
class Detections:
    """A server's answer for one image.

    Attributes:
        boxes: float32 [n, 4], ymin, xmin, ymax, xmax in [0, 1].
        scores: float32 [n], descending.
        classes: int64 [n], 1-based.
        seconds: From sending the request to having the answer.
    """

    boxes: Array
    scores: Array
    classes: Array
    seconds: float


class DetectionServer:
    """One model on one server."""

    def __init__(self, channel: grpc.Channel, model: str, version: int | None) -> None:
        """Use ``channel``; closing it is the caller's.

        Args:
            channel: To the server.
            model: The model's name there.
            version: Its version; None for the server's latest.
        """
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        self._model, self._version = model, version

    def detect(self, image: bytes) -> Detections:
        """Detect in one JPEG or PNG file.

        Raises:
            ServerError: The call failed; the message has the server's code and text.
        """
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = "serving_bytes"
        if self._version is not None:
            request.model_spec.version.value = self._version
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([image]))
        started = time.perf_counter()
        try:
            answer = self._predict(request, timeout=_CALL_TIMEOUT_S)
        except grpc.RpcError as err:
            raise ServerError(f"the server answered {err.code().name}: {err.details()}") from err
        seconds = time.perf_counter() - started
        try:
            outputs = {
                name: tf.make_ndarray(answer.outputs[name])[0]
                for name in (
                    "detection_boxes",
                    "detection_scores",
                    "detection_classes",
                    "num_detections",
                )
                if name in answer.outputs
            }
            count = int(outputs["num_detections"])
            return Detections(
                outputs["detection_boxes"][:count],
                outputs["detection_scores"][:count],
                outputs["detection_classes"][:count].astype(np.int64),
                seconds,
            )
        except KeyError as err:
            raise ServerError(
                f"the server's answer lacks {err}; it has {', '.join(sorted(answer.outputs))}"
            ) from err


@contextlib.contextmanager
def connect(target: str, model: str, version: int | None) -> Iterator[DetectionServer]:
    """Connect to a server that runs.

    Raises:
        ServerError: It is not there within its time.
    """
    options = [("grpc.max_receive_message_length", _LARGEST_MESSAGE)]
    with grpc.insecure_channel(target, options=options) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=10)
        except grpc.FutureTimeoutError as err:
            raise ServerError(f"no server answers at {target} within 10 s") from err
        yield DetectionServer(channel, model, version)


@contextlib.contextmanager
def start(version_dir: Path) -> Iterator[DetectionServer]:
    """Start the embedded server on exactly this published version, and stop it afterwards.

    Args:
        version_dir: ``MODELS/<model>/<version>``.

    Raises:
        ServerError: It did not come up; the message has the last it said.
    """
    version_dir = version_dir.resolve()
    model, version = version_dir.parent.name, int(version_dir.name)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="evaluate-") as scratch:
        config = Path(scratch) / "models.config"
        config.write_text(
            "model_config_list { config {\n"
            f'  name: "{model}" base_path: "{version_dir.parent}" model_platform: "tensorflow"\n'
            f"  model_version_policy {{ specific {{ versions: {version} }} }}\n"
            "} }\n",
            encoding="utf-8",
        )
        said = Path(scratch) / "server.log"
        with said.open("wb") as sink:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "model_server",
                    f"--port={port}",
                    f"--model_config_file={config}",
                ],
                stdout=sink,
                stderr=sink,
            )
            try:
                with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                    _wait_available(channel, process, model, said)
                with connect(f"127.0.0.1:{port}", model, version) as server:
                    yield server
            finally:
                process.terminate()
                try:
                    process.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_available(
    channel: grpc.Channel, process: subprocess.Popen[bytes], model: str, said: Path
) -> None:
    status = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(grpc.RpcError):
            versions = status(request, timeout=5).model_version_status
            if any(v.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE for v in versions):
                return
        time.sleep(0.2)
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise ServerError(
        f"the embedded server did not make {model} AVAILABLE within {_START_TIMEOUT_S:g} s; "
        f"it said: {lines[-1] if lines else 'nothing'}"
    )
