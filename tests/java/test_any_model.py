"""Models that are no image models: in process and over gRPC, under one contract, in one way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signature_contract import contract as contracts
from tests.java.any_model import EVERY, Tensors, text
from tests.java.fixtures import JavaError


@pytest.fixture(scope="module", params=["embedded", "grpc"])
def side(request: pytest.FixtureRequest) -> str:
    """Where the model runs: in the JVM's process, or on a server."""
    return str(request.param)


@pytest.fixture(scope="module")
def model(
    side: str, java: Any, any_model: Path, any_contract: Path, request: pytest.FixtureRequest
) -> Iterator[int]:
    if side == "embedded":
        number = java("load_model", any_model / "1", any_contract)
    else:
        number = java("connect_model", request.getfixturevalue("any_target"), any_contract)
    yield number
    java("close", number)


def test_text_in_rows(java: Any, model: int) -> None:
    words = text("cat", "Übergröße", "", b"\xff\x00").reshape(2, 2)
    answer = java("predict", model, "words", {"text": words})
    assert answer["length"].tolist() == [[3, 12], [0, 2]]
    # TensorFlow changes ASCII only.
    assert answer["upper"].tolist() == [[b"CAT", "ÜBERGRößE".encode()], [b"", b"\xff\x00"]]


@pytest.mark.parametrize("negate", [False, True])
def test_several_inputs_and_scalars(java: Any, model: int, negate: bool) -> None:
    inputs: Tensors = {
        "a": np.array([[1, 2], [3, 4.5]], np.float32),
        "b": np.array([2, -(2**53)], np.int64),
        "negate": np.array(negate),
        "scale": np.array(1e-15 if negate else 1e-14),
    }
    answer = java("predict", model, "several", inputs)
    rows = np.array([3, 7.5]) * [2, -(2.0**53)] * inputs["scale"] * (-1 if negate else 1)
    np.testing.assert_allclose(answer["rows"], rows)
    assert answer["total"].shape == ()
    np.testing.assert_allclose(answer["total"], rows.sum())


