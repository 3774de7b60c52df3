"""OpenTelemetry with the real SDK: a span of each call, under the caller's own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

import protos
from tests.running import PATIENCE_S

pytestmark = pytest.mark.usefixtures("embedded_only")

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture(scope="module")
def spans(toy_models: Path, start_server: Callable[..., Any]) -> list[dict[str, Any]]:
    """The spans of three calls: gRPC, a gRPC call that fails, REST."""
    server = start_server(
        *("--model_name=toy", f"--model_base_path={toy_models}", "--opentelemetry=console"),
        rest=True,
    )
    request: Any = protos.PredictRequest()
    request.model_spec.name = "toy"
    tensor = request.inputs["x"]
    tensor.dtype = protos.DataType.Value("DT_FLOAT")
    tensor.tensor_shape.dim.add().size = 1
    tensor.float_val.append(1.0)
    with grpc.insecure_channel(server.target) as channel:
        predict: Any = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        predict(
            request.SerializeToString(),
            timeout=PATIENCE_S,
            metadata=(("traceparent", TRACEPARENT), ("x-request-id", "abc-1")),
        )
        request.model_spec.signature_name = "nope"
        with pytest.raises(grpc.RpcError):
            predict(request.SerializeToString(), timeout=PATIENCE_S)
    call = urllib.request.Request(  # noqa: S310
        f"{server.rest}/v1/models/toy:predict",
        b'{"instances": [1.0]}',
        {"traceparent": TRACEPARENT},
    )
    with urllib.request.urlopen(call, timeout=PATIENCE_S) as response:  # noqa: S310
        assert response.status == 200
    assert server.stop() == 0
    return [json.loads(line) for line in server.log.splitlines() if line.startswith('{"name"')]


def test_a_grpc_call_is_a_span_of_a_server(spans: list[dict[str, Any]]) -> None:
    span = spans[0]
    assert span["name"] == "tensorflow.serving.PredictionService/Predict"
    assert span["kind"] == "SpanKind.SERVER"
    assert span["resource"]["attributes"]["service.name"] == "model_server"


def test_a_grpc_call_is_a_span_under_its_caller_s(spans: list[dict[str, Any]]) -> None:
    span = spans[0]
    assert (span["context"]["trace_id"], span["parent_id"]) == (f"0x{TRACE}", f"0x{PARENT}")


def test_a_span_is_as_long_as_the_call(spans: list[dict[str, Any]]) -> None:
    assert spans[0]["start_time"] < spans[0]["end_time"]


def test_a_span_says_what_was_asked_and_how_it_ended(spans: list[dict[str, Any]]) -> None:
    assert spans[0]["attributes"] == {
        "rpc.system": "grpc",
        "rpc.service": "tensorflow.serving.PredictionService",
        "rpc.method": "Predict",
        "rpc.grpc.status_code": 0,
        "tensorflow_serving.model": "toy",
        "tensorflow_serving.version": 2,
        "tensorflow_serving.signature": "serving_default",
        "tensorflow_serving.code": "OK",
        "tensorflow_serving.request_id": "abc-1",
    }


def test_a_call_without_a_caller_s_span_begins_a_trace(spans: list[dict[str, Any]]) -> None:
    span = spans[1]
    assert span["parent_id"] is None
    attributes = span["attributes"]
    assert attributes["rpc.grpc.status_code"] == 9
    assert attributes["tensorflow_serving.signature"] == "nope"
    assert attributes["tensorflow_serving.message"] == 'Serving signature key "nope" not found.'
    assert span["status"] == {"status_code": "UNSET"}, "the caller's mistake is not the server's"


def test_a_rest_request_is_a_span_too(spans: list[dict[str, Any]]) -> None:
    span = spans[2]
    assert len(spans) == 3
    assert (span["name"], span["parent_id"]) == ("POST predict", f"0x{PARENT}")
    assert span["attributes"]["http.response.status_code"] == 200
    assert span["attributes"]["tensorflow_serving.signature"] == "serving_default"
    assert span["attributes"]["tensorflow_serving.version"] == 2


def start(*flags: str, without_extra: bool = False) -> subprocess.CompletedProcess[str]:
    """Start a server that has to refuse; ``without_extra`` hides the installed SDK from it."""
    hide = "import sys; sys.modules['opentelemetry'] = None; " if without_extra else ""
    program = f"{hide}import sys; from model_server.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, "--model_base_path=/nowhere", *flags],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_without_the_extra_the_server_says_what_to_install() -> None:
    done = start("--opentelemetry=otlp", without_extra=True)
    assert done.returncode == 2
    assert "--opentelemetry=otlp needs the optional extra otel" in done.stderr
    assert "pip install 'vision-forge[otel]'" in done.stderr


def test_an_unknown_kind_is_refused() -> None:
    done = start("--opentelemetry=zipkin")
    assert done.returncode == 2
    assert "expects none, console or otlp, received 'zipkin'" in done.stderr
