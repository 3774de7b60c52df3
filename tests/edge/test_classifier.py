"""The TFLite files of a published classifier: what they carry, answer and cost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export.edge.interpreter import EdgeModel
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import ContractMismatchError
from tests.running import PATIENCE_S

FORMS = ("float32", "dynamic_range", "int8")


@pytest.fixture(scope="module")
def models(directory: Path) -> dict[str, EdgeModel]:
    return {form: EdgeModel(directory / f"{form}.tflite") for form in FORMS}


def test_everything_is_in_place_and_nothing_else(directory: Path) -> None:
    assert {p.name for p in directory.iterdir()} == {
        "contract.json",
        "golden.npz",
        "report.json",
        *(f"{form}.tflite" for form in FORMS),
    }
    assert [p.name for p in directory.parent.iterdir()] == ["1"], "something was left beside it"


@pytest.mark.parametrize("form", FORMS)
def test_a_file_has_the_signatures_of_its_contract(form: str, models: dict[str, EdgeModel]) -> None:
    model = models[form]
    assert model.contract.differences(model.signatures()) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_file_has_the_classes_of_its_version(
    form: str, models: dict[str, EdgeModel], published: Path
) -> None:
    kept, whole = models[form].contract, contracts.load(published)
    assert (kept.class_names, kept.bound) == (whole.class_names, whole.bound)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_takes_pixels_and_gives_numbers_alone(
    form: str, models: dict[str, EdgeModel], published: Path
) -> None:
    kept = models[form].contract
    assert list(kept.signatures) == ["serving_default"]
    signature = kept.signature("serving_default")
    assert signature.inputs == contracts.load(published).signature("serving_default").inputs
    assert list(signature.outputs) == ["probabilities", "logits"]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_says_what_it_was_made_of_and_does_not_carry(
    form: str, models: dict[str, EdgeModel]
) -> None:
    said = models[form].contract.parameters
    assert said["source_version"] == 1
    assert said["not_carried"].keys() == {"serving_bytes", "serving_default classes"}


def test_class_names_and_contract_travel_inside(directory: Path) -> None:
    with zipfile.ZipFile(directory / "int8.tflite") as archive:
        assert archive.read("labels.txt").decode().split() == ["brick", "grass", "gravel"]
        assert archive.read("contract.json") == (directory / "contract.json").read_bytes()


def test_float32_gives_the_golden_answers(
    models: dict[str, EdgeModel], directory: Path, made: dict[str, Any]
) -> None:
    model = models["float32"]
    cases = golden.load(directory / "golden.npz", model.contract)
    assert {len(case.inputs["input_tensor"]) for case in cases} > {1}, "batches too"
    worst: dict[str, float] = {}
    for case in cases:
        comparison = case.compare(model.run(case.inputs), model.contract)
        assert comparison.ok, comparison.differences
        for name, distance in comparison.distances.items():
            worst[name] = max(distance, worst.get(name, 0.0))
    assert made["forms"]["float32"]["max_distance"] == pytest.approx(worst, abs=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_any_size_and_batch_and_rows_that_sum_to_one(
    form: str, models: dict[str, EdgeModel], photographs: Path
) -> None:
    path = sorted((photographs / "grass").iterdir())[0]
    with Image.open(path) as file:
        large = np.asarray(file.convert("RGB"), np.uint8)
    one = models[form].run({"input_tensor": large[None]})
    assert one["probabilities"].dtype == np.float32
    np.testing.assert_allclose(one["probabilities"].sum(axis=1), 1, atol=1e-6)
    assert models[form].contract.class_names[one["probabilities"].argmax()] == "grass"
    pair = models[form].run({"input_tensor": np.stack([large, 255 - large])})
    np.testing.assert_allclose(pair["probabilities"].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(pair["logits"][:1], one["logits"], atol=1e-4)


@pytest.mark.parametrize(
    ("tensor", "complaint"),
    [
        (np.zeros((32, 32, 3), np.uint8), r"found uint8 \[32, 32, 3\]"),
        (np.zeros((1, 32, 32, 4), np.uint8), r"found uint8 \[1, 32, 32, 4\]"),
        (np.zeros((1, 32, 32, 3), np.float32), r"expected uint8 .*, found float32"),
        (np.zeros((0, 32, 32, 3), np.uint8), "every axis at least 1"),
    ],
)
def test_a_wrong_tensor_is_refused_with_what_was_expected(
    tensor: np.ndarray[Any, Any], complaint: str, models: dict[str, EdgeModel]
) -> None:
    with pytest.raises(ContractMismatchError, match=complaint):
        models["int8"].run({"input_tensor": tensor})


def test_the_report_is_what_the_command_said(made: dict[str, Any], directory: Path) -> None:
    assert json.loads((directory / "report.json").read_text()) == made


def test_the_ranges_are_of_as_many_training_images_as_asked_for(made: dict[str, Any]) -> None:
    assert made["data"].startswith("ranges from the run's training split")
    assert made["representative_images"] == 20


def test_the_figures_are_of_enough_images_and_calls(made: dict[str, Any]) -> None:
    assert made["images"] >= 30
    assert made["calls"] >= 200


@pytest.mark.parametrize("form", FORMS)
def test_the_size_of_a_file_is_in_the_report(
    form: str, made: dict[str, Any], directory: Path
) -> None:
    assert made["forms"][form]["bytes"] == (directory / f"{form}.tflite").stat().st_size


@pytest.mark.parametrize("form", FORMS)
def test_a_files_accuracy_stands_beside_the_originals(form: str, made: dict[str, Any]) -> None:
    figures, original = made["forms"][form], made["original"]
    loss = original["accuracy"] - figures["accuracy"]
    assert figures["accuracy_loss"] == pytest.approx(loss, abs=1e-6)
    assert figures["accuracy_loss"] <= 0.02


@pytest.mark.parametrize("form", FORMS)
def test_how_long_a_call_takes_is_in_the_report(form: str, made: dict[str, Any]) -> None:
    figures = made["forms"][form]
    assert 0 < figures["p50_ms"] <= figures["p95_ms"]


def test_int8_takes_less_than_a_third_of_the_room(made: dict[str, Any]) -> None:
    assert made["forms"]["int8"]["bytes"] < made["forms"]["float32"]["bytes"] / 3


def test_the_interpreter_side_never_loads_tensorflow(directory: Path) -> None:
    code = (
        "import sys, numpy as np, pathlib\n"
        "from export.edge.interpreter import EdgeModel\n"
        f"model = EdgeModel(pathlib.Path({str(directory / 'int8.tflite')!r}))\n"
        "model.run({'input_tensor': np.zeros((1, 9, 7, 3), np.uint8)})\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=PATIENCE_S)


def test_ranges_that_ruin_int8_are_refused_and_nothing_is_written(
    tflite: Callable[..., Any], published: Path, photographs: Path, tmp_path: Path
) -> None:
    # The first half of the files, all one grey, sets the ranges: real photographs overflow them.
    for folder in sorted(photographs.iterdir()):
        target = tmp_path / "data" / folder.name
        target.mkdir(parents=True)
        for index, path in enumerate(sorted(folder.iterdir())[:4]):
            Image.new("RGB", (32, 32), (120, 120, 120)).save(target / f"a{index}.png")
            shutil.copy(path, target / f"b{index}{path.suffix}")
    out = tmp_path / "out"
    ran = tflite("--model", published, "--out", out, "--data", tmp_path / "data", "--form", "int8")
    assert ran.code == 1
    assert "over the limit of 0.02 (--max-accuracy-loss)" in ran.err
    assert "images lost" in ran.err
    assert "no form keeps within it" in ran.err
    assert ran.out == ""
    assert list((out / "classifier").iterdir()) == []


def test_a_golden_answer_that_does_not_hold_is_refused(
    tflite: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    version = Path(shutil.copytree(published, tmp_path / "classifier" / "1"))
    golden_file = version / "assets.extra" / "golden.npz"
    with np.load(golden_file) as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays["serving_default/one/logits"][0, 0] += 1e-3
    np.savez(golden_file, **arrays)
    ran = tflite("--model", version, "--out", tmp_path / "out", "--form", "float32")
    assert ran.code == 1
    assert "float32.tflite breaks its contract" in ran.err
    assert 'serving_default/one output "logits" [0, 0]: expected the golden answer' in ran.err
    assert "within 0.0002 + 2e-05 of the value" in ran.err
    assert list((tmp_path / "out" / "classifier").iterdir()) == []


def test_what_exists_is_not_overwritten(
    tflite: Callable[..., Any], published: Path, directory: Path
) -> None:
    before = (directory / "report.json").stat()
    ran = tflite("--model", published, "--out", directory.parent.parent)
    assert ran.code == 1
    assert f"{directory} exists" in ran.err
    assert (directory / "report.json").stat() == before


def test_no_photographs_no_figures(
    tflite: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    (tmp_path / "data" / "cat").mkdir(parents=True)
    ran = tflite("--model", published, "--out", tmp_path / "out", "--data", tmp_path / "data")
    assert ran.code == 1
    assert "must be the model's classes (brick, grass, gravel)" in ran.err
    assert not (tmp_path / "out").exists()


def test_what_is_no_published_version_is_said(tflite: Callable[..., Any], tmp_path: Path) -> None:
    ran = tflite("--model", tmp_path, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "expected MODELS/<model>/<number>" in ran.err


def test_a_limit_that_is_no_share_is_wrong_usage(
    tflite: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    ran = tflite("--model", published, "--out", tmp_path, "--max-accuracy-loss", "2")
    assert ran.code == 2
    assert "must be a share from 0 to 1, received 2" in ran.err


def test_a_version_without_golden_vectors_is_refused(
    tflite: Callable[..., Any], published: Path, tmp_path: Path
) -> None:
    version = Path(shutil.copytree(published, tmp_path / "classifier" / "1"))
    (version / "assets.extra" / "golden.npz").unlink()
    ran = tflite("--model", version, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "carries no golden vectors" in ran.err
