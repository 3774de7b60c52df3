"""A published classifier on the server: no shape ends it.

By default its tensors are not compared with the signature: the graph begins with a resize, which
refuses every wrong shape itself, as on TensorFlow Serving. ``true`` compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import protos
from signature_contract import contract, golden

SHAPES = [[], [160], [160, 160, 3], [1, 160, 160], [1, 160, 160, 1], [1, 160, 160, 4]]
FIVE_AXES = [1, 1, 160, 160, 3]


@pytest.fixture(scope="module", params=["auto", "true"])
def classifier(
    request: pytest.FixtureRequest,
    published: Path,
    start_server: Callable[..., Any],
    caller: Any,
) -> Any:
    """A server of the published classifier by default, and one that always compares shapes."""
    if request.param == "true":
        request.getfixturevalue("embedded_only")  # TensorFlow Serving never compares them
    server = start_server(
        "--model_name=classifier",
        f"--model_base_path={published.parent}",
        f"--check_signature_shapes={request.param}",
        "--grpc_max_threads=16",
    )
    yield server, caller(server.target), request.param == "true"
    server.stop()


def pixels(shape: list[int], dtype: str = "DT_UINT8", field: str = "intVal") -> dict[str, Any]:
    return {
        "modelSpec": {"name": "classifier"},
        "inputs": {
            "input_tensor": {
                "dtype": dtype,
                "tensorShape": {"dim": [{"size": str(size)} for size in shape]},
                field: [7],
            }
        },
    }


@pytest.mark.parametrize("shape", [*SHAPES, FIVE_AXES], ids=str)
def test_a_wrong_shape_is_refused_and_the_server_lives(classifier: Any, shape: list[int]) -> None:
    server, call, checked = classifier
    answer = call("PredictionService/Predict", pixels(shape))
    assert answer.code == "INVALID_ARGUMENT", answer
    assert checked == ("contradicts the signature" in answer.message)
    if checked:
        assert answer.message == (
            'input "input_tensor" of signature "serving_default" contradicts the signature: '
            f"expected uint8 [-1, -1, -1, 3], received uint8 {shape}"
        )
    assert call("PredictionService/Predict", pixels([1, 8, 8, 3])).code == "OK"
    assert server.process.poll() is None


def test_a_wrong_dtype_is_refused(classifier: Any) -> None:
    _, call, _ = classifier
    answer = call("PredictionService/Predict", pixels([1, 160, 160, 3], "DT_FLOAT", "floatVal"))
    assert (answer.code, answer.message) == (
        "INVALID_ARGUMENT",
        "Expects arg[0] to be uint8 but float is provided",
    )


def test_bytes_that_are_no_image_are_refused(classifier: Any, published: Path) -> None:
    server, call, _ = classifier
    cases = golden.load(published, contract.load(published))
    encoded = next(case for case in cases if case.signature == "serving_bytes")
    whole = encoded.inputs["image_bytes"][0]
    for data in (b"", b"not an image", whole[: len(whole) // 2], whole[:20]):
        answer = call("PredictionService/Predict", image_request([data]))
        assert answer.code == "INVALID_ARGUMENT", answer
    assert call("PredictionService/Predict", image_request([whole])).code == "OK"
    assert server.process.poll() is None


def image_request(images: list[bytes]) -> bytes:
    request = protos.PredictRequest()
    request.model_spec.name = "classifier"
    request.model_spec.signature_name = "serving_bytes"
    tensor = request.inputs["image_bytes"]
    tensor.dtype = protos.DataType.Value("DT_STRING")
    tensor.tensor_shape.dim.add().size = len(images)
    tensor.string_val.extend(images)
    data: bytes = request.SerializeToString()
    return data
