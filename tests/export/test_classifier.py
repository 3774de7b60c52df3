"""``python -m export classifier``, from a folder of photographs to a published version."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from export import weights
from export.publish import versions
from signature_contract import contract as contracts
from signature_contract import golden
from tests.running import PATIENCE_S, Ran

pytestmark = pytest.mark.training

SIDE = Path(__file__).with_name("tensorflow_side.py")
BACKBONES = {"mobilenet_v2", "resnet50", "efficientnet_b0"}


def test_a_published_version_is_complete(published: Path) -> None:
    assert published.name == "1"
    assert sorted(p.name for p in published.parent.iterdir()) == ["1"], (
        "something was left beside it"
    )
    extra = {p.name for p in (published / "assets.extra").iterdir()}
    assert extra == {
        "contract.json",
        "golden.npz",
        "lineage.json",
        "model.keras",
        "run.json",
        "tf_serving_warmup_requests",
    }
    # A server under another user must be able to read it.
    for path in [published, *published.rglob("*")]:
        assert path.stat().st_mode & 0o044 == 0o044, path


@pytest.fixture(scope="module")
def cases(published: Path) -> list[golden.GoldenCase]:
    return golden.load(published, contracts.load(published))


def test_its_contract_has_the_class_folders_names(published: Path) -> None:
    assert contracts.load(published).class_names == ("brick", "grass", "gravel")


def test_its_golden_vectors_are_of_both_signatures(cases: list[golden.GoldenCase]) -> None:
    assert {case.signature for case in cases} == {"serving_default", "serving_bytes"}


def test_its_golden_vectors_are_of_one_image_and_of_several(
    cases: list[golden.GoldenCase],
) -> None:
    batches = {len(next(iter(case.inputs.values()))) for case in cases}
    assert 1 in batches
    assert max(batches) > 1


def test_its_golden_answers_are_probabilities_of_its_classes(
    published: Path, cases: list[golden.GoldenCase]
) -> None:
    names = list(contracts.load(published).class_names)
    for case in cases:
        assert case.outputs["probabilities"].sum(axis=1) == pytest.approx(1.0, abs=1e-5)
        for row in case.outputs["classes"]:
            assert [name.decode() for name in row] == names


@pytest.fixture(scope="module")
def record(published: Path) -> dict[str, Any]:
    """What the published version carries of its run."""
    text = (published / "assets.extra" / "run.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_settings_are_on_record(record: dict[str, Any]) -> None:
    settings = record["settings"]
    assert settings | {"backbone": "mobilenet_v2", "image_size": 160} == settings


def test_where_the_weights_came_from_is_on_record(record: dict[str, Any]) -> None:
    assert record["weights"]["source"] in {"imagenet", "mirror"}
    assert len(record["weights"]["sha256"]) == 64


def test_every_epoch_of_both_phases_is_on_record(record: dict[str, Any]) -> None:
    head, top = record["phases"]
    assert head["history"][0].keys() >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert top["first_epoch"] == len(head["history"]) + 1


def test_the_photographs_are_on_record(record: dict[str, Any]) -> None:
    assert record["data"]["training"][0].startswith("brick/")
    assert len(record["data"]["fingerprint"]) == 64


# What is no photograph, and why.
NO_PHOTOGRAPHS = {
    "brick/empty.jpg": "empty",
    "brick/scan.jpg": "a BMP file named .jpg; convert it to JPEG or PNG",
    "grass/cut.jpg": "a JPEG file that is cut off or broken",
    "grass/gone.png": "cannot be read (No such file or directory)",
}


@pytest.fixture(scope="module")
def two_classes(few: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    """The arguments of a training on ten photographs of each of two classes, among other files."""
    home = tmp_path_factory.mktemp("two")
    data = home / "data"
    shutil.copytree(few / "brick", data / "brick")
    shutil.copytree(few / "grass", data / "grass")
    (data / "brick" / "empty.jpg").touch()
    (data / "brick" / "notes.txt").write_text("not an image", encoding="utf-8")
    (data / "brick" / "scan.jpg").write_bytes(b"BM" + bytes(100))
    (data / "grass" / "gone.png").symlink_to(home / "nowhere")
    (data / "grass" / "cut.jpg").write_bytes((data / "grass" / "0_0.jpg").read_bytes()[:400])
    (data / "grass" / "inner" / "@eaDir").mkdir(parents=True)
    (data / "grass" / "0_0.jpg").rename(data / "grass" / "inner" / "0_0.jpg")
    shutil.copy(data / "brick" / "0_0.jpg", data / "grass" / "inner" / "@eaDir" / "small.jpg")
    (data / "grass" / ".hidden").touch()
    return ["classifier", "--max-skipped=0.2", "--data", data, "--out", home / "models"]


@pytest.fixture(scope="module")
def two_epochs(export: Callable[..., Ran], two_classes: list[str | Path]) -> Ran:
    """Version 1, from pretrained weights: two epochs make no stable head."""
    ran = export(
        *two_classes, "--image-size=96", "--epochs=2", "--fine-tune-epochs=1", "--allow-baseline"
    )
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture(scope="module")
def from_scratch(
    export: Callable[..., Ran],
    two_classes: list[str | Path],
    two_epochs: Ran,  # noqa: ARG001  # there is a version 1
) -> Ran:
    """Version 2, without pretrained weights."""
    quick = ["--weights=none", "--image-size=32", "--epochs=1", "--no-tflite"]
    ran = export(*two_classes, *quick, "--allow-baseline")
    assert ran.code == 0, ran.err
    return ran


def test_the_result_says_what_was_published_from_what(
    two_classes: list[str | Path], two_epochs: Ran
) -> None:
    result = two_epochs.result
    expected = {
        "version": 1,
        "path": str(Path(two_classes[-1]) / "classifier" / "1"),
        "photographs": {"training": 16, "validation": 4, "skipped": 4},
    }
    assert {name: result[name] for name in expected} == expected


def test_a_pretrained_base_is_frozen_at_first(two_epochs: Ran) -> None:
    assert two_epochs.result["phases"]["1"]["frozen_layers"] == 154


def test_a_head_that_is_not_stable_is_published_without_fine_tuning(two_epochs: Ran) -> None:
    assert two_epochs.result["kept_phase"] == 1
    assert two_epochs.result["fine_tuning"]["decision"] == "refused"


def test_why_there_was_no_fine_tuning_is_said_and_how_to_force_it(two_epochs: Ran) -> None:
    missing = "\n".join(two_epochs.result["fine_tuning"]["missing"])
    assert "validation loss was still improving after 2 epochs" in missing
    assert "4 validation photographs, must be at least 20" in missing
    assert "--force-fine-tune" in two_epochs.err


def test_the_decision_about_fine_tuning_is_on_record(two_epochs: Ran) -> None:
    run = json.loads(Path(two_epochs.result["path"], "assets.extra", "run.json").read_text())
    assert run["fine_tuning"] == two_epochs.result["fine_tuning"]
    assert run["settings"]["policy"]["unfreezing"] == [15, 30, 50]


def test_files_that_are_no_photographs_are_on_record(two_epochs: Ran) -> None:
    run = json.loads(Path(two_epochs.result["path"], "assets.extra", "run.json").read_text())
    assert run["skipped"].keys() == NO_PHOTOGRAPHS.keys()
    assert run["skipped"]["brick/empty.jpg"] == "empty"


@pytest.mark.parametrize("file", NO_PHOTOGRAPHS)
def test_a_file_that_is_no_photograph_is_named_with_the_reason(two_epochs: Ran, file: str) -> None:
    name, reason = Path(file).name, NO_PHOTOGRAPHS[file]
    assert any(name in line and reason in line for line in two_epochs.err.splitlines())


def test_files_that_are_no_photographs_are_counted(two_epochs: Ran) -> None:
    assert "skipped 4 photographs" in two_epochs.err
    assert "other files, not looked at: 1 .txt" in two_epochs.err


def test_two_classes_have_two_logits_and_the_first_is_0(two_epochs: Ran) -> None:
    version = Path(two_epochs.result["path"])
    for case in golden.load(version, contracts.load(version)):
        assert case.outputs["logits"].shape[1] == 2
        assert not case.outputs["logits"][:, 0].any(), "a sigmoid's logit stands as [0, z]"


def test_a_second_training_publishes_the_next_version(from_scratch: Ran) -> None:
    assert from_scratch.result["version"] == 2


def test_without_pretrained_weights_every_layer_is_trained(from_scratch: Ran) -> None:
    assert "training mobilenet_v2 from scratch" in from_scratch.err
    assert from_scratch.result["weights"]["source"] == "none"
    assert from_scratch.result["phases"]["1"]["frozen_layers"] == 0


def _without_folder(data: Path) -> None:
    shutil.rmtree(data / "brick")
    shutil.rmtree(data / "grass")


def _without_photographs(data: Path) -> None:
    for path in list((data / "brick").iterdir()):
        path.unlink()
    (data / "brick" / "inner").mkdir()


def _all_cut_off(data: Path) -> None:
    for path in (data / "brick").iterdir():
        path.write_bytes(path.read_bytes()[:300])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, "no data set at"),
        (_without_folder, "at least two class folders (one a label), found gravel"),
        (_without_photographs, "has no photographs (JPEG or PNG) and needs at least 2"),
        (_all_cut_off, "the class 'brick' has 0 usable photographs"),
    ],
)
def test_a_data_set_that_cannot_work_is_refused_before_training(
    export: Callable[..., Any],
    few: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    message: str,
) -> None:
    data = tmp_path / "data"
    shutil.copytree(few, data)
    change(data)
    out = tmp_path / "models"
    rules = ("--image-size=32", "--max-skipped=1")
    ran = export("classifier", "--data", data, "--out", out, *rules)
    assert ran.code == 1
    assert message in ran.err
    assert "epoch 1 of" not in ran.err
    assert "Traceback" not in ran.err
    assert not ran.out
    assert not list((tmp_path / "models").glob("classifier/*"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["--image-size", "31"],
            2,
            "--image-size must be at least 32 for mobilenet_v2, received 31",
        ),
        (["--backbone", "vgg"], 2, "no backbone 'vgg'; tested are mobilenet_v2, resnet50,"),
        (["--epochs", "0"], 2, "epochs must be from 1 to 10000, received 0"),
        (["--epochs", "many"], 2, "invalid int value: 'many'"),
        (["--fine-tune-layers", "15,all"], 2, "invalid list of numbers value: '15,all'"),
        (["--fine-tune-layers", "154"], 2, "must start with 1 to 15 layers"),
        (["--augment", "flip,blur"], 2, "each of flip, brightness, contrast, zoom, crop"),
        (["--weights", "nowhere.h5"], 1, "no weights file at nowhere.h5"),
        (["--weights", __file__], 1, "does not hold weights for"),
        (["--out", __file__], 1, "test_classifier.py is not writable"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_training(
    export: Callable[..., Any],
    few: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    ran = export("classifier", "--data", few, "--out", tmp_path / "models", *arguments)
    assert ran.code == code, ran.err
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert not list((tmp_path / "models").glob("classifier/*"))


@pytest.fixture(scope="module")
def both_ways(
    run_python: Callable[..., Ran], few: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """A training with the features computed once (``trained[0]``) and with every epoch."""
    ran = run_python(SIDE, "train_both_ways", few, tmp_path_factory.mktemp("both"))
    assert ran.code == 0, ran.err
    return ran.result


def test_features_computed_once_leave_the_steps_as_they_are(both_ways: dict[str, Any]) -> None:
    once, every_epoch = both_ways["trained"]
    assert once["frozen_layers"] == every_epoch["frozen_layers"] == [154, 144]
    assert once["steps"] == every_epoch["steps"]


def test_layers_are_unfrozen_step_by_step(both_ways: dict[str, Any]) -> None:
    once, _ = both_ways["trained"]
    assert [step["unfrozen_layers"] for step in once["steps"][1]] == [5, 10]


def test_features_computed_once_train_with_the_same_losses(both_ways: dict[str, Any]) -> None:
    once, every_epoch = both_ways["trained"]
    assert once["losses"][-1] < 0.5 * once["losses"][0], "nothing was learned"
    assert once["losses"] == pytest.approx(every_epoch["losses"], abs=1e-5)


@pytest.mark.parametrize("part", ["head", "base"])
def test_features_computed_once_train_the_same_weights(
    both_ways: dict[str, Any], part: str
) -> None:
    assert both_ways[f"{part}_apart"] < 1e-5


@pytest.fixture(scope="module")
def harmed(
    run_python: Callable[..., Ran], few: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What came of a fine-tuning that does harm."""
    ran = run_python(SIDE, "harm", few, tmp_path_factory.mktemp("harm"))
    assert ran.code == 0, ran.err
    return ran.result


