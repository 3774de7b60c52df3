"""Change one thing in a model that is no image model; every side must notice, in the same words.

Several inputs and a scalar, text, an unknown rank: each model is shown as it was made (and
accepted) and with one thing changed (and refused) to ``vision-contract``, the Python client, Java
with the model embedded, and the Java client.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import protos
from python_client import ModelClient
from signature_contract import contract as contracts
from signature_contract.contract import ContractMismatchError
from tests.running import PATIENCE_S
from tests.signature_contract.fixtures import Held, vision_contract

Signatures = Any  # the map of SignatureDef messages in a meta graph
DT_DOUBLE = 2
NAMES = ("several", "vocabulary", "kinds")


@dataclass(frozen=True)
class Shape:
    """What a model declares, written out: the words that every side must find."""

    key: str
    keys: str
    input: str
    inputs: str
    declared: str
    another_dtype: str
    another_rank: str
    output: str
    other_output: str


SHAPES = {
    "several": Shape(
        key="weigh",
        keys="add, weigh",
        input="x",
        inputs="scale, x",
        declared="float32 [-1, 3]",
        another_dtype="float64 [-1, 3]",
        another_rank="float32 [-1, 3, 1]",
        output="total",
        other_output="used",
    ),
    "vocabulary": Shape(
        key="serving_default",
        keys="serving_default",
        input="text",
        inputs="text",
        declared="string [-1]",
        another_dtype="float64 [-1]",
        another_rank="string [-1, 1]",
        output="upper",
        other_output="index",
    ),
    "kinds": Shape(
        key="any_rank",
        keys="any_rank, every",
        input="anything",
        inputs="anything",
        declared="float32 of unknown rank",
        another_dtype="float64 of unknown rank",
        another_rank="float32 [1]",
        output="rank",
        other_output="doubled",
    ),
}


def rename_the_key(signatures: Signatures, shape: Shape) -> None:
    signatures["renamed"].CopyFrom(signatures[shape.key])
    del signatures[shape.key]


def rename_an_input(signatures: Signatures, shape: Shape) -> None:
    inputs = signatures[shape.key].inputs
    inputs["a_first"].CopyFrom(inputs[shape.input])
    del inputs[shape.input]


def change_a_dtype(signatures: Signatures, shape: Shape) -> None:
    signatures[shape.key].inputs[shape.input].dtype = DT_DOUBLE


def change_a_rank(signatures: Signatures, shape: Shape) -> None:
    tensor_shape = signatures[shape.key].inputs[shape.input].tensor_shape
    tensor_shape.unknown_rank = False
    tensor_shape.dim.add(size=1)


def drop_an_output(signatures: Signatures, shape: Shape) -> None:
    del signatures[shape.key].outputs[shape.output]


def add_an_input(signatures: Signatures, shape: Shape) -> None:
    inputs = signatures[shape.key].inputs
    inputs["more"].CopyFrom(inputs[shape.input])


def expected(change: str, shape: Shape) -> list[str]:
    """Return what every side must say, whole and in this order."""
    tensor = f'{shape.key} input "{shape.input}"'
    left_inputs = ", ".join(["a_first", *shape.inputs.split(", ")[:-1]])
    left_keys = ", ".join([*(k for k in shape.keys.split(", ") if k != shape.key), "renamed"])
    return {
        "rename_the_key": [
            f'signature "{shape.key}": expected it to be there, found nothing '
            f"(what exists: {left_keys}) [signature-missing]",
            f'signature "renamed": expected only {shape.keys}, found one more [signature-unknown]',
        ],
        "rename_an_input": [
            f"{tensor}: expected it to be there, found nothing "
            f"(what exists: {left_inputs}) [input-missing]",
            f'{shape.key} input "a_first": expected only {shape.inputs}, found one more '
            "[input-unknown]",
        ],
        "change_a_dtype": [
            f"{tensor}: expected {shape.declared}, found {shape.another_dtype} [input-dtype]"
        ],
        "change_a_rank": [
            f"{tensor}: expected {shape.declared}, found {shape.another_rank} [input-shape]"
        ],
        "drop_an_output": [
            f'{shape.key} output "{shape.output}": expected it to be there, found nothing '
            f"(what exists: {shape.other_output}) [output-missing]"
        ],
        "add_an_input": [
            f'{shape.key} input "more": expected only {shape.inputs}, found one more '
            "[input-unknown]"
        ],
    }[change]


CHANGES: Mapping[str, Callable[[Signatures, Shape], None]] = {
    change.__name__: change
    for change in (
        rename_the_key,
        rename_an_input,
        change_a_dtype,
        change_a_rank,
        drop_an_output,
        add_an_input,
    )
}


@pytest.fixture(scope="module")
def mutants(
    held: Callable[[str], Held], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """Every model as it was made, and with one thing changed, by its name on the server."""
    home = tmp_path_factory.mktemp("any_mutants")
    versions = {}
    for name in NAMES:
        for change in ("as_it_is", *CHANGES):
            version = home / f"{name}_{change}" / "1"
            shutil.copytree(held(name).model, version)
            versions[version.parent.name] = version
            if change in CHANGES:
                file = version / "saved_model.pb"
                file.chmod(0o644)
                document = protos.SavedModel.FromString(file.read_bytes())
                CHANGES[change](document.meta_graphs[0].signature_def, SHAPES[name])
                file.write_bytes(document.SerializeToString())
    return versions


@pytest.fixture(scope="module")
def target(
    mutants: Mapping[str, Path],
    start_server: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A server that hosts all of them."""
    config = tmp_path_factory.mktemp("any_mutants_config") / "models.config"
    entries = "".join(
        f'config {{ name: "{name}" base_path: "{path.parent}" model_platform: "tensorflow" }}\n'
        for name, path in mutants.items()
    )
    config.write_text(f"model_config_list {{\n{entries}}}\n", encoding="utf-8")
    server = start_server(f"--model_config_file={config}")
    yield server.target
    server.stop()


