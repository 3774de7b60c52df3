"""The contract's JSON format, by documents that the Python and the Java reader are held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from signature_contract import contract as contracts
from signature_contract.contract import Contract, ContractFileError

DOCUMENTS = Path(__file__).with_name("documents")
GOOD = sorted((DOCUMENTS / "good").glob("*.json"))
BAD = sorted((DOCUMENTS / "bad").glob("*.json"))
LINES = json.loads((DOCUMENTS / "good_lines.json").read_text(encoding="utf-8"))
MESSAGES = json.loads((DOCUMENTS / "bad_messages.json").read_text(encoding="utf-8"))
SCHEMA = json.loads(contracts.SCHEMA.read_text(encoding="utf-8"))
# What a schema cannot say: relations between places, and what is lost before it is asked.
BEYOND_A_SCHEMA = {
    "axes_too_few",
    "bound_other_than_classes",
    "bound_unknown",
    "empty",
    "nan",
    "not_json",
    "range_reversed",
    "ranking_count_axes",
    "ranking_unknown",
    "repeated_key",
    "size_unknown_name",
}


def lines(contract: Contract) -> list[str]:
    """What a contract says, one thing a line, as the Java test writes it too."""
    found = [
        f"model {contract.model}",
        f"tags {', '.join(contract.tags)}",
        f"classes {', '.join(contract.class_names)}",
    ]
    for key in contract.signatures:
        signature = contract.resolved(key)
        for role, specs in (("input", signature.inputs), ("output", signature.outputs)):
            for name, spec in specs.items():
                line = f'{key} {role} "{name}": {spec}'
                if spec.value_range:
                    line += f", from {spec.value_range[0]:g} to {spec.value_range[1]:g}"
                if spec.has_default:
                    line += f", {spec.default_text}"
                found.append(line)
        if signature.ranking:
            found.append(f"{key} ranking: {signature.ranking}")
    return found


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_document_says_what_it_says(path: Path) -> None:
    assert lines(contracts.load(path)) == LINES[path.stem]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_document_is_the_same_after_writing(path: Path) -> None:
    contract = contracts.load(path)
    assert contracts.loads(contract.to_json()) == contract


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_document_is_refused_in_a_sentence(path: Path) -> None:
    with pytest.raises(ContractFileError) as caught:
        contracts.load(path)
    assert MESSAGES[path.stem] in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_every_document_has_its_answer() -> None:
    assert LINES.keys() == {path.stem for path in GOOD}
    assert MESSAGES.keys() == {path.stem for path in BAD}


def test_what_only_a_later_version_knows_is_kept() -> None:
    document = json.loads((DOCUMENTS / "good" / "later_minor.json").read_text(encoding="utf-8"))
    written = json.loads(contracts.load(DOCUMENTS / "good" / "later_minor.json").to_json())
    signature, asked = (one["signatures"]["serving_default"] for one in (written, document))
    assert written["owner"] == document["owner"]
    assert signature["cost"] == asked["cost"]
    assert signature["inputs"]["x"]["unit"] == asked["inputs"]["x"]["unit"]
    assert signature["outputs"]["scores"]["tolerance"]["per"] == "row"


def test_a_tolerance_without_end_is_refused() -> None:
    document = json.loads((DOCUMENTS / "good" / "ranges.json").read_text(encoding="utf-8"))
    outputs = document["signatures"]["serving_default"]["outputs"]
    outputs["scores"]["tolerance"] = {"absolute": 10**301}
    with pytest.raises(ContractFileError, match=r"tolerance absolute: .* at least 0, found 1000"):
        contracts.loads(json.dumps(document))


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(ContractFileError, match="nested too deep"):
        contracts.loads("[" * 100_000)


def test_other_bytes_than_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"\xff\xfe{}")
    with pytest.raises(ContractFileError, match="expected UTF-8 text"):
        contracts.load(file)


def valid(document: Any) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_the_schema_takes_every_good_document(path: Path) -> None:
    assert valid(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "path",
    [path for path in BAD if path.stem not in BEYOND_A_SCHEMA],
    ids=lambda path: path.stem,
)
def test_the_schema_refuses_a_bad_document(path: Path) -> None:
    assert not valid(json.loads(path.read_text(encoding="utf-8")))


TEXTS = json.loads((DOCUMENTS.parent / "json_texts.json").read_text(encoding="utf-8"))


def test_the_texts_that_java_is_held_to_are_what_python_says() -> None:
    for one in TEXTS["good"]:
        assert repr(json.loads(one["text"])) == repr(one["value"]), one["name"]
    for one in TEXTS["bad"]:
        with pytest.raises(json.JSONDecodeError) as refused:
            json.loads(one["text"])
        assert f"{refused.value.lineno}:{refused.value.colno}" == one["place"], one["text"]
