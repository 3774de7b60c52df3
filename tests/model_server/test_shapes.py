"""--check_signature_shapes: what contradicts the signature is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("embedded_only")


@pytest.fixture(scope="module")
def strict(toy_models: Path, start_server: Callable[..., Any], caller: Any) -> Any:
    """A server with the default, the check on."""
    server = start_server("--model_name=toy", f"--model_base_path={toy_models}")
    yield caller(server.target)
    server.stop()


def weighted_sum(shape: list[int]) -> dict[str, Any]:
    return {
        "modelSpec": {"name": "toy", "signatureName": "weighted_sum"},
        "inputs": {
            "a": {
                "dtype": "DT_FLOAT",
                "tensorShape": {"dim": [{"size": str(size)} for size in shape]},
                "floatVal": [1.0],
            },
            "b": {
                "dtype": "DT_INT64",
                "tensorShape": {"dim": [{"size": "1"}]},
                "int64Val": ["1"],
            },
        },
    }


@pytest.mark.parametrize("shape", [[], [2], [1, 3], [1, 2, 1], [0, 0]])
def test_a_shape_that_contradicts_the_signature_is_refused(strict: Any, shape: list[int]) -> None:
    answer = strict("PredictionService/Predict", weighted_sum(shape))
    assert answer.code == "INVALID_ARGUMENT"
    assert answer.message == (
        'input "a" of signature "weighted_sum" contradicts the signature: '
        f"expected float32 [-1, 2], received float32 {shape}"
    )


def test_a_shape_that_fits_is_answered(strict: Any) -> None:
    answer = strict("PredictionService/Predict", weighted_sum([1, 2]))
    assert answer.code == "OK"
    assert list(answer.response.outputs["total"].float_val) == [2.0]


def test_a_tensor_that_would_fill_the_memory_is_refused(strict: Any) -> None:
    answer = strict("PredictionService/Predict", weighted_sum([2**40, 2]))
    assert answer.code == "RESOURCE_EXHAUSTED"
    assert 'input "a" is too large' in answer.message
