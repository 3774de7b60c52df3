"""Metrics under TensorFlow Serving's names, and one JSON object a call in the log."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("embedded_only")

PATH = "/monitoring/prometheus/metrics"


@pytest.fixture(scope="module")
def observed(
    toy_models: Path,
    start_server: Callable[..., Any],
    caller: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A server with Prometheus on and every request logged, after five calls."""
    file = tmp_path_factory.mktemp("monitoring") / "monitoring.config"
    file.write_text("prometheus_config { enable: true }")
    server = start_server(
        "--model_name=toy",
        f"--model_base_path={toy_models}",
        f"--monitoring_config_file={file}",
        "--request_log=all",
        rest=True,
    )
    call = caller(server.target)
    for values in ([1.0], [1.0, 2.0, 3.0]):
        assert call.predict(values).code == "OK"
    assert call.predict([1.0], signatureName="nope").code == "FAILED_PRECONDITION"
    assert call("PredictionService/Predict", {}).code == "INVALID_ARGUMENT"
    body = b'{"instances": [1.0]}'
    request = urllib.request.Request(  # noqa: S310
        f"{server.rest}/v1/models/toy:predict", body, {"X-Request-Id": "abc-1"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        assert json.loads(response.read()) == {"predictions": [2.5]}
    yield server
    server.stop()


def page(server: Any) -> dict[str, float]:
    with urllib.request.urlopen(f"{server.rest}{PATH}", timeout=30) as response:  # noqa: S310
        assert response.headers["Content-Type"] == "text/plain"
        lines = response.read().decode().splitlines()
    samples = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    for name, _ in samples:
        assert re.fullmatch(r':tensorflow:serving:\w+\{\w+="[^"]*"(,\w+="[^"]*")*\}', name), name
    return {name: float(value) for name, value in samples}


def test_counts_and_latencies(observed: Any) -> None:
    found = page(observed)
    count = ":tensorflow:serving:request_count"
    assert found[f'{count}{{model_name="toy",status="OK"}}'] == 3
    assert found[f'{count}{{model_name="toy",status="FAILED_PRECONDITION"}}'] == 1
    assert found[f'{count}{{model_name="",status="INVALID_ARGUMENT"}}'] == 1
    latency = ":tensorflow:serving:request_latency"
    for api, entrypoint, calls in (("Predict", "GRPC", 2), ("predict", "REST", 1)):
        labels = f'model_name="toy",API="{api}",entrypoint="{entrypoint}"'
        assert found[f"{latency}_count{{{labels}}}"] == calls
        assert found[f'{latency}_bucket{{{labels},le="+Inf"}}'] == calls
        assert found[f"{latency}_sum{{{labels}}}"] > 0
    runtime = 'model_name="toy",API="Predict",runtime="TF1"'
    assert found[f":tensorflow:serving:runtime_latency_count{{{runtime}}}"] == 2
    assert found[':tensorflow:serving:request_example_counts_sum{model="toy"}'] == 5


def test_each_call_is_one_json_object_in_the_log(observed: Any) -> None:
    lines = [line for line in observed.log.splitlines() if "model_server.observation" in line]
    calls = [json.loads(line[line.index("{") :]) for line in lines]
    assert [(call["api"], call["entrypoint"], call["code"]) for call in calls] == [
        ("Predict", "GRPC", "OK"),
        ("Predict", "GRPC", "OK"),
        ("Predict", "GRPC", "FAILED_PRECONDITION"),
        ("Predict", "GRPC", "INVALID_ARGUMENT"),
        ("predict", "REST", "OK"),
    ]
    assert calls[0]["model"] == "toy"
    assert calls[0]["version"] == 2
    assert calls[2]["message"] == 'Serving signature key "nope" not found.'
    assert calls[4]["request_id"] == "abc-1"
