"""Batching joins, refuses and splits as TensorFlow Serving's does: same codes, same words.

The expected texts are those of its ``batching_session.cc`` and of TensorFlow's
``shared_batch_scheduler.h``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

import protos
from model_server.errors import UsageError
from model_server.runtimes.batching_parameters import read_batching_settings
from tests.running import PATIENCE_S, eventually, metrics_of

pytestmark = pytest.mark.usefixtures("embedded_only")

# A batch waits half a second for company, so that calls sent together are joined.
JOINING = """
max_batch_size { value: 4 }
batch_timeout_micros { value: 500000 }
max_enqueued_batches { value: 2 }
num_batch_threads { value: 1 }
allowed_batch_sizes: 1
allowed_batch_sizes: 4
"""
SPLITTING = """
max_batch_size { value: 10 }
max_execution_batch_size { value: 3 }
enable_large_batch_splitting { value: true }
pad_variable_length_inputs: true
batch_timeout_micros { value: 500000 }
max_enqueued_batches { value: 6 }
"""
WAITING = "batch_timeout_micros { value: 1000000000 }\nmax_batch_size { value: 4 }\n"


@pytest.fixture(scope="module")
def start(
    toy_models: Path,
    start_server: Callable[..., Any],
    caller: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Any]:
    """Start a server with these batching parameters; gives a caller of it."""

    def begin(parameters: str, *flags: str, **options: Any) -> Any:
        file = tmp_path_factory.mktemp("batching") / "batching.config"
        file.write_text(parameters)
        server = start_server(
            "--model_name=toy",
            f"--model_base_path={toy_models}",
            "--enable_batching",
            f"--batching_parameters_file={file}",
            "--grpc_max_threads=64",
            *flags,
            **options,
        )
        call = caller(server.target)
        call.server = server
        return call

    return begin


@pytest.fixture(scope="module")
def joining(start: Callable[..., Any]) -> Iterator[Any]:
    """A server that joins up to 4 rows."""
    call = start(JOINING)
    yield call
    call.server.stop()


@pytest.fixture(scope="module")
def splitting(start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that splits what is above 3 rows and pads what differs; with metrics."""
    file = tmp_path_factory.mktemp("monitoring") / "monitoring.config"
    file.write_text("prometheus_config { enable: true }")
    call = start(SPLITTING, f"--monitoring_config_file={file}", rest=True)
    yield call
    call.server.stop()


def tensor(values: list[float], *shape: int) -> dict[str, Any]:
    dims = [{"size": str(size)} for size in shape or (len(values),)]
    return {"dtype": "DT_FLOAT", "tensorShape": {"dim": dims}, "floatVal": values}


def together(call: Any, *inputs: dict[str, Any]) -> list[Any]:
    """Send calls of the default signature at the same time."""
    requests = [{"modelSpec": {"name": "toy"}, "inputs": {"x": x}} for x in inputs]
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda request: call("PredictionService/Predict", request), requests))


def y(answer: Any) -> list[float]:
    assert answer.code == "OK", answer
    return list(answer.response.outputs["y"].float_val)


def said(answer: Any) -> tuple[str, str]:
    return answer.code, answer.message


def test_joined_requests_get_their_own_rows(joining: Any) -> None:
    answers = together(joining, *(tensor([n, n + 1]) for n in (0.0, 10.0, 20.0, 30.0)))
    assert [y(answer) for answer in answers] == [
        [n / 2 + 2, (n + 1) / 2 + 2] for n in (0.0, 10.0, 20.0, 30.0)
    ]


def test_an_output_filter_has_a_queue_of_its_own(joining: Any) -> None:
    request = {
        "modelSpec": {"name": "toy", "signatureName": "weighted_sum"},
        "inputs": {
            "a": tensor([1, 2], 1, 2),
            "b": {"dtype": "DT_INT64", "tensorShape": {"dim": [{"size": "1"}]}, "int64Val": ["3"]},
        },
    }
    both = joining("PredictionService/Predict", request)
    one = joining("PredictionService/Predict", {**request, "outputFilter": ["total"]})
    assert list(both.response.outputs["total"].float_val) == [9.0]
    assert list(both.response.outputs["count"].int64_val) == [3]
    assert list(one.response.outputs) == ["total"]
    assert list(one.response.outputs["total"].float_val) == [9.0]


