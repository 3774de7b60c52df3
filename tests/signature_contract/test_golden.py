"""Golden vectors survive the file, and distances tell what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import ContractFileError
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


ODD = contracts.loads(
    json.dumps(
        {
            "model": "odd",
            "contract_version": "2.1",
            "signatures": {
                "a/b": {
                    "inputs": {
                        "t%x": {"dtype": "string", "shape": None},
                        "same": {"dtype": "complex64", "shape": []},
                        "left/out": {"dtype": "int32", "shape": [], "default": 1},
                    },
                    "outputs": {
                        "same": {"dtype": "float64", "shape": [-1]},
                        "raw": {"dtype": "string", "shape": None},
                    },
                }
            },
        }
    )
)


def texts(items: list[bytes], shape: tuple[int, ...]) -> Any:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


@pytest.mark.parametrize(
    ("items", "shape"),
    [
        ([b"one"], ()),
        ([], (0,)),
        ([], (2, 0)),
        ([b"a", b"", b"\xff\x00", "é".encode()], (2, 2)),
        ([b"ends in zero\x00"], (1,)),
    ],
)
def test_odd_names_and_any_text_survive_the_file(
    tmp_path: Path, items: list[bytes], shape: tuple[int, ...]
) -> None:
    case = GoldenCase(
        "a/b",
        "50%/case",
        {"t%x": texts(items, shape), "same": np.array(1 + 2j, np.complex64)},
        {"same": np.array([np.nan, 1]), "raw": texts(items, shape)},
    )
    golden.save(tmp_path / "odd.npz", [case], ODD)
    (read,) = golden.load(tmp_path / "odd.npz", ODD)
    assert (read.signature, read.name, read.inputs.keys()) == ("a/b", "50%/case", {"t%x", "same"})
    for name, value in (*case.inputs.items(), *case.outputs.items()):
        side = read.outputs if name == "raw" else read.inputs
        if name != "same":
            assert side[name].shape == value.shape
            assert side[name].ravel().tolist() == value.ravel().tolist()
    np.testing.assert_array_equal(read.outputs["same"], case.outputs["same"])
    assert read.inputs["same"] == 1 + 2j


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no golden answers at"),
        (b"", "is damaged, or no file of golden answers"),
        (b"PK\x03\x04 cut", "is damaged, or no file of golden answers"),
    ],
)
def test_a_file_that_is_none_is_said(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "golden.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ContractFileError, match=words):
        golden.load(file, ODD)


def test_answers_to_another_contract_are_said(case: GoldenCase, tmp_path: Path) -> None:
    golden.save(tmp_path / "golden.npz", [case], toolkit_contract("classifier"))
    with pytest.raises(ContractFileError, match="holds no golden answers of the contract 'odd'"):
        golden.load(tmp_path / "golden.npz", ODD)