def breaks(subject: str, differences: list[str]) -> str:
    return "\n".join([f"{subject} breaks its contract:", *(f"  - {one}" for one in differences)])


def said_by_the_tool(version: Path, contract: Path) -> list[str]:
    ran = vision_contract("check", version, "--contract", contract, "--static", "--format", "json")
    found: list[str] = json.loads(ran.out)["differences"]
    assert ran.code == bool(found)
    return found


def said_by_python(target: str, name: str, contract: Path) -> str:
    with ModelClient(target, model=name, contract=contract, timeout_s=PATIENCE_S) as client:
        try:
            client.check_contract()
        except ContractMismatchError as err:
            return str(err)
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_a_model_as_it_was_made_is_accepted_by_all(
    mutants: Mapping[str, Path], held: Callable[[str], Held], target: str, java: Any, name: str
) -> None:
    contract, served = held(name).contract, f"{name}_as_it_is"
    assert said_by_the_tool(mutants[served], contract) == []
    assert said_by_python(target, served, contract) == ""
    java("close", java("load_model", mutants[served], contract))
    assert java.refusal("check_served", target, contract, served) is None


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", NAMES)
def test_one_change_is_refused_by_all(
    mutants: Mapping[str, Path],
    held: Callable[[str], Held],
    target: str,
    java: Any,
    name: str,
    change: str,
) -> None:
    contract, served = held(name).contract, f"{name}_{change}"
    differences = expected(change, SHAPES[name])
    declared = vision_contract(
        *("check", target, "--name", served, "--contract", contract, "--static"),
        *("--format", "json"),
    )
    mismatch = "ContractMismatchException:"
    assert {
        "vision-contract": said_by_the_tool(mutants[served], contract),
        "server metadata": json.loads(declared.out)["differences"],
        "Python client": said_by_python(target, served, contract),
        "Java, embedded": java.refusal("load_model", mutants[served], contract),
        "Java client": java.refusal("check_served", target, contract, served),
    } == {
        "vision-contract": differences,
        "server metadata": differences,
        "Python client": breaks(f'{target}, model "{served}" version 1', differences),
        "Java, embedded": f"{mismatch} {breaks(str(mutants[served]), differences)}",
        "Java client": f'{mismatch} {breaks(f"""the model "{served}" at {target}""", differences)}',
    }


def test_what_was_published_by_others_keeps_its_contract_file(
    held: Callable[[str], Held],
) -> None:
    for name in NAMES:
        contract = contracts.load(held(name).contract)
        assert ", ".join(contract.signatures) == SHAPES[name].keys