def test_fine_tuning_that_does_harm_is_rolled_back(harmed: dict[str, Any]) -> None:
    assert harmed["fine_tuning"]["rolled_back"]
    assert "rolled back: validation accuracy fell from" in harmed["fine_tuning"]["reason"]
    assert harmed["kept_phase"] == 1


def test_fine_tuning_that_does_harm_ends_at_once(harmed: dict[str, Any]) -> None:
    *before, last = (accuracy < harmed["limit"] for accuracy in harmed["accuracies"])
    assert last
    assert not any(before), "harm was trained further"


def test_fine_tuning_whose_loss_is_no_number_is_rolled_back(harmed: dict[str, Any]) -> None:
    found = harmed["overflow"]
    assert found["fine_tuning"]["rolled_back"]
    reason = found["fine_tuning"]["reason"]
    assert reason.startswith("rolled back: the loss is not a number: loss ")
    assert "in epoch 2, step " in reason
    assert (found["kept_phase"], found["phases"], found["head_apart"]) == (1, 1, 0)
    assert set(found["batch_norm"]["shifts"]) == {"1", "2"}, "what it did is on record"


@pytest.mark.parametrize("part", ["head", "base"])
def test_rolled_back_the_weights_are_those_before_the_first_unfreezing(
    harmed: dict[str, Any], part: str
) -> None:
    assert harmed[f"{part}_apart"] == 0


