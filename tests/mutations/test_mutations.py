"""Change one thing in a model; every side must notice before it matters.

The promise of the contract, side by side: the exporter's verification, the server's metadata, the
Python client, Java with the model embedded, and the Java client. Each is shown the published
version (and accepts it) and the same version with one thing changed (and refuses it, naming it):
a classifier's and a detector's. A detector's answers do not name their classes, so only the
classifier has a mutant in which they stand in another order.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import protos
from python_client import VisionClient
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import ContractMismatchError
from signature_contract.golden import GoldenCase
from tests.running import PATIENCE_S, run_python

DT_FLOAT = 1

DROPPED = {"classifier": "logits", "detector": "num_detections"}

Signatures = Any  # the map of SignatureDef messages in a meta graph


def rename_the_key(signatures: Signatures) -> None:
    signatures["predict"].CopyFrom(signatures["serving_default"])
    del signatures["serving_default"]


def rename_an_input(signatures: Signatures) -> None:
    inputs = signatures["serving_default"].inputs
    inputs["input_1"].CopyFrom(inputs["input_tensor"])
    del inputs["input_tensor"]


def change_a_dtype(signatures: Signatures) -> None:
    signatures["serving_default"].inputs["input_tensor"].dtype = DT_FLOAT


def change_a_rank(signatures: Signatures) -> None:
    signatures["serving_bytes"].inputs["image_bytes"].tensor_shape.dim.add(size=1)


def drop_an_output(signatures: Signatures) -> None:
    outputs = signatures["serving_bytes"].outputs
    del outputs[next(name for name in DROPPED.values() if name in outputs)]


def add_an_input(signatures: Signatures) -> None:
    inputs = signatures["serving_default"].inputs
    inputs["image_size"].CopyFrom(inputs["input_tensor"])


# What each changes, and the differences that every side must name, whole and in this order.
MUTATIONS: dict[Callable[[Signatures], None], tuple[str, ...]] = {
    rename_the_key: (
        'signature "serving_default": expected it to be there, found nothing '
        "(what exists: predict, serving_bytes) [signature-missing]",
        'signature "predict": expected only serving_default, serving_bytes, found one more '
        "[signature-unknown]",
    ),
    rename_an_input: (
        'serving_default input "input_tensor": expected it to be there, found nothing '
        "(what exists: input_1) [input-missing]",
        'serving_default input "input_1": expected only input_tensor, found one more '
        "[input-unknown]",
    ),
    change_a_dtype: (
        'serving_default input "input_tensor": expected uint8 [-1, -1, -1, 3], '
        "found float32 [-1, -1, -1, 3] [input-dtype]",
    ),
    change_a_rank: (
        'serving_bytes input "image_bytes": expected string [-1], found string [-1, 1] '
        "[input-shape]",
    ),
    drop_an_output: (
        'serving_bytes output "{dropped}": expected it to be there, found nothing '
        "(what exists: {left}) [output-missing]",
    ),
    add_an_input: (
        'serving_default input "image_size": expected only input_tensor, found one more '
        "[input-unknown]",
    ),
}
LEFT = {
    "classifier": "classes, probabilities",
    "detector": "detection_boxes, detection_classes, detection_scores",
}
NAMES = ["brick", "grass", "gravel"]
CLASS_ORDER = f"class order: expected {NAMES}, found {NAMES[::-1]} [class-order]"


@pytest.fixture(scope="module", params=["classifier", "detector"])
def model(request: pytest.FixtureRequest) -> str:
    """The model whose versions are changed."""
    return str(request.param)


@pytest.fixture(scope="module")
def mutants(
    model: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """The published version under its own name, and its mutants by the name of the change.

    ``class_order`` is a classifier whose columns stand in another order than its contract says.
    """
    published = request.getfixturevalue(
        {"classifier": "published", "detector": "published_detector"}[model]
    )
    home = tmp_path_factory.mktemp("mutants")
    names = [model, *(change.__name__ for change in MUTATIONS)]
    if model == "classifier":
        names.append("class_order")
    versions = {name: Path(shutil.copytree(published, home / name / "1")) for name in names}
    for change in MUTATIONS:
        file = versions[change.__name__] / "saved_model.pb"
        saved_model = protos.SavedModel.FromString(file.read_bytes())
        change(saved_model.meta_graphs[0].signature_def)
        file.write_bytes(saved_model.SerializeToString())
    if model == "classifier":
        file = versions["class_order"] / "saved_model.pb"
        _write_classes_in_another_order(file, file.read_bytes())
    return versions


def _write_classes_in_another_order(file: Path, saved_model: bytes) -> None:
    document = protos.SavedModel.FromString(saved_model)
    names = [name.encode() for name in NAMES]
    graph = document.meta_graphs[0].graph_def
    nodes = [node for function in graph.library.function for node in function.node_def]
    changed = 0
    for node in [*graph.node, *nodes]:
        tensor = node.attr["value"].tensor if "value" in node.attr else None
        if tensor is not None and list(tensor.string_val) == names:
            tensor.string_val[:] = reversed(names)
            changed += 1
    assert changed, "the graph holds the class names somewhere else"
    file.write_bytes(document.SerializeToString())


@pytest.fixture(scope="module")
def target(
    mutants: Mapping[str, Path],
    start_server: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """A server that hosts all of them, each under its own name."""
    config = tmp_path_factory.mktemp("mutants_config") / "models.config"
    entries = "".join(
        f'config {{ name: "{name}" base_path: "{path.parent}" model_platform: "tensorflow" }}\n'
        for name, path in mutants.items()
    )
    config.write_text(f"model_config_list {{\n{entries}}}\n", encoding="utf-8")
    # Warm-up requests of the published version would not fit its mutants.
    server = start_server(f"--model_config_file={config}", "--enable_model_warmup=false")
    return str(server.target)


@pytest.fixture(scope="module")
def image(mutants: Mapping[str, Path], model: str) -> bytes:
    """One encoded photograph."""
    encoded = next(case for case in cases_of(mutants[model]) if str(case) == "serving_bytes/one")
    return bytes(encoded.inputs["image_bytes"][0])


def cases_of(version: Path) -> list[GoldenCase]:
    """Return the golden requests of a version."""
    return golden.load(version, contracts.load(version))


def refused_by_exporter(path: Path) -> str:
    """Return the differences that ``python -m export verify`` logs, empty when it accepts."""
    ran = run_python("-m", "export", "verify", path)
    assert ran.code == (0 if ran.result["ok"] else 1), ran.err
    return "\n".join(line for line in ran.err.splitlines() if line.startswith("E "))


def refused_by_python(target: str, name: str, contract: Path) -> str:
    """Return the client's refusal, empty when it accepts."""
    with VisionClient(target, model=name, contract=contract, timeout_s=PATIENCE_S) as client:
        try:
            client.check_contract()
        except ContractMismatchError as err:
            return str(err)
    return ""


