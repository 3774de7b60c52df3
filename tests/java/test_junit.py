"""The JUnit tests of a contract, on a model and with golden answers that Python made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.golden import GoldenCase
from signature_contract.rules import STATIC_RULES
from tests.java.any_model import EVERY, Tensors, text

RULES = [f"rule {rule}" for rule in STATIC_RULES]


def cases() -> list[GoldenCase]:
    """Return requests with the answers that one computes by hand."""
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    rows: Tensors = {
        "a": np.array([[1, 2], [3, 4]], np.float32),
        "b": np.array([1, 10]),
        "negate": np.array(True),
        "scale": np.array(0.5),
    }
    every = {**EVERY, "bfloat16": np.array([1.5, -2, 0, np.inf, np.nan], np.float32)}
    return [
        GoldenCase(
            "words",
            "a/b 100%",
            {"text": text("cat", b"\xff\0").reshape(2, 1)},
            {
                "upper": text("CAT", b"\xff\0").reshape(2, 1),
                "length": np.array([[3], [2]], np.int32),
            },
        ),
        GoldenCase(
            "words",
            "names",
            {"text": text("é", "").reshape(1, 2)},
            {"upper": text("é", "").reshape(1, 2), "length": np.array([[2, 0]], np.int32)},
        ),
        GoldenCase(
            "several", "two", rows, {"rows": np.array([-1.5, -35.0]), "total": np.array(-36.5)}
        ),
        GoldenCase("any_rank", "columns", {"x": x.T}, {"y": x.T / 2, "same": x.T / 2}),
        GoldenCase(
            "any_rank",
            "scalar",
            {"x": np.array(3, np.float32)},
            {"y": np.array(1.5, np.float32), "same": np.array(1.5, np.float32)},
        ),
        GoldenCase("echo", "every", every, {f"{name}_too": value for name, value in every.items()}),
        GoldenCase(
            "serving_default",
            "left out",
            {"x": np.array([1], np.float32)},
            {"y": np.array([2.5], np.float32)},
        ),
    ]


@pytest.fixture(scope="module")
def answers(any_contract: Path) -> Path:
    """The file of golden answers."""
    file = any_contract.with_name("golden.npz")
    golden.save(file, cases(), contracts.load(any_contract))
    return file


def failures(said: dict[str, str]) -> dict[str, str]:
    return {name: message for name, message in said.items() if message}


def names() -> Iterator[str]:
    yield from RULES
    for case in cases():
        yield f"golden {case}"
    yield "made up narrow"


def test_a_model_that_keeps_its_contract(
    java: Any, any_model: Path, any_contract: Path, answers: Path
) -> None:
    said = java("contract_tests", any_contract, answers, any_model / "1", None)
    assert list(said) == list(names())
    ((name, message),) = failures(said).items()
    assert name == "made up narrow"
    assert message.startswith('narrow/made_up: expected an answer, found narrow input "x" is int8')
    assert message.endswith("ask a server for this signature [request-refused]")


@pytest.mark.parametrize("address", ["{}/any", "{}/any/1", "{}"])
def test_a_server_that_keeps_its_contract(
    java: Any, any_target: str, any_contract: Path, answers: Path, address: str
) -> None:
    said = java("contract_tests", any_contract, answers, None, address.format(any_target))
    assert list(said) == list(names())
    assert not failures(said)


def test_another_answer_is_named_as_python_names_it(
    java: Any, any_model: Path, any_target: str, any_contract: Path, tmp_path: Path
) -> None:
    good, loaded = cases()[2], contracts.load(any_contract)
    other = {"rows": np.array([-1.5, -35.5]), "total": np.array(-36.5)}
    case = GoldenCase(good.signature, good.name, good.inputs, other)
    golden.save(tmp_path / "golden.npz", [case], loaded)
    (difference,) = case.compare(good.outputs, loaded).differences
    assert difference.rule == "golden-answer"
    for model, server in ((any_model / "1", None), (None, any_target)):
        said = java("contract_tests", any_contract, tmp_path / "golden.npz", model, server)
        assert said["golden several/two"] == str(difference)


def test_another_contract_is_named_as_python_names_it(
    java: Any, any_model: Path, any_target: str, any_contract: Path, answers: Path, tmp_path: Path
) -> None:
    found = contracts.load(any_contract).signatures
    changed = tmp_path / "contract.json"
    changed.write_text(
        any_contract.read_text(encoding="utf-8").replace(
            '"dtype": "float64"', '"dtype": "float32"'
        ),
        encoding="utf-8",
    )
    expected: dict[str, list[str]] = {}
    for difference in contracts.load(changed).differences(found):
        expected.setdefault(f"rule {difference.rule}", []).append(str(difference))
    assert expected.keys() == {"rule input-dtype", "rule output-dtype"}
    for model, server in ((any_model / "1", None), (None, any_target)):
        said = java("contract_tests", changed, answers, model, server)
        wrong = {name: message.splitlines() for name, message in failures(said).items()}
        assert {name: wrong.get(name, []) for name in expected} == expected
        others = {name: lines for name, lines in wrong.items() if name not in expected}
        assert set(map(tuple, others.values())) == {
            ("not run: the model declares something else than the contract",)
        }


def test_a_damaged_file_of_answers(
    java: Any, any_model: Path, any_contract: Path, tmp_path: Path
) -> None:
    file = tmp_path / "golden.npz"
    file.write_bytes(b"PK no zip")
    said = java("contract_tests", any_contract, file, any_model / "1", None)
    assert list(said) == ["contract"]
    assert said["contract"].startswith(f"{file} is damaged, or no file of golden answers: ")


def test_answers_of_another_contract(
    java: Any, any_model: Path, any_contract: Path, answers: Path, tmp_path: Path
) -> None:
    other = tmp_path / "contract.json"
    other.write_text(
        any_contract.read_text(encoding="utf-8").replace('"words"', '"texts"'), encoding="utf-8"
    )
    said = java("contract_tests", other, answers, any_model / "1", None)
    assert said["contract"].startswith(f'{answers} holds no golden answers of the contract "any": ')