def test_a_full_queue_is_unavailable(joining: Any) -> None:
    answers: list[Any] = []
    # On a busy machine calls come one by one, and none finds the queue full.
    while not any(answer.code == "UNAVAILABLE" for answer in answers):
        assert len(answers) < 32 * 50
        answers += together(joining, *[tensor([0.0] * 3)] * 32)
    assert {answer.code for answer in answers} == {"OK", "UNAVAILABLE"}
    refused = next(answer for answer in answers if answer.code == "UNAVAILABLE")
    assert refused.message == (
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches "
        "enqueued and max_enqueued_batches is 2"
    )


def test_a_request_larger_than_a_batch_is_refused(joining: Any) -> None:
    assert said(joining.predict([0.0] * 5)) == (
        "INVALID_ARGUMENT",
        "Task size 5 is larger than maximum input batch size 4",
    )
    assert y(joining.predict([0.0] * 4)) == [2.0] * 4


def test_different_shapes_in_one_batch_fail_together(joining: Any) -> None:
    answers = together(joining, tensor([0.0] * 2, 1, 2), tensor([0.0] * 3, 1, 3))
    assert {said(answer) for answer in answers} == {
        (
            "FAILED_PRECONDITION",
            "Tensors with name 'serving_default_x:0' from different tasks have different shapes "
            "and padding is turned off. Set pad_variable_length_inputs to true, or ensure that all "
            "tensors with the same name have equal dimensions starting with the first dim.",
        )
    }
    assert y(together(joining, tensor([0.0] * 2, 1, 2))[0]) == [2.0, 2.0]


def test_what_cannot_be_a_batch_is_refused(joining: Any) -> None:
    scalar = {"dtype": "DT_FLOAT", "tensorShape": {}, "floatVal": [1.0]}
    assert said(together(joining, scalar)[0]) == (
        "INVALID_ARGUMENT",
        "Batching Run() input tensors must have at least one dimension",
    )
    request = {
        "modelSpec": {"name": "toy", "signatureName": "weighted_sum"},
        "inputs": {
            "a": tensor([1, 2, 3, 4], 2, 2),
            "b": {"dtype": "DT_INT64", "tensorShape": {"dim": [{"size": "1"}]}, "int64Val": ["3"]},
        },
    }
    assert said(joining("PredictionService/Predict", request)) == (
        "INVALID_ARGUMENT",
        "Batching Run() input tensors must have equal 0th-dimension size",
    )
    integer = {"dtype": "DT_INT32", "tensorShape": {"dim": [{"size": "1"}]}, "intVal": [1]}
    assert said(together(joining, integer)[0]) == (
        "INVALID_ARGUMENT",
        "Expects arg[0] to be float but int32 is provided",
    )


def test_a_large_request_is_split_where_that_is_allowed(splitting: Any) -> None:
    values = [float(n) for n in range(10)]
    assert y(splitting.predict(values)) == [n / 2 + 2 for n in values]
    assert said(splitting.predict([0.0] * 11)) == (
        "INVALID_ARGUMENT",
        "Task size 11 is larger than maximum input batch size 10",
    )


def test_different_sizes_are_padded_where_that_is_asked_for(splitting: Any) -> None:
    # Filled up with each tensor's first element, and dealt out as wide as the batch became.
    answers = together(splitting, tensor([2.0, 4.0], 1, 2), tensor([6.0, 8.0, 10.0], 1, 3))
    assert [y(answer) for answer in answers] == [[3.0, 4.0, 3.0], [5.0, 6.0, 7.0]]


