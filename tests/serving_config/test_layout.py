"""Typed answers laid out as tensors have the contract's names, dtypes and shapes."""

from __future__ import annotations

import numpy as np
import pytest

from serving_config import layout
from serving_config.tensor_names import SERVING_BYTES
from serving_config.toolkit_contracts import toolkit_contract


@pytest.mark.parametrize("model", ["classifier", "detector"])
def test_names_and_dtypes_are_the_contracts(model: str) -> None:
    laid_out = {
        "classifier": layout.classifications(
            [({"cat": 0.7, "dog": 0.3}, {"cat": 1.0, "dog": 0.1})]
        ),
        "detector": layout.detections([[(1, 0.9, (0.1, 0.2, 0.3, 0.4))]], limit=2),
    }[model]
    outputs = toolkit_contract(model).signature(SERVING_BYTES).outputs
    assert laid_out.keys() == outputs.keys()
    for name, spec in outputs.items():
        dtype = "string" if laid_out[name].dtype == object else laid_out[name].dtype.name
        assert dtype == spec.dtype, name
        assert laid_out[name].ndim == len(spec.shape or ()), name


def test_classifications_keep_the_column_order() -> None:
    found = layout.classifications(
        [
            ({"b": 0.25, "a": 0.75}, {"b": -1.0, "a": 1.0}),
            ({"b": 1.0, "a": 0.0}, {"b": 9.0, "a": 0.0}),
        ]
    )
    assert found["classes"].tolist() == [[b"b", b"a"]] * 2
    np.testing.assert_array_equal(found["probabilities"], np.float32([[0.25, 0.75], [1, 0]]))
    np.testing.assert_array_equal(found["logits"], np.float32([[-1, 1], [9, 0]]))


def test_detections_are_padded_with_zeros() -> None:
    found = layout.detections([[(3, 0.5, (0.0, 0.25, 0.5, 1.0))], []], limit=2)
    assert found["num_detections"].tolist() == [1.0, 0.0]
    assert found["detection_classes"].tolist() == [[3.0, 0.0], [0.0, 0.0]]
    assert found["detection_scores"].tolist() == [[0.5, 0.0], [0.0, 0.0]]
    assert found["detection_boxes"][0].tolist() == [[0.0, 0.25, 0.5, 1.0], [0.0] * 4]
    assert not found["detection_boxes"][1].any()