def test_fine_tuning_leaves_the_statistics_of_the_base_alone(
    run_python: Callable[..., Any],
) -> None:
    ran = run_python(SIDE, "statistics")
    assert ran.code == 0, ran.err
    assert ran.result["phase_2"]["statistics"] == 0
    assert ran.result["phase_2"]["weights"] > 0
    assert ran.result["from_scratch"]["statistics"] > 0, "the test could not have failed"


@pytest.fixture(scope="module")
def backbones(
    run_python: Callable[..., Ran], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What was measured of each backbone."""
    ran = run_python(SIDE, "backbones", tmp_path_factory.mktemp("backbones"))
    assert ran.code == 0, ran.err
    return ran.result


@pytest.fixture(scope="module")
def applications(run_python: Callable[..., Ran]) -> dict[str, Any]:
    """What Keras says of the backbones that are not tested one by one."""
    ran = run_python(SIDE, "applications")
    assert ran.code == 0, ran.err
    return ran.result


def test_every_backbones_preprocessing_is_the_one_keras_publishes_with_it(
    applications: dict[str, Any],
) -> None:
    assert len(applications["checked"]) == 40
    assert {"mobilenet_v2", "VGG16", "ConvNeXtTiny", "NASNetLarge"} < set(applications["checked"])


def test_bases_are_divided_where_keras_can_divide_them(applications: dict[str, Any]) -> None:
    assert len(applications["divided"]) == 6
    for ours, kerass in applications["divided"].values():
        assert ours == kerass


def test_there_are_three_backbones(backbones: dict[str, Any]) -> None:
    assert backbones.keys() == BACKBONES


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_saved_backbone_is_the_same_when_it_is_loaded(
    backbones: dict[str, Any], name: str
) -> None:
    assert backbones[name]["reloaded_apart"] == 0.0


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_folded_backbone_has_no_norms_and_answers_as_before(
    backbones: dict[str, Any], name: str
) -> None:
    assert backbones[name]["folded_apart"] < 1e-5
    assert backbones[name]["norms_left"] == 0


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_backbone_gets_the_preprocessing_it_was_trained_with(
    backbones: dict[str, Any], name: str
) -> None:
    assert backbones[name]["preprocessing_apart"] < 1e-4  # on values up to 255


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_with_a_frozen_backbone_only_the_head_is_trained(
    backbones: dict[str, Any], name: str
) -> None:
    assert backbones[name]["trainable_in_base"] == 0
    assert backbones[name]["trainable_in_model"] == 2


@pytest.fixture
def silent_host() -> Iterator[str]:
    """URL of a host that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/weights.h5"


def test_a_silent_download_host_counts_as_out_of_reach(silent_host: str) -> None:
    assert not weights.reachable(silent_host, timeout_s=0.3)


def test_a_host_that_answers_anything_is_in_reach() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            assert weights.reachable(f"http://127.0.0.1:{listener.getsockname()[1]}/x.h5")
        finally:
            thread.join()


def test_killed_in_the_middle_of_a_publish_nothing_is_published(few: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    command = [sys.executable, "-m", "export", "classifier", f"--data={few}", f"--out={models}"]
    command += ["--image-size=32", "--weights=none", "--epochs=1", "--allow-baseline"]
    with subprocess.Popen(command, cwd=SIDE.parents[2], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + PATIENCE_S
        while not list(models.glob("classifier/.staging-*/version/saved_model.pb")):
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    names = {path.name.split("-")[0] for path in (models / "classifier").iterdir()}
    assert names == {".staging", ".work"}, "a server would take others for versions"
    assert versions(models / "classifier") == []
