"""Wrong shapes: refused where they could end the process, and left to the graph elsewhere."""

from __future__ import annotations

import platform
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_server.runtimes.tensorflow import rank_hazards
from tests.running import PATIENCE_S, run_python
from tests.warm.warmth import PROCESSORS

pytestmark = pytest.mark.usefixtures("embedded_only")

HERE = Path(__file__).parent
RANKS = [[], [4], [8, 4], [8, 8, 4], [1, 1, 8, 8, 4], [1, 1, 1, 8, 8, 4]]
HAZARDOUS = ["convolution", "in_a_branch", "in_a_loop"]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose signatures reach, or do not reach, kernels that abort."""
    base = tmp_path_factory.mktemp("networks") / "net"
    done = run_python(HERE / "make_networks.py", base)
    assert done.code == 0, done.err
    return base


@pytest.fixture(scope="module")
def network_server(networks: Path, start_server: Callable[..., Any], caller: Any) -> Any:
    """A server of it with default flags, and a caller."""
    server = start_server("--model_name=net", f"--model_base_path={networks}")
    yield server, caller(server.target)
    server.stop()


def floats(signature: str, shape: list[int]) -> dict[str, Any]:
    return {
        "modelSpec": {"name": "net", "signatureName": signature},
        "inputs": {
            "x": {
                "dtype": "DT_FLOAT",
                "tensorShape": {"dim": [{"size": str(size)} for size in shape]},
                "floatVal": [1.0],
            }
        },
    }


@pytest.fixture(scope="module")
def aborting_ranks() -> dict[str, list[int]]:
    """The ranks with which each kernel ends the process."""
    if platform.machine() != "x86_64":
        pytest.skip("which kernels abort was found for oneDNN on x86-64")
    done = run_python(HERE / "wrong_ranks.py", environment=PROCESSORS["with oneDNN"])
    assert done.code == 0, done.err
    return done.result


def test_the_table_of_aborting_kernels_is_what_tensorflow_does(
    aborting_ranks: dict[str, list[int]],
) -> None:
    assert {name for name, ranks in aborting_ranks.items() if ranks} == {
        name for name in aborting_ranks if rank_hazards.aborts(name)
    }


@pytest.mark.parametrize(("kernel", "ranks"), [("Conv2D", [0, 1, 2, 3]), ("MaxPool3D", [4])])
def test_a_kernel_aborts_with_the_ranks_that_it_does_not_take(
    aborting_ranks: dict[str, list[int]], kernel: str, ranks: list[int]
) -> None:
    assert aborting_ranks[kernel] == ranks


def test_a_resize_is_guarded_as_it_stands_before_a_convolution(
    aborting_ranks: dict[str, list[int]],
) -> None:
    assert aborting_ranks["ResizeBilinear"] == []
    assert "ResizeBilinear" in rank_hazards.RANK_GUARDS


@pytest.mark.parametrize("shape", RANKS, ids=str)
@pytest.mark.parametrize("signature", HAZARDOUS)
def test_a_rank_that_could_end_the_process_is_refused(
    network_server: Any, signature: str, shape: list[int]
) -> None:
    server, call = network_server
    answer = call("PredictionService/Predict", floats(signature, shape))
    assert (answer.code, answer.message) == (
        "INVALID_ARGUMENT",
        f'input "x" of signature "{signature}" contradicts the signature: expected float32 '
        f"[-1, 8, 8, 4], received float32 {shape}",
    )
    assert call("PredictionService/Predict", floats(signature, [2, 8, 8, 4])).code == "OK"
    assert server.process.poll() is None


@pytest.mark.parametrize("shape", RANKS, ids=str)
@pytest.mark.parametrize("signature", ["resized", "dense"])
def test_elsewhere_the_graph_decides(network_server: Any, signature: str, shape: list[int]) -> None:
    server, call = network_server
    answer = call("PredictionService/Predict", floats(signature, shape))
    assert "contradicts the signature" not in answer.message
    assert answer.code in ("OK", "INVALID_ARGUMENT")
    assert server.process.poll() is None


def test_without_the_check_a_wrong_rank_ends_the_process(
    networks: Path, start_server: Callable[..., Any], caller: Any
) -> None:
    server = start_server(
        "--model_name=net",
        f"--model_base_path={networks}",
        "--check_signature_shapes=false",
        environment=PROCESSORS["with oneDNN"],
    )
    call = caller(server.target)
    if platform.machine() == "x86_64":
        assert call("PredictionService/Predict", floats("convolution", [8, 8, 4])).code != "OK"
        assert server.process.wait(PATIENCE_S) == -signal.SIGABRT
        assert "tensor_format.h" in server.log
    server.stop()


def test_a_signature_takes_what_its_graph_takes(toy_server: Any, caller: Any) -> None:
    # x is [-1]; TensorFlow Serving never looks.
    tensor = {
        "dtype": "DT_FLOAT",
        "tensorShape": {"dim": [{"size": "3"}, {"size": "1"}]},
        "floatVal": [1.0, 2.0, 5.0],
    }
    request = {"modelSpec": {"name": "toy"}, "inputs": {"x": tensor}}
    answer = caller(toy_server.target)("PredictionService/Predict", request)
    assert list(answer.response.outputs["y"].float_val) == [2.5, 3.0, 4.5]


def test_a_tensor_that_would_fill_the_memory_is_refused(network_server: Any) -> None:
    _, call = network_server
    answer = call("PredictionService/Predict", floats("dense", [2**40, 4]))
    assert answer.code == "RESOURCE_EXHAUSTED"
    assert 'input "x" is too large' in answer.message


def examples(*values: float) -> dict[str, Any]:
    return {
        "exampleList": {
            "examples": [
                {"features": {"feature": {"x": {"floatList": {"value": [value]}}}}}
                for value in values
            ]
        }
    }


def test_multi_inference_runs_signatures_with_placeholders_of_their_own(
    network_server: Any,
) -> None:
    _, call = network_server
    tasks = [
        {
            "modelSpec": {"name": "net", "signatureName": name},
            "methodName": f"tensorflow/serving/{name}",
        }
        for name in ("classify", "regress")
    ]
    answer = call(
        "PredictionService/MultiInference", {"tasks": tasks, "input": examples(0.25, 0.5)}
    )
    assert answer.code == "OK", answer
    classified, regressed = answer.response.results
    assert [
        [(entry.label, entry.score) for entry in row.classes]
        for row in classified.classification_result.classifications
    ] == [[("no", 0.75), ("yes", 0.25)], [("no", 0.5), ("yes", 0.5)]]
    assert [row.value for row in regressed.regression_result.regressions] == [2.5, 5.0]
    assert regressed.model_spec.signature_name == "regress"
    assert regressed.model_spec.version.value == 1