def breaks(subject: str, differences: Sequence[str]) -> str:
    """Return the message of a refusal."""
    return "\n".join([f"{subject} breaks its contract:", *(f"  - {one}" for one in differences)])


def test_the_published_version_is_accepted_by_all(
    mutants: Mapping[str, Path], model: str, target: str, java: Any, image: bytes
) -> None:
    version = mutants[model]
    assert not refused_by_exporter(version)
    assert not refused_by_python(target, model, version)
    assert java.refusal("check_version", version) is None
    assert java.refusal("check_server", target, image, version, model) is None


@pytest.mark.parametrize("change", MUTATIONS, ids=lambda change: change.__name__)
def test_one_change_is_refused_by_all(
    mutants: Mapping[str, Path],
    model: str,
    target: str,
    java: Any,
    image: bytes,
    change: Callable[[Signatures], None],
) -> None:
    name = change.__name__
    mutant, contract = mutants[name], mutants[model]
    differences = [
        text.format(dropped=DROPPED[model], left=LEFT[model]) for text in MUTATIONS[change]
    ]
    with VisionClient(target, model=name, timeout_s=PATIENCE_S) as client:
        declared = client.metadata().signatures
    found = {
        **refusals_of(mutant, contract, target, java, image),
        "server metadata": [str(one) for one in contracts.load(contract).differences(declared)],
    }
    mismatch, served = "ContractMismatchException:", f'the model "{name}" at {target}'
    assert found == {
        "exporter": "\n".join(f"E {one}" for one in differences),
        "Python client": breaks(f'{target}, model "{name}" version 1', differences),
        "Java, embedded": f"{mismatch} {breaks(str(mutant), differences)}",
        "Java client": f"{mismatch} {breaks(served, differences)}",
        "server metadata": differences,
    }


@pytest.mark.parametrize("model", ["classifier"], indirect=True)
def test_another_class_order_is_refused_by_all(
    mutants: Mapping[str, Path], model: str, target: str, java: Any, image: bytes
) -> None:
    """The server's metadata cannot tell: a signature does not say what a column means."""
    mutant, contract = mutants["class_order"], mutants[model]
    mismatch, differences = "ContractMismatchException:", [CLASS_ORDER]
    answer = "the server's answer"
    probe = f"the answer of {mutant} to a probe image, serving_default"
    assert refusals_of(mutant, contract, target, java, image) == {
        "exporter": "\n".join(f"E {one}" for one in _class_order_differences(contract)),
        "Python client": breaks(
            f'{target}, model "class_order" version 1', [f"serving_default {CLASS_ORDER}"]
        ),
        "Java, embedded": f"{mismatch} {breaks(probe, differences)}",
        "Java client": f"{mismatch} {breaks(answer, differences)}",
    }


def _class_order_differences(version: Path) -> Iterator[str]:
    """Yield what verification finds: in each golden answer, and in what saved_model_cli says."""
    for case in cases_of(version):
        yield _other_classes(f"{case}", case)
        yield f"{case} {CLASS_ORDER}"
    for case in cases_of(version):
        if case.name == "one":
            yield _other_classes(f"saved_model_cli run {case}", case)
            yield f"saved_model_cli run {case} {CLASS_ORDER}"


def _other_classes(where: str, case: GoldenCase) -> str:
    rows = len(case.outputs["classes"])
    wanted, found = [NAMES] * rows, [NAMES[::-1]] * rows
    return f'{where} output "classes": expected {wanted}, found {found} [golden-answer]'


def refusals_of(
    mutant: Path, contract: Path, target: str, java: Any, image: bytes
) -> dict[str, Any]:
    """Ask every side about a mutant; its name on the server is that of its directory."""
    name = mutant.parent.name
    return {
        "exporter": refused_by_exporter(mutant),
        "Python client": refused_by_python(target, name, contract),
        "Java, embedded": java.refusal("check_version", mutant),
        "Java client": java.refusal("check_server", target, image, contract, name),
    }
