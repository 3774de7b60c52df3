"""Golden vectors survive the file, and distances tell what differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import golden
from signature_contract.golden import GoldenCase

_CLASSES = np.array([[b"cat", "Hündin".encode()]], dtype=object)


@pytest.fixture
def case() -> GoldenCase:
    return GoldenCase(
        "serving_bytes",
        "one",
        {"image_bytes": np.array([b"\x00\xff\x00"], dtype=object)},
        {
            "probabilities": np.array([[0.25, 0.75]], np.float32),
            "logits": np.array([[0.0, 1.1]], np.float32),
            "classes": _CLASSES,
        },
    )


def test_round_trip(case: GoldenCase, tmp_path: Path) -> None:
    contract = toolkit_contract("classifier")
    pixels = GoldenCase(
        "serving_default", "one", {"input_tensor": np.zeros((1, 2, 3, 3), np.uint8)}, case.outputs
    )
    golden.save(tmp_path / "golden.npz", [case, pixels], contract)
    with np.load(tmp_path / "golden.npz", allow_pickle=False) as plain:
        assert "serving_bytes/one/image_bytes/0" in plain.files
    loaded, loaded_pixels = golden.load(tmp_path / "golden.npz", contract)
    assert loaded.inputs["image_bytes"].tolist() == [b"\x00\xff\x00"]
    assert loaded.outputs["classes"].tolist() == _CLASSES.tolist()
    assert case.compare(loaded.outputs, contract).distances == dict.fromkeys(case.outputs, 0.0)
    assert loaded_pixels.inputs["input_tensor"].shape == (1, 2, 3, 3)


def test_distances(case: GoldenCase) -> None:
    shifted = {**case.outputs, "logits": case.outputs["logits"] + np.float32(0.5)}
    comparison = case.compare(shifted, toolkit_contract("classifier"))
    assert comparison.distances["logits"] == pytest.approx(0.5)
    (difference,) = comparison.differences
    assert difference.where == 'serving_bytes/one output "logits" [0, 0]'
    text = {**case.outputs, "classes": np.array([["cat", "Hündin"]])}
    assert case.compare(text, toolkit_contract("classifier")).distances["classes"] == 0.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", np.array([[b"cat", b"dog"]], dtype=object)),
        ("logits", np.array([[0.0]], np.float32)),
        ("logits", np.array([[0.0, np.nan]], np.float32)),
        ("probabilities", None),
    ],
)
def test_what_cannot_be_compared_is_infinitely_far(
    case: GoldenCase, name: str, value: np.ndarray | None
) -> None:
    answer = {k: v for k, v in case.outputs.items() if k != name}
    if value is not None:
        answer[name] = value
    contract = toolkit_contract("classifier")
    assert case.compare(answer, contract).distances[name] == float("inf")
    assert case.compare(case.outputs, contract).distances[name] == 0.0
