"""Dynamic batching: joined requests get their own rows, and each refusal its own code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("embedded_only")

PARAMETERS = """
max_batch_size { value: 4 }
batch_timeout_micros { value: 300000 }
max_enqueued_batches { value: 2 }
num_batch_threads { value: 1 }
allowed_batch_sizes: 1
allowed_batch_sizes: 4
"""


@pytest.fixture(scope="module")
def batching(
    toy_models: Path,
    start_server: Callable[..., Any],
    caller: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A server that waits 0.3 s for up to 4 rows, and a caller of it."""
    file = tmp_path_factory.mktemp("batching") / "batching.config"
    file.write_text(PARAMETERS)
    server = start_server(
        "--model_name=toy",
        f"--model_base_path={toy_models}",
        "--enable_batching",
        f"--batching_parameters_file={file}",
        "--grpc_max_threads=64",
    )
    call = caller(server.target)
    assert call.predict([0.0]).code == "OK"  # the first request of a kind makes its queue
    yield call
    server.stop()


def y(answer: Any) -> list[float]:
    assert answer.code == "OK", answer
    return list(answer.response.outputs["y"].float_val)


def test_joined_requests_get_their_own_rows(batching: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda n: y(batching.predict([n, n + 1.0])), [0.0, 10.0, 20.0, 30.0])
        )
    assert answers == [[n / 2 + 2, (n + 1) / 2 + 2] for n in (0.0, 10.0, 20.0, 30.0)]


def test_a_request_that_is_alone_does_not_wait_for_others(
    toy_models: Path, start_server: Callable[..., Any], caller: Any, tmp_path: Path
) -> None:
    file = tmp_path / "batching.config"
    file.write_text(PARAMETERS.replace("300000", str(10**9)))  # longer than any call's deadline
    server = start_server(
        "--model_name=toy",
        f"--model_base_path={toy_models}",
        "--enable_batching",
        f"--batching_parameters_file={file}",
    )
    call = caller(server.target)
    assert [y(call.predict([n])) for n in (0.0, 2.0)] == [[2.0], [3.0]]
    server.stop()


def test_an_output_filter_has_a_queue_of_its_own(batching: Any) -> None:
    request = {
        "modelSpec": {"name": "toy", "signatureName": "weighted_sum"},
        "inputs": {
            "a": {
                "dtype": "DT_FLOAT",
                "tensorShape": {"dim": [{"size": "1"}, {"size": "2"}]},
                "floatVal": [1, 2],
            },
            "b": {"dtype": "DT_INT64", "tensorShape": {"dim": [{"size": "1"}]}, "int64Val": ["3"]},
        },
    }
    both = batching("PredictionService/Predict", request)
    one = batching("PredictionService/Predict", {**request, "outputFilter": ["total"]})
    assert list(both.response.outputs["total"].float_val) == [9.0]
    assert list(both.response.outputs["count"].int64_val) == [3]
    assert list(one.response.outputs) == ["total"]
    assert list(one.response.outputs["total"].float_val) == [9.0]


def test_a_full_queue_is_unavailable(batching: Any) -> None:
    with ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(lambda _: batching.predict([0.0] * 3), range(48)))
    codes = {answer.code for answer in answers}
    assert codes == {"OK", "UNAVAILABLE"}
    refused = next(answer for answer in answers if answer.code == "UNAVAILABLE")
    assert refused.message.startswith(
        "The batch scheduling queue to which this task was submitted is full"
    )


def test_a_request_larger_than_a_batch_is_refused_or_runs_alone(batching: Any) -> None:
    assert y(batching.predict([0.0] * 5)) == [2.0] * 5
    assert y(batching.predict([])) == []


def test_a_wrong_dtype_is_refused_in_the_session_s_words(batching: Any) -> None:
    request = {
        "modelSpec": {"name": "toy"},
        "inputs": {
            "x": {"dtype": "DT_INT32", "tensorShape": {"dim": [{"size": "1"}]}, "intVal": [1]}
        },
    }
    answer = batching("PredictionService/Predict", request)
    assert (answer.code, answer.message) == (
        "INVALID_ARGUMENT",
        "Expects arg[0] to be float but int32 is provided",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size { value: 8 }\nallowed_batch_sizes: 4\n", "end with max_batch_size"),
        ("max_batch_size { value: 0 }\n", "max_batch_size must be at least 1, is 0"),
        ("max_batch_sise { value: 8 }\n", ":1:1: "),
    ],
)
def test_contradicting_parameters_are_said(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "batching.config"
    file.write_text(text)
    result = subprocess.run(
        [
            *(sys.executable, "-m", "model_server", "--model_base_path=/m", "--enable_batching"),
            f"--batching_parameters_file={file}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2
    assert message in result.stderr
