"""VisionGrpcClient against a real server with a trained model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving_config.layout import classifications
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.golden import GoldenCase
from tests.golden_answers import assert_golden


@pytest.fixture(scope="module")
def cases(published: Path) -> list[GoldenCase]:
    return golden.load(published, contracts.load(published))


@pytest.fixture(scope="module")
def client(java: Any, classifier_server: str, published: Path) -> Iterator[int]:
    number: int = java("connect", classifier_server, published)
    yield number
    java("close", number)


def test_golden_answers(java: Any, client: int, cases: list[GoldenCase], published: Path) -> None:
    for case in cases:
        if case.signature == "serving_bytes":
            answers = java("classify", client, list(case.inputs["image_bytes"]))
        else:
            answers = java("classify", client, case.inputs["input_tensor"])
        laid_out = classifications((one["probabilities"], one["logits"]) for one in answers)
        assert_golden(case, laid_out, contracts.load(published))


def test_the_server_keeps_the_contract(
    java: Any, classifier_server: str, published: Path, cases: list[GoldenCase]
) -> None:
    image = next(c for c in cases if c.signature == "serving_bytes").inputs["image_bytes"][0]
    assert java.refusal("check_server", classifier_server, image, published) is None
    assert java.refusal("check_server", classifier_server, image) is None


def test_an_image_that_the_server_cannot_decode(
    java: Any, client: int, cases: list[GoldenCase]
) -> None:
    image = next(c for c in cases if c.signature == "serving_bytes").inputs["image_bytes"][0]
    refusal = java.refusal("classify", client, [image[:200]])
    assert refusal.startswith("InvalidImageException: image 0 of 1: the server at ")


def test_a_model_that_is_not_there(java: Any, classifier_server: str) -> None:
    number = java("connect", classifier_server, None, "nobody")
    refusal = java.refusal("classify", number, np.zeros((1, 8, 8, 3), np.uint8))
    java("close", number)
    assert refusal.startswith("ServerException: the server at ")
    assert "NOT_FOUND" in refusal


def test_nobody_there(java: Any) -> None:
    number = java("connect", "127.0.0.1:1")
    refusal = java.refusal("classify", number, np.zeros((1, 8, 8, 3), np.uint8))
    java("close", number)
    assert refusal.startswith("ServerUnavailableException: no server answers at 127.0.0.1:1: ")
