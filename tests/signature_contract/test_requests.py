"""Requests that are recorded: people's own, in every form, and those that are drawn."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signature_contract import contract as contracts
from signature_contract.checking.made_up import one_pixel_png
from signature_contract.contract import Contract
from signature_contract.golden import GoldenCase
from signature_contract.recording.drawn import drawn_cases
from signature_contract.recording.requests import RequestFileError, read_requests

CONTRACT: dict[str, Any] = {
    "model": "toy",
    "contract_version": "2.1",
    "dimensions": {"W": "width"},
    "bound": {"W": 2},
    "signatures": {
        "serving_default": {
            "inputs": {
                "x": {"dtype": "float32", "shape": [-1, "W"], "range": [0, 1]},
                "k": {"dtype": "int64", "shape": [], "default": 3},
            },
            "outputs": {"y": {"dtype": "float32", "shape": [-1]}},
        },
        "encoded": {
            "inputs": {"bytes": {"dtype": "string", "shape": [-1]}},
            "outputs": {"y": {"dtype": "float32", "shape": [-1]}},
        },
    },
}


@pytest.fixture
def contract() -> Contract:
    return contracts.loads(json.dumps(CONTRACT))


def read(path: Path, contract: Contract) -> dict[str, dict[str, Any]]:
    return {
        str(case): {name: value.tolist() for name, value in case.inputs.items()}
        for case in read_requests(path, contract)
    }


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"instances": [{"x": [0, 1]}, {"x": [0.5, 0.25]}]},
            {"serving_default/request": {"x": [[0, 1], [0.5, 0.25]]}},
        ),
        (
            {"inputs": {"x": [[0, 1]], "k": 4}},
            {"serving_default/request": {"x": [[0, 1]], "k": 4}},
        ),
        ({"inputs": [[0, 1]]}, {"serving_default/request": {"x": [[0, 1]]}}),
        (
            {
                "signature_name": "encoded",
                "instances": [{"b64": base64.b64encode(b"\xff\x00").decode()}, "text"],
            },
            {"encoded/request": {"bytes": [b"\xff\x00", b"text"]}},
        ),
        (
            [{"inputs": [[0, 1]]}, {"signature_name": "encoded", "inputs": ["a"]}],
            {"serving_default/request_0": {"x": [[0, 1]]}, "encoded/request_1": {"bytes": [b"a"]}},
        ),
    ],
)
def test_json_is_what_rest_takes(
    contract: Contract, tmp_path: Path, document: Any, expected: Any
) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    assert read(file, contract) == expected


def test_arrays_are_one_request_or_several(contract: Contract, tmp_path: Path) -> None:
    x = np.array([[0, 1]], np.float32)
    np.savez(tmp_path / "a.npz", x=x)
    np.savez(tmp_path / "b.npz", **{"left/x": x, "serving_default/right/x": x})
    assert list(read(tmp_path, contract)) == [
        "serving_default/a",
        "serving_default/left",
        "serving_default/right",
    ]


def test_images_go_to_the_signature_that_takes_text(contract: Contract, tmp_path: Path) -> None:
    (tmp_path / "cat.PNG").write_bytes(one_pixel_png())
    (tmp_path / "dog.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / ".hidden").write_bytes(b"litter")
    assert read(tmp_path, contract) == {
        "encoded/cat": {"bytes": [one_pixel_png()]},
        "encoded/dog": {"bytes": [b"\xff\xd8"]},
    }


def test_requests_of_one_name_are_numbered(contract: Contract, tmp_path: Path) -> None:
    for name in ("cat.jpg", "cat.png"):
        (tmp_path / name).write_bytes(b"\xff\xd8")
    assert list(read(tmp_path, contract)) == ["encoded/cat", "encoded/cat_2"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "expected a request as JSON"),
        ("a.json", "[1]", '{"instances": [a row, …]}'),
        ("a.json", '{"instances": []}', "at least one row"),
        ("a.json", '{"inputs": {"y": [[0, 1]]}}', "[input-missing]"),
        ("a.json", '{"inputs": [[0, 1, 2]]}', "float32 [-1, 2], found float32 [1, 3]"),
        ("a.json", '{"inputs": [[0, 1], [2]]}', "form a rectangle"),
        ("a.json", '{"inputs": [["0", "1"]]}', "[input-dtype]"),
        ("a.json", '{"signature_name": "nobody", "inputs": []}', "no signature 'nobody'"),
        ("a.npz", "no zip", "is damaged, or no .npz file"),
        ("a.csv", "0,1", "expected .npz, .json or an image file, found '.csv'"),
    ],
)
def test_what_is_no_request_is_said_with_its_file(
    contract: Contract, tmp_path: Path, name: str, content: str, words: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(RequestFileError) as caught:
        read_requests(tmp_path / name, contract)
    assert words in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_an_empty_folder_holds_no_requests(contract: Contract, tmp_path: Path) -> None:
    with pytest.raises(RequestFileError, match="holds no requests"):
        read_requests(tmp_path, contract)


def drawn(contract: Contract, seed: int = 0) -> list[GoldenCase]:
    return drawn_cases(contract, 6, seed)


def test_drawn_requests_are_requests_of_the_contract(contract: Contract) -> None:
    for case in drawn(contract):
        tensors = {
            name: ("string" if value.dtype == object else value.dtype.name, value.shape)
            for name, value in case.inputs.items()
        }
        signature = contract.resolved(case.signature)
        assert signature.input_differences(case.signature, tensors) == []


def test_drawn_numbers_are_in_their_range_and_rows_differ(contract: Contract) -> None:
    cases = [case for case in drawn(contract) if case.signature == "serving_default"]
    values = np.concatenate([case.inputs["x"] for case in cases])
    assert 0 <= values.min() < 0.3
    assert 0.7 < values.max() <= 1
    assert [len(case.inputs["x"]) for case in cases] == [1, 3, 2, 1, 3, 2]


def test_an_input_with_a_default_is_there_every_other_time(contract: Contract) -> None:
    cases = [case for case in drawn(contract) if case.signature == "serving_default"]
    assert ["k" in case.inputs for case in cases] == [False, True] * 3


def test_a_seed_draws_the_same_requests(contract: Contract) -> None:
    one, same, other = (
        [case.inputs["x"].tolist() for case in drawn(contract, seed)[:6]] for seed in (1, 1, 2)
    )
    assert one == same != other
