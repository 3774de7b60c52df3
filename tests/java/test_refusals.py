"""VisionService refuses a version that breaks its contract, and says how."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import protos
from signature_contract import contract as contracts
from signature_contract.version_files import CONTRACT_FILE


@pytest.fixture
def version(published: Path, tmp_path: Path) -> Path:
    """A copy of the published version, to be broken."""
    return shutil.copytree(published, tmp_path / "classifier" / "1")


def _change_model(version: Path, change: Callable[[Any], None]) -> None:
    path = version / "saved_model.pb"
    saved_model = protos.SavedModel.FromString(path.read_bytes())
    change(saved_model.meta_graphs[0].signature_def)
    path.write_bytes(saved_model.SerializeToString())


def _change_contract(version: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = version / "assets.extra" / CONTRACT_FILE
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def _rename_input(signatures: Any) -> None:
    inputs = signatures["serving_default"].inputs
    inputs["input_1"].CopyFrom(inputs["input_tensor"])
    del inputs["input_tensor"]


def _other_dtype(signatures: Any) -> None:
    signatures["serving_default"].inputs["input_tensor"].dtype = 1


def _drop_output(signatures: Any) -> None:
    del signatures["serving_bytes"].outputs["classes"]


def _other_rank(signatures: Any) -> None:
    del signatures["serving_default"].outputs["logits"].tensor_shape.dim[1]


def _drop_signature(signatures: Any) -> None:
    del signatures["serving_bytes"]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (_rename_input, 'serving_default input "input_tensor": expected it to be there, found'),
        (_other_dtype, 'serving_default input "input_tensor": expected uint8 [-1, -1, -1, 3], '),
        (_drop_output, 'serving_bytes output "classes": expected it to be there, found nothing'),
        (_other_rank, 'serving_default output "logits": expected float32 [-1, '),
        (_drop_signature, 'signature "serving_bytes": expected it to be there, found nothing'),
    ],
)
def test_a_changed_model(
    java: Any, version: Path, change: Callable[[Any], None], difference: str
) -> None:
    _change_model(version, change)
    refusal = java.refusal("check_version", version)
    assert refusal.startswith(f"ContractMismatchException: {version} breaks its contract:\n")
    assert f"\n  - {difference}" in refusal


def test_python_says_it_in_the_same_words(java: Any, version: Path) -> None:
    def break_everything(signatures: Any) -> None:
        for change in (_rename_input, _drop_output, _other_rank):
            change(signatures)
        signatures["extra"].CopyFrom(signatures["serving_default"])

    _change_model(version, break_everything)
    saved_model = protos.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    found = contracts.signatures_from_proto(saved_model.meta_graphs[0].signature_def)
    with pytest.raises(contracts.ContractMismatchError) as python:
        contracts.load(version).check(found, str(version))
    assert java.refusal("check_version", version) == f"ContractMismatchException: {python.value}"


def test_another_class_order(java: Any, version: Path) -> None:
    _change_contract(version, lambda document: document["class_names"].reverse())
    right = list(contracts.load(version).class_names)
    refusal = java.refusal("check_version", version)
    assert refusal.startswith("ContractMismatchException: the answer of ")
    assert f"class order: expected {right}, found {right[::-1]}" in refusal


def test_a_contract_copy_that_is_not_the_toolkits(java: Any, version: Path) -> None:
    def rename(document: dict[str, Any]) -> None:
        inputs = document["signatures"]["serving_bytes"]["inputs"]
        inputs["bytes"] = inputs.pop("image_bytes")

    _change_contract(version, rename)
    refusal = java.refusal("check_version", version)
    assert 'the contract copy, serving_bytes input "image_bytes": expected it to be' in refusal


def test_no_contract(java: Any, version: Path) -> None:
    (version / "assets.extra" / CONTRACT_FILE).unlink()
    refusal = java.refusal("check_version", version)
    assert refusal.startswith(f"ContractFileException: no contract at {version}")


def test_a_graph_that_is_cut_off(java: Any, version: Path) -> None:
    path = version / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:1000])
    refusal = java.refusal("check_version", version)
    assert refusal.startswith(f"ModelLoadException: {path} is damaged: ")


def _damage(path: Path) -> None:
    """Flip some bits of 16 bytes in the middle of a file."""
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 2, len(content) // 2 + 16):
        content[at] ^= 0x41
    path.write_bytes(content)


def test_weights_that_were_damaged_on_the_way(java: Any, version: Path) -> None:
    _damage(version / "saved_model.pb")
    refusal = java.refusal("check_version", version)
    assert refusal.startswith(
        f"ContractMismatchException: {version} does not give its own golden answers: damaged on "
    )
    assert re.search(r"expected the golden answer .*, a difference of [\d.e-]+ \[golden", refusal)


def test_variables_that_were_damaged_on_the_way(
    java: Any, published_variables: dict[str, Any], tmp_path: Path
) -> None:
    version = shutil.copytree(published_variables["path"], tmp_path / "1")
    _damage(version / "variables" / "variables.data-00000-of-00001")
    refusal = java.refusal("check_version", version)
    assert refusal.startswith(f"ModelLoadException: TensorFlow cannot load {version}: ")
    assert "Checksum does not match" in refusal
    assert "{{" not in refusal


def test_a_damaged_warm_up_file(java: Any, version: Path) -> None:
    _damage(version / "assets.extra" / "tf_serving_warmup_requests")
    refusal = java.refusal("check_version", version)
    assert refusal.startswith(f"ModelLoadException: {version}")
    assert "a checksum differs" in refusal


def test_the_published_version_is_taken(java: Any, published: Path) -> None:
    assert java.refusal("check_version", published) is None