@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 1, 3)])
def test_any_rank_and_one_tensor_twice(java: Any, model: int, shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1
    answer = java("predict", model, "any_rank", {"x": x})
    for name in ("y", "same"):
        assert answer[name].shape == shape
        np.testing.assert_array_equal(answer[name], x / 2)


def test_every_dtype_comes_back_as_it_went(java: Any, model: int) -> None:
    answer = java("predict", model, "echo", EVERY)
    assert answer.keys() == {f"{name}_too" for name in EVERY}
    for name, value in EVERY.items():
        same = answer[f"{name}_too"]
        if name == "bfloat16":  # rounded to eight bits of precision
            np.testing.assert_allclose(same, value, rtol=2**-8)
            assert same[0] == 1.5
        else:
            np.testing.assert_array_equal(same, value)


def test_no_rows_of_every_dtype(java: Any, model: int) -> None:
    answer = java("predict", model, "echo", {name: value[:0] for name, value in EVERY.items()})
    assert {value.shape for value in answer.values()} == {(0,)}


def test_an_input_with_a_default_may_be_left_out(java: Any, model: int) -> None:
    x = np.array([1, 10], np.float32)
    answer = java("predict", model, "serving_default", {"x": x})
    np.testing.assert_array_equal(answer["y"], x * 2 + 0.5)
    weights = np.array([3, 1], np.float32)
    answer = java("predict", model, "serving_default", {"x": x, "weights": weights})
    np.testing.assert_array_equal(answer["y"], x * 3 + 1)


def test_some_outputs_only(java: Any, model: int) -> None:
    assert java(
        "predict", model, "words", {"text": text("a").reshape(1, 1)}, ["length"]
    ).keys() == {"length"}


STAGE = {"embedded": "run", "grpc": "sent"}
A = {"a": np.zeros((1, 2), np.float32), "b": np.zeros(1, np.int64), "negate": np.array(True)}


@pytest.mark.parametrize(
    ("signature", "inputs", "difference"),
    [
        pytest.param(
            "serving_default",
            {"x": np.zeros(1)},
            'serving_default input "x": expected float32 [-1], found float64 [1] [input-dtype]',
            id="dtype",
        ),
        pytest.param(
            "words",
            {"text": text("a")},
            'words input "text": expected string [-1, -1], found string [1] [input-shape]',
            id="rank",
        ),
        pytest.param(
            "several",
            {**A, "scale": np.array(10.5)},
            'several input "scale": expected values from 0 to 10, found 10.5 '
            "(what exists: 1 values, 10.5 to 10.5) [input-range]",
            id="range",
        ),
        pytest.param(
            "several",
            A,
            'several input "scale": expected it to be there, found nothing '
            "(what exists: a, b, negate) [input-missing]",
            id="missing",
        ),
        pytest.param(
            "predict",
            {},
            "signature key: expected one of the contract's, found predict (what exists: "
            "any_rank, echo, narrow, serving_default, several, words) [signature-missing]",
            id="signature",
        ),
    ],
)
def test_a_request_that_is_not_the_contracts_goes_nowhere(
    java: Any, model: int, side: str, signature: str, inputs: Tensors, difference: str
) -> None:
    assert java.refusal("predict", model, signature, inputs) == (
        f'RequestRefusedException: request to model "any", signature "{signature}", refused '
        f"before it was {STAGE[side]}:\n  - {difference}"
    )


def test_an_answer_outside_its_range_is_refused(java: Any, model: int) -> None:
    inputs = {
        **A,
        "a": np.full((1, 2), 400, np.float32),
        "b": np.array([2]),
        "scale": np.array(1.0),
    }
    refusal = java.refusal("predict", model, "several", inputs)
    assert refusal.startswith("ContractMismatchException: ")
    assert refusal.endswith(
        'several output "total": expected values from -1000 to 1000, found -1600 '
        "(what exists: 1 values, -1600 to -1600) [output-range]"
    )


def test_a_dtype_that_tensorflow_java_lacks(java: Any, model: int, side: str) -> None:
    inputs = {"x": np.array([1, -128], np.int8)}
    if side == "grpc":
        assert java("predict", model, "narrow", inputs)["y"].tolist() == [2, -127]
    else:
        with pytest.raises(JavaError, match='narrow input "x" is int8, and TensorFlow Java has'):
            java("predict", model, "narrow", inputs)


def test_tensors_of_tensorflow_itself(java: Any, any_model: Path, any_contract: Path) -> None:
    number = java("load_model", any_model / "1", any_contract)
    assert java("call_with_tensor", number, np.array([2, 4], np.float32)) == [4.5, 8.5]
    java("close", number)


def test_a_changed_contract_is_refused_by_both(
    java: Any, any_model: Path, any_contract: Path, any_target: str, tmp_path: Path
) -> None:
    found = contracts.load(any_contract)
    changed = tmp_path / "contract.json"
    changed.write_text(
        any_contract.read_text(encoding="utf-8").replace("2.0", "3.0"), encoding="utf-8"
    )
    with pytest.raises(contracts.ContractMismatchError) as python:
        contracts.load(changed).check(found.signatures, "it")
    (difference,) = python.value.differences
    assert difference.rule == "input-default"
    assert java.refusal("load_model", any_model / "1", changed).endswith(f"\n  - {difference}")
    number = java("connect_model", any_target, changed)
    assert java.refusal("check_model", number).endswith(f"\n  - {difference}")
    java("close", number)


def test_metadata_and_status(java: Any, any_contract: Path, any_target: str) -> None:
    number = java("connect_model", any_target, any_contract)
    java("check_model", number)
    assert java("metadata", number) == (
        "any",
        1,
        ["any_rank", "echo", "narrow", "serving_default", "several", "words"],
    )
    assert java("status", number) == [(1, "AVAILABLE", "")]
    java("close", number)


def test_a_version_that_is_not_there(java: Any, any_contract: Path, any_target: str) -> None:
    number = java("connect_model", any_target, any_contract, 7)
    refusal = java.refusal("predict", number, "serving_default", {"x": np.zeros(1, np.float32)})
    assert refusal.startswith(f"ServerException: the server at {any_target} answered NOT_FOUND: ")
    java("close", number)


def test_without_a_contract_the_server_decides(java: Any, any_target: str) -> None:
    number = java("connect_model", any_target, None)
    x = np.array([1], np.float32)
    assert java("predict", number, "any_rank", {"x": x})["y"].tolist() == [0.5]
    refusal = java.refusal("predict", number, "any_rank", {"x": x.astype(np.int64)})
    assert refusal.startswith(
        f"InvalidInputException: the server at {any_target} refused the input: "
    )
    java("close", number)


def test_other_tags_are_refused(java: Any, any_model: Path, any_contract: Path) -> None:
    assert java.refusal("load_model", any_model / "1", any_contract, ["serve", "gpu"]) == (
        f"ModelLoadException: {any_model / '1'}: expected a graph with the tags serve, gpu, "
        "found graphs with serve; name one with builder(…).tags(…)"
    )
