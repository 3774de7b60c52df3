"""A detector's TFLite file: its network, and the NumPy steps around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.edge import detections
from export.edge.interpreter import EdgeModel
from serving_config.detections import letterbox, suppress, to_original
from signature_contract import contract as contracts
from signature_contract import golden
from tests.golden_answers import assert_golden


@pytest.fixture(scope="module")
def detector(
    tflite: Callable[..., Any], published_detector: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("edge_detector")
    ran = tflite("--model", published_detector, "--out", out, "--form", "float32")
    assert ran.code == 0, ran.err
    report: dict[str, Any] = ran.result
    return report


@pytest.fixture(scope="module")
def model(detector: dict[str, Any]) -> EdgeModel:
    return EdgeModel(Path(detector["path"]) / "float32.tflite")


def test_the_file_has_the_signature_of_its_contract(model: EdgeModel) -> None:
    assert model.contract.differences(model.signatures()) == []
    assert list(model.contract.signatures) == ["candidates"]


def test_the_file_has_the_classes_of_its_version(
    model: EdgeModel, published_detector: Path
) -> None:
    whole = contracts.load(published_detector)
    assert model.contract.class_names == whole.class_names
    assert model.contract.bound["N"] == whole.bound["N"]


def test_the_file_says_what_it_does_not_carry(model: EdgeModel) -> None:
    assert model.contract.parameters["not_carried"].keys() == {"serving_default", "serving_bytes"}


def test_the_file_has_the_parameters_of_its_version(
    model: EdgeModel, published_detector: Path
) -> None:
    whole = contracts.load(published_detector)
    carried = {name: model.contract.parameters[name] for name in whole.parameters}
    assert carried == whole.parameters


def test_network_and_numpy_give_the_served_detections(
    model: EdgeModel, published_detector: Path
) -> None:
    contract = contracts.load(published_detector)
    cases = [
        case
        for case in golden.load(published_detector, contract)
        if case.signature == "serving_default"
    ]
    assert any(case.outputs["num_detections"].max() > 0 for case in cases)
    for case in cases:
        assert_golden(case, detections.detect(model, case.inputs["input_tensor"]), contract)


def test_its_mean_average_precision_stands_beside_the_originals(detector: dict[str, Any]) -> None:
    report = json.loads((Path(detector["path"]) / "report.json").read_text())
    assert report == detector
    assert report["original"]["accuracy"] > 0
    assert report["forms"]["float32"]["accuracy"] == pytest.approx(
        report["original"]["accuracy"], abs=1e-3
    )


def test_a_letterbox_keeps_the_proportions_on_grey() -> None:
    wide = np.full((1, 10, 40, 3), 200, np.uint8)
    square = letterbox(wide, 20)
    assert square.shape == (1, 20, 20, 3)
    np.testing.assert_array_equal(square[0, :7], 127.5)
    np.testing.assert_array_equal(square[0, 7:12], 200)
    np.testing.assert_array_equal(square[0, 12:], 127.5)
    whole = np.array([[7.0, 0.0, 12.0, 20.0]], np.float32)
    np.testing.assert_array_equal(to_original(whole, 10, 40, 20), [[0, 0, 1, 1]])


def test_suppression_by_hand() -> None:
    # IoU of the first two is 80/120, of the first and third 0.
    boxes = np.array([[0, 0, 10, 10], [0, 2, 10, 12], [20, 20, 30, 30]], np.float32)
    scores = np.array([[0.9, 0.1], [0.8, 0.7], [0.3, 0.05]], np.float32)

    def kept(limit: int, score: float, iou: float) -> list[tuple[int, int]]:
        candidates, classes = suppress(boxes, scores, limit, score, iou)
        return list(zip(candidates.tolist(), classes.tolist(), strict=True))

    assert kept(10, 0.2, 0.5) == [(0, 0), (1, 1), (2, 0)]
    assert kept(10, 0.2, 0.7) == [(0, 0), (1, 0), (1, 1), (2, 0)]
    assert kept(2, 0.2, 0.7) == [(0, 0), (1, 0)]
    assert kept(10, 0.95, 0.5) == []
