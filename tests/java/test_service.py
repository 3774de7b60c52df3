"""VisionService on a trained, published version: the golden answers, and the life of a service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving_config.layout import classifications
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import Contract
from signature_contract.golden import GoldenCase
from tests.golden_answers import assert_golden

Answers = list[dict[str, Any]]


@pytest.fixture(scope="module")
def contract(published: Path) -> Contract:
    return contracts.load(published)


@pytest.fixture(scope="module")
def cases(published: Path, contract: Contract) -> list[GoldenCase]:
    return golden.load(published, contract)


@pytest.fixture(scope="module")
def service(java: Any, published: Path) -> Iterator[int]:
    number: int = java("load", published)
    yield number
    java("close", number)


def _assert_golden(case: GoldenCase, answers: Answers, contract: Contract) -> None:
    laid_out = classifications((one["probabilities"], one["logits"]) for one in answers)
    assert_golden(case, laid_out, contract)
    for answer, row in zip(answers, case.outputs["probabilities"], strict=True):
        assert answer["label"] == list(answer["probabilities"])[int(np.argmax(row))]
        assert answer["probability"] == answer["probabilities"][answer["label"]]


def test_golden_files(java: Any, service: int, cases: list[GoldenCase], contract: Contract) -> None:
    files = [case for case in cases if case.signature == "serving_bytes"]
    assert files
    for case in files:
        _assert_golden(case, java("classify", service, list(case.inputs["image_bytes"])), contract)


def test_golden_files_with_the_weights_in_variables(
    java: Any, published_variables: dict[str, Any]
) -> None:
    version = Path(published_variables["path"])
    contract = contracts.load(version)
    number = java("load", version)
    for case in golden.load(version, contract):
        if case.signature == "serving_bytes":
            answers = java("classify", number, list(case.inputs["image_bytes"]))
            _assert_golden(case, answers, contract)
    java("close", number)


@pytest.mark.parametrize("operation", ["classify_pixels", "classify_tensor"])
def test_golden_pixels(
    java: Any, service: int, cases: list[GoldenCase], contract: Contract, operation: str
) -> None:
    pixels = [case for case in cases if case.signature == "serving_default"]
    assert pixels
    for case in pixels:
        _assert_golden(case, java(operation, service, case.inputs["input_tensor"]), contract)


def test_many_threads_get_their_own_answers(
    java: Any, service: int, cases: list[GoldenCase], contract: Contract
) -> None:
    files = [case for case in cases if case.signature == "serving_bytes"] * 12
    batches = [list(case.inputs["image_bytes"]) for case in files]
    for case, answers in zip(files, java("classify_at_once", service, batches, 6), strict=True):
        _assert_golden(case, answers, contract)


def test_a_refused_image_is_named_and_hurts_nobody(
    java: Any, service: int, cases: list[GoldenCase], contract: Contract
) -> None:
    case = next(case for case in cases if case.signature == "serving_bytes")
    image = case.inputs["image_bytes"][0]
    for wrong, text in (
        (b"", "image 1 of 2: expected a whole JPEG or PNG file, received no bytes at all"),
        (b"GIF89a", "image 1 of 2: expected a whole JPEG or PNG file, received 6 bytes"),
        (image[:200], "image 1 of 2: serving_bytes refused the input"),
    ):
        refusal = java.refusal("classify", service, [image, wrong])
        assert refusal.startswith(f"InvalidImageException: {text}"), refusal
    _assert_golden(case, java("classify", service, list(case.inputs["image_bytes"])), contract)


@pytest.mark.parametrize("shape", [(8, 8, 3), (1, 8, 8, 1), (1, 8, 8, 4), (0, 8, 8, 3), (3,)])
def test_a_tensor_that_is_no_image_is_refused(
    java: Any, service: int, shape: tuple[int, ...]
) -> None:
    refusal = java.refusal("classify_tensor", service, np.zeros(shape, np.uint8))
    assert refusal.startswith("InvalidImageException: expected uint8 [batch, height, width, 3]")


def test_a_closed_service_says_so(java: Any, published: Path) -> None:
    number = java("load", published)
    java("close", number)
    java("close", number)
    refusal = java.refusal("classify_pixels", number, np.zeros((1, 8, 8, 3), np.uint8))
    assert refusal == (
        f"IllegalStateException: the service for {published} is closed; load the version again"
    )


def test_closing_waits_for_running_calls(java: Any, published: Path) -> None:
    number = java("load", published)
    ends = java("close_while_calling", number, np.zeros((4, 64, 64, 3), np.uint8), 4)
    assert len(ends) == 4
    for answered, ended_by in ends:
        assert answered >= 1
        assert ended_by == "java.lang.IllegalStateException"


def test_calls_leave_no_memory_behind(java: Any, service: int) -> None:
    # A call that kept its input alive would keep 0.6 MB: 66 MB over the second half.
    images = np.zeros((4, 224, 224, 3), np.uint8)
    resident_mb = java("resident_mb", service, images, 240)
    grown_mb = np.median(resident_mb[-20:]) - np.median(resident_mb[110:130])
    assert grown_mb < 20.0, f"{grown_mb:.1f} MB in 110 calls"


def test_python_tensorflow_stays_out_of_the_jvm_process(java: Any) -> None:
    assert java("imported_tensorflow") is False
