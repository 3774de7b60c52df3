"""The contract file, and what a difference from it looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving_config import toolkit_contracts
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts
from signature_contract.contract import (
    Contract,
    ContractError,
    ContractFileError,
    ContractMismatchError,
    Signature,
    TensorSpec,
)

Signatures = dict[str, Signature]


@pytest.fixture
def contract() -> Contract:
    return toolkit_contract("classifier").bind(["cat", "dog"])


@pytest.fixture
def declared(contract: Contract) -> Signatures:
    """What a model that keeps the contract declares."""

    def sized(specs: Any) -> dict[str, TensorSpec]:
        return {n: TensorSpec(s.dtype, s.resolve(contract.bound).shape) for n, s in specs.items()}

    return {
        key: Signature(sized(signature.inputs), sized(signature.outputs))
        for key, signature in contract.signatures.items()
    }


@pytest.mark.parametrize(
    "path", sorted(toolkit_contracts.DIRECTORY.glob("*.json")), ids=lambda p: p.stem
)
def test_every_contract_is_well_formed_and_survives_a_round_trip(path: Path) -> None:
    contract = toolkit_contract(path.stem)
    assert contract.model == path.stem
    assert contracts.loads(contract.to_json()) == contract
    for signature in contract.signatures.values():
        for spec in [*signature.inputs.values(), *signature.outputs.values()]:
            assert spec.meaning
            assert spec.shape is not None
            assert len(spec.axes) == len(spec.shape)


def test_a_published_copy_knows_its_classes(contract: Contract, tmp_path: Path) -> None:
    extra = tmp_path / "assets.extra"
    extra.mkdir()
    (extra / "contract.json").write_text(contract.to_json(), encoding="utf-8")
    copy = contracts.load(tmp_path)
    assert copy == contract
    assert copy.class_names == ("cat", "dog")
    assert copy.bound == {"C": 2}


def test_a_faithful_model_has_no_differences(contract: Contract, declared: Signatures) -> None:
    assert contract.differences(declared) == []
    contract.check(declared, "the model")


def test_an_unbound_dimension_has_one_size_everywhere(declared: Signatures) -> None:
    unbound = toolkit_contract("classifier")
    assert unbound.differences(declared) == []
    five = TensorSpec("float32", (-1, 5))
    outputs = {**declared["serving_bytes"].outputs, "logits": five}
    declared["serving_bytes"] = replace(declared["serving_bytes"], outputs=outputs)
    (difference,) = unbound.differences(declared)
    assert "serving_bytes" in str(difference)
    assert "float32 [-1, 5]" in str(difference)


def _rename(key: str, role: str, old: str, new: str) -> Callable[[Signatures], None]:
    def change(declared: Signatures) -> None:
        specs = dict(getattr(declared[key], role))
        specs[new] = specs.pop(old)
        declared[key] = replace(declared[key], **{role: specs})

    return change


def _respec(
    key: str, role: str, name: str, spec: TensorSpec | None
) -> Callable[[Signatures], None]:
    def change(declared: Signatures) -> None:
        specs = dict(getattr(declared[key], role))
        if spec is None:
            del specs[name]
        else:
            specs[name] = spec
        declared[key] = replace(declared[key], **{role: specs})

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: d.update(predict=d.pop("serving_default")),
            ['signature "serving_default": expected it to be there', "what exists: ", "predict"],
        ),
        (
            _rename("serving_default", "inputs", "input_tensor", "input_1"),
            ['serving_default input "input_tensor"', "(what exists: input_1)", "one more"],
        ),
        (
            _respec(
                "serving_default", "inputs", "input_tensor", TensorSpec("float32", (-1, -1, -1, 3))
            ),
            ["expected uint8 [-1, -1, -1, 3], found float32 [-1, -1, -1, 3]"],
        ),
        (
            _respec("serving_bytes", "inputs", "image_bytes", TensorSpec("string", ())),
            ["expected string [-1], found string []"],
        ),
        (
            _respec("serving_bytes", "inputs", "image_bytes", TensorSpec("string", None)),
            ["expected string [-1], found string of unknown rank"],
        ),
        (
            _respec(
                "serving_default", "inputs", "input_tensor", TensorSpec("uint8", (1, -1, -1, 3))
            ),
            ["found uint8 [1, -1, -1, 3]"],
        ),
        (
            _respec("serving_default", "outputs", "classes", None),
            ['serving_default output "classes": expected it to be there, found nothing'],
        ),
        (
            _respec("serving_default", "outputs", "probabilities", TensorSpec("float32", (-1, 3))),
            ["expected float32 [-1, 2], found float32 [-1, 3]"],
        ),
        (
            _respec("serving_bytes", "inputs", "image_size", TensorSpec("int32", ())),
            ['serving_bytes input "image_size": expected only image_bytes, found one more'],
        ),
    ],
)
def test_each_difference_is_named(
    contract: Contract,
    declared: Signatures,
    change: Callable[[Signatures], None],
    words: list[str],
) -> None:
    change(declared)
    with pytest.raises(ContractMismatchError) as caught:
        contract.check(declared, "the model at models/1")
    message = str(caught.value)
    assert message.startswith("the model at models/1 breaks its contract:")
    for word in words:
        assert word in message


def test_class_order(contract: Contract) -> None:
    contract.check_class_names(["cat", "dog"], "the answer")
    with pytest.raises(ContractMismatchError, match=r"expected \['cat', 'dog'\].*\['dog', 'cat'\]"):
        contract.check_class_names(["dog", "cat"], "the answer")
    toolkit_contract("classifier").check_class_names(["anything"], "the answer")


@pytest.mark.parametrize("names", [[], [""], ["a", "a"]])
def test_class_names_must_be_distinct(names: list[str]) -> None:
    with pytest.raises(ContractError, match="non-empty and distinct"):
        toolkit_contract("classifier").bind(names)


def test_an_unknown_dimension_cannot_be_bound() -> None:
    with pytest.raises(ContractError, match="no dimension Z; it names C"):
        toolkit_contract("classifier").bind(["a", "b"], Z=3)


def test_an_unknown_contract_names_those_there_are() -> None:
    with pytest.raises(ContractFileError, match="it has some for classifier, detector"):
        toolkit_contract("segmenter")
    with pytest.raises(ContractFileError, match=r"contracts by name: .*classifier"):
        toolkit_contracts.find("segmenter")


def test_requests_are_compared_with_the_inputs(contract: Contract) -> None:
    signature = contract.signature("")
    assert (
        signature.input_differences("serving_default", {"input_tensor": ("uint8", (1, 5, 7, 3))})
        == []
    )
    (difference,) = signature.input_differences(
        "serving_default", {"input_tensor": ("uint8", (5, 7, 3))}
    )
    assert "expected uint8 [-1, -1, -1, 3], found uint8 [5, 7, 3]" in str(difference)
    assert (
        len(signature.input_differences("serving_default", {"images": ("uint8", (1, 5, 7, 3))}))
        == 2
    )


def outputs_of(document: Any) -> Any:
    return document["signatures"]["serving_bytes"]["outputs"]


def test_broken_json_is_located() -> None:
    with pytest.raises(ContractFileError, match=r"a\.json:2:1: "):
        contracts.loads("{\n]", source="a.json")
    with pytest.raises(ContractFileError, match='"a" appears twice'):
        contracts.loads('{"a": 1, "a": 2}')