def test_batches_are_measured(splitting: Any) -> None:
    before = metrics_of(splitting.server)
    assert y(splitting.predict([0.0] * 4)) == [2.0] * 4
    after = metrics_of(splitting.server)

    def grew(name: str) -> float:
        name = f":tensorflow:serving:batching_session:{name}"
        return after[name] - before.get(name, 0.0)

    assert grew("wrapped_run_count{}") == 2
    assert grew("input_batch_size_count{}") == 1
    assert grew("processed_batch_size_sum{}") == 4
    assert grew('queuing_latency_count{thread_pool_name=""}') == 2
    assert grew('padding_size_count{execution_batch_size="3"}') == 1


def test_a_call_that_is_over_leaves_the_queue(start: Callable[..., Any]) -> None:
    call = start(WAITING, "--grpc_max_threads=1")
    message = protos.PredictRequest()
    message.model_spec.name = "toy"
    tensor_proto = message.inputs["x"]
    tensor_proto.dtype = protos.DataType.Value("DT_FLOAT")
    tensor_proto.tensor_shape.dim.add().size = 1
    tensor_proto.float_val.append(1.0)
    request = message.SerializeToString()
    with grpc.insecure_channel(call.server.target) as channel:
        stub = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        waiting = [stub.future(request)]

        def is_held() -> bool:
            if waiting[-1].done():  # it came while the other call was answered, and was refused
                waiting.append(stub.future(request))
            return bool(call.predict([1.0] * 4).code == "RESOURCE_EXHAUSTED")

        eventually(is_held, "a waiting call", call.server)
        waiting[-1].cancel()
        # A full batch does not wait.
        eventually(lambda: call.predict([1.0] * 4).code == "OK", "an answer", call.server)
    call.server.stop()


def test_a_warm_up_that_batching_forbids_fails_the_version(
    make_toy: Callable[..., Path],
    toy_models: Path,
    start_server: Callable[..., Any],
    caller: Any,
    tmp_path: Path,
) -> None:
    file = tmp_path / "batching.config"
    file.write_text("max_batch_size { value: 4 }")
    warm = make_toy(tmp_path / "warm", 2, warmup=5)
    flags = [
        "--model_name=toy",
        "--enable_batching",
        f"--batching_parameters_file={file}",
        "--max_num_load_retries=0",
    ]
    problem = "Task size 5 is larger than maximum input batch size 4"
    failing = start_server(*flags, f"--model_base_path={warm}", wait=False)
    base = tmp_path / "toy"
    base.mkdir()
    shutil.copytree(toy_models / "1", base / "1")
    server = start_server(*flags, f"--model_base_path={base}")
    call = caller(server.target)
    assert failing.process.wait(PATIENCE_S) == 1
    (warm / "2").rename(base / "2")
    assert f"Servable {{toy 2}} cannot be loaded: INVALID_ARGUMENT: {problem}" in failing.log
    assert "Failed to start server." in failing.log
    eventually(lambda: call.status().get(2, ("",))[0] == "END", "version 2 failing", server)
    assert call.status() == {2: ("END", problem), 1: ("AVAILABLE", "")}
    assert y(call.predict([0.0])) == [2.0]
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "max_batch_size { value: 8 }\nallowed_batch_sizes: 4\n",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; "
            "expected 8",
        ),
        (
            "max_batch_size { value: 4 }\nenable_large_batch_splitting { value: true }\n"
            "max_execution_batch_size { value: 8 }\n",
            "max_batch_size must be greater than or equal to max_execution_batch_size",
        ),
        ("enable_large_batch_splitting { value: true }\n", "needs max_batch_size"),
        ("max_batch_size { value: 0 }\n", "max_batch_size must be at least 1, is 0"),
        ("num_batch_threads { value: 0 }\n", "num_batch_threads must be at least 1, is 0"),
        ("max_batch_sise { value: 8 }\n", ":1:1: "),
    ],
)
def test_contradicting_parameters_are_said(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "batching.config"
    file.write_text(text)
    with pytest.raises(UsageError) as raised:
        read_batching_settings(file)
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(file))
