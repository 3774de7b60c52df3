"""Change one thing in a version's ``model.tflite``, or in the contract beside it: it is not served.

A server that runs the file answers by the contract, so a file that is another model's, or whose
columns mean something else, would be answered for in its name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from export.edge import flatbuffer
from protos import SignatureDef
from signature_contract.declared.tflite import SIGNATURES_METADATA, read_metadata
from tests.running import PATIENCE_S

pytestmark = [pytest.mark.usefixtures("embedded_only"), pytest.mark.training]

Signatures = dict[str, Any]

DT_INT32 = 3

# Key, input and one output of the only signature of each file, and what is left without that one.
FILES = {
    "classifier": ("serving_default", "input_tensor", "logits", "probabilities"),
    "detector": ("candidates", "square_tensor", "scores", "boxes"),
}
DTYPES = {
    "classifier": "expected uint8 [-1, -1, -1, 3], found int32",
    "detector": "expected float32 [-1, 128, 128, 3], found int32",
}


def rename_the_key(signatures: Signatures, key: str, *_: str) -> None:
    signatures["predict"] = signatures.pop(key)


def rename_an_input(signatures: Signatures, key: str, name: str, *_: str) -> None:
    signatures[key].inputs["input_1"].CopyFrom(signatures[key].inputs[name])
    del signatures[key].inputs[name]


def change_a_dtype(signatures: Signatures, key: str, name: str, *_: str) -> None:
    signatures[key].inputs[name].dtype = DT_INT32


def change_a_rank(signatures: Signatures, key: str, _: str, output: str) -> None:
    signatures[key].outputs[output].tensor_shape.dim.add(size=1)


def drop_an_output(signatures: Signatures, key: str, _: str, output: str) -> None:
    del signatures[key].outputs[output]


def add_an_input(signatures: Signatures, key: str, name: str, *_: str) -> None:
    signatures[key].inputs["image_size"].CopyFrom(signatures[key].inputs[name])


# What each changes, and what is said of it.
MUTATIONS: dict[Callable[..., None], tuple[str, ...]] = {
    rename_the_key: (
        'signature "{key}": expected it to be there, found nothing (what exists: predict) '
        "[signature-missing]",
        'signature "predict": expected only {key}, found one more [signature-unknown]',
    ),
    rename_an_input: (
        '{key} input "{input}": expected it to be there, found nothing (what exists: input_1) '
        "[input-missing]",
        '{key} input "input_1": expected only {input}, found one more [input-unknown]',
    ),
    change_a_dtype: ('{key} input "{input}": {dtype}', "[input-dtype]"),
    change_a_rank: ('{key} output "{output}": expected float32', "[output-shape]"),
    drop_an_output: (
        '{key} output "{output}": expected it to be there, found nothing (what exists: {left}) '
        "[output-missing]",
    ),
    add_an_input: ('{key} input "image_size": expected only {input}, found one more',),
}


@pytest.fixture(params=["classifier", "detector"])
def version(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a published version."""
    fixture = {"classifier": "published", "detector": "published_detector"}[request.param]
    source = request.getfixturevalue(fixture)
    return Path(shutil.copytree(source, tmp_path / request.param / "1"))


def changed(file: bytes, change: Callable[..., None], *names: str) -> bytes:
    """Return a file whose stated signatures are changed; the graph is what it was."""
    metadata = read_metadata(file, SIGNATURES_METADATA)
    assert metadata is not None
    entries = flexbuffers.GetRoot(metadata).AsMap
    signatures = {
        key.AsKey: SignatureDef.FromString(value.AsStringBytes)
        for key, value in zip(entries.Keys, entries.Values, strict=True)
    }
    change(signatures, *names)
    model = schema.ModelT.InitFromPackedBuf(file, 0)
    model.metadata = [one for one in model.metadata if one.name != SIGNATURES_METADATA.encode()]
    return flatbuffer.add_serving_signatures(flatbuffer._packed(model, len(file)), signatures)


def serve(start_server: Callable[..., Any], version: Path, **options: Any) -> Any:
    return start_server(
        f"--model_name={version.parent.name}",
        f"--model_base_path={version.parent}",
        *("--runtime=litert", "--max_num_load_retries=-1"),
        cold=True,
        **options,
    )


def test_the_published_file_is_served(version: Path, start_server: Callable[..., Any]) -> None:
    assert serve(start_server, version).stop() == 0


def test_a_file_that_is_written_again_unchanged_is_served(
    version: Path, start_server: Callable[..., Any]
) -> None:
    file = version / "model.tflite"
    file.write_bytes(changed(file.read_bytes(), lambda *_: None))
    assert serve(start_server, version).stop() == 0


@pytest.mark.parametrize("change", MUTATIONS, ids=lambda change: change.__name__)
def test_one_change_is_refused(
    version: Path, start_server: Callable[..., Any], change: Callable[..., None]
) -> None:
    model, file = version.parent.name, version / "model.tflite"
    key, name, output, left = FILES[model]
    file.write_bytes(changed(file.read_bytes(), change, key, name, output))
    server = serve(start_server, version, wait=False)
    assert server.process.wait(PATIENCE_S) == 1
    assert "model.tflite does not fit contract.json: " in server.log
    for words in MUTATIONS[change]:
        assert (
            words.format(key=key, input=name, output=output, left=left, dtype=DTYPES[model])
            in server.log
        )


def test_another_class_order_is_refused(version: Path, start_server: Callable[..., Any]) -> None:
    file = version / "assets.extra" / "contract.json"
    contract = json.loads(file.read_text())
    names = contract["class_names"]
    contract["class_names"] = names[::-1]
    file.write_text(json.dumps(contract))
    server = serve(start_server, version, wait=False)
    assert server.process.wait(PATIENCE_S) == 1
    assert f"class order: expected {names[::-1]}, found {names} [class-order]" in server.log
