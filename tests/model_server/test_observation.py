"""Metrics under TensorFlow Serving's names, and one JSON object a call in the log."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S, metrics_of

pytestmark = pytest.mark.usefixtures("embedded_only")


@pytest.fixture(scope="module")
def observed(
    toy_models: Path,
    start_server: Callable[..., Any],
    caller: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A server with Prometheus on and every request logged, after seven calls."""
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
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310
        assert json.loads(response.read()) == {"predictions": [2.5]}
    with urllib.request.urlopen(f"{server.rest}/v1/models/toy", timeout=PATIENCE_S):  # noqa: S310
        pass
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{server.rest}/v1/models", timeout=PATIENCE_S)  # noqa: S310
    yield server
    server.stop()


@pytest.fixture(scope="module")
def metrics(observed: Any) -> dict[str, float]:
    """The Prometheus page before any test asks for more than the seven calls."""
    return metrics_of(observed)


def test_calls_are_counted_by_model_and_status(metrics: dict[str, float]) -> None:
    expected = {("toy", "OK"): 4, ("toy", "FAILED_PRECONDITION"): 1, ("", "INVALID_ARGUMENT"): 2}
    count = ":tensorflow:serving:request_count"
    assert {
        (model, status): metrics[f'{count}{{model_name="{model}",status="{status}"}}']
        for model, status in expected
    } == expected


@pytest.mark.parametrize(
    ("api", "entrypoint", "calls"),
    [("Predict", "GRPC", 2), ("predict", "REST", 1), ("", "REST", 1)],
)
def test_latencies_are_counted_by_api_and_entrypoint(
    metrics: dict[str, float], api: str, entrypoint: str, calls: int
) -> None:
    latency = ":tensorflow:serving:request_latency"
    labels = f'model_name="toy",API="{api}",entrypoint="{entrypoint}"'
    assert metrics[f"{latency}_count{{{labels}}}"] == calls
    assert metrics[f'{latency}_bucket{{{labels},le="+Inf"}}'] == calls
    assert metrics[f"{latency}_sum{{{labels}}}"] > 0


def test_the_runtimes_label_is_the_calls_whichever_way_it_came(metrics: dict[str, float]) -> None:
    labels = 'model_name="toy",API="Predict",runtime="TF1"'
    assert metrics[f":tensorflow:serving:runtime_latency_count{{{labels}}}"] == 3


def test_every_metric_of_tensorflow_serving_itself_is_on_the_page(observed: Any) -> None:
    url = f"{observed.rest}/monitoring/prometheus/metrics"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:  # noqa: S310  # our own server
        types = [line for line in response.read().decode().splitlines() if line[:6] == "# TYPE"]
    assert types == [
        f"# TYPE :tensorflow:serving:{name}"
        for name in (
            "batching_session:input_batch_size histogram",
            "batching_session:padding_size histogram",
            "batching_session:processed_batch_size histogram",
            "batching_session:queuing_latency histogram",
            "batching_session:wrapped_run_count counter",
            "mlmd_map gauge",
            "model_warmup_latency histogram",
            "model_warmup_records_read counter",
            "request_count counter",
            "request_example_count_total counter",
            "request_example_counts histogram",
            "request_latency histogram",
            "request_log_count counter",
            "runtime_latency histogram",
        )
    ]


def test_the_page_has_no_query(observed: Any) -> None:
    url = f"{observed.rest}/monitoring/prometheus/metrics?a=b"
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(url, timeout=PATIENCE_S)  # noqa: S310  # our own server
    assert raised.value.code == 400
    assert raised.value.read() == (
        b"Unexpected path: /monitoring/prometheus/metrics?a=b. Should be "
        b"/monitoring/prometheus/metrics"
    )


def test_each_call_is_one_json_object_in_the_log(observed: Any) -> None:
    lines = [line for line in observed.log.splitlines() if "model_server.observation" in line]
    calls = [json.loads(line[line.index("{") :]) for line in lines]
    assert [(call["api"], call["entrypoint"], call["code"]) for call in calls] == [
        ("Predict", "GRPC", "OK"),
        ("Predict", "GRPC", "OK"),
        ("Predict", "GRPC", "FAILED_PRECONDITION"),
        ("Predict", "GRPC", "INVALID_ARGUMENT"),
        ("predict", "REST", "OK"),
        ("status", "REST", "OK"),
        ("status", "REST", "INVALID_ARGUMENT"),
    ]
    assert calls[0]["model"] == "toy"
    assert calls[0]["version"] == 2
    assert calls[2]["message"] == 'Serving signature key "nope" not found.'
    assert calls[4]["request_id"] == "abc-1"
