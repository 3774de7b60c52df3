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
from serving_config import contract as contracts
from serving_config import golden
from tests.running import PATIENCE_S

pytestmark = pytest.mark.training

SIDE = Path(__file__).with_name("tensorflow_side.py")


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


def test_its_contract_and_golden_vectors_belong_together(published: Path) -> None:
    contract = contracts.load(published)
    assert contract.class_names == ("brick", "grass", "gravel")
    cases = golden.load(published, contract)
    assert {case.signature for case in cases} == {"serving_default", "serving_bytes"}
    batches = {len(next(iter(case.inputs.values()))) for case in cases}
    assert 1 in batches
    assert max(batches) > 1
    for case in cases:
        assert case.outputs["probabilities"].sum(axis=1) == pytest.approx(1.0, abs=1e-5)
        for row in case.outputs["classes"]:
            assert [name.decode() for name in row] == list(contract.class_names)


def test_the_run_is_on_record(published: Path) -> None:
    run = json.loads((published / "assets.extra" / "run.json").read_text(encoding="utf-8"))
    assert run["settings"]["backbone"] == "mobilenet_v2"
    assert run["settings"]["image_size"] == 160
    assert run["weights"]["source"] in {"imagenet", "mirror"}
    assert len(run["weights"]["sha256"]) == 64
    head, top = run["phases"]
    assert head["history"][0].keys() >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert top["first_epoch"] == len(head["history"]) + 1
    assert run["data"]["training"][0].startswith("brick/")
    assert len(run["data"]["fingerprint"]) == 64


def test_two_classes_bad_files_and_a_second_version_from_scratch(
    export: Callable[..., Any], few: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(few / "brick", data / "brick")
    shutil.copytree(few / "grass", data / "grass")
    (data / "brick" / "empty.jpg").touch()
    (data / "brick" / "notes.txt").write_text("not an image", encoding="utf-8")
    (data / "grass" / "cut.jpg").write_bytes((data / "grass" / "0_0.jpg").read_bytes()[:400])
    (data / "grass" / "folder").mkdir()
    (data / "grass" / ".hidden").touch()
    arguments = ["classifier", "--data", data, "--out", tmp_path / "models"]
    ran = export(*arguments, "--image-size", "96", "--epochs", "2", "--fine-tune-epochs", "1")
    assert ran.code == 0, ran.err
    assert ran.result["version"] == 1
    assert ran.result["path"] == str(tmp_path / "models" / "classifier" / "1")
    assert ran.result["photographs"] == {"training": 16, "validation": 4, "skipped": 4}
    assert ran.result["phases"]["1"]["frozen_layers"] == 154
    # Two epochs make no stable head: phase 1 is published, and the result says why.
    assert ran.result["kept_phase"] == 1
    assert ran.result["fine_tuning"]["decision"] == "refused"
    (missing, *_) = ran.result["fine_tuning"]["missing"]
    assert "validation loss was still improving after 2 epochs" in missing
    assert "--force-fine-tune" in ran.err
    run = json.loads(Path(ran.result["path"], "assets.extra", "run.json").read_text())
    assert run["fine_tuning"] == ran.result["fine_tuning"]
    assert run["settings"]["policy"]["unfreezing"] == [15, 30, 50]
    assert run["skipped"]["brick/empty.jpg"] == "empty"
    for name, reason in (
        ("empty.jpg", "empty"),
        ("notes.txt", "not an image"),
        ("cut.jpg", "not an image"),
        ("folder", "not a file"),
    ):
        assert any(name in line and reason in line for line in ran.err.splitlines()), name
    assert "skipped 4 of 24 files" in ran.err
    cases = golden.load(Path(ran.result["path"]), contracts.load(Path(ran.result["path"])))
    for case in cases:
        assert case.outputs["logits"].shape[1] == 2
        assert not case.outputs["logits"][:, 0].any(), "a sigmoid's logit stands as [0, z]"

    scratch = export(*arguments, "--weights", "none", "--image-size", "32", "--epochs", "1")
    assert scratch.code == 0, scratch.err
    assert "training mobilenet_v2 from scratch" in scratch.err
    assert scratch.result["version"] == 2
    assert scratch.result["weights"]["source"] == "none"
    assert scratch.result["phases"]["1"]["frozen_layers"] == 0


def _without_folder(data: Path) -> None:
    shutil.rmtree(data / "brick")
    shutil.rmtree(data / "grass")


def _nested(data: Path) -> None:
    for path in list((data / "brick").iterdir()):
        path.unlink()
    (data / "brick" / "inner").mkdir()


def _all_unreadable(data: Path) -> None:
    for path in (data / "brick").iterdir():
        path.write_bytes(b"not an image")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, "no data set at"),
        (_without_folder, "at least two class folders (one a label), found gravel"),
        (_nested, "holds no photographs, only folders (inner)"),
        (_all_unreadable, "the class 'brick' has 0 usable photographs"),
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
    ran = export("classifier", "--data", data, "--out", tmp_path / "models", "--image-size", "32")
    assert ran.code == 1
    assert message in ran.err
    assert "Epoch" not in ran.err
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
        (["--backbone", "vgg"], 2, "no backbone 'vgg'; there are mobilenet_v2, resnet50,"),
        (["--epochs", "0"], 2, "epochs must be from 1 to 10000, received 0"),
        (["--epochs", "many"], 2, "invalid int value: 'many'"),
        (["--fine-tune-layers", "15,all"], 2, "invalid list of numbers value: '15,all'"),
        (["--fine-tune-layers", "154"], 2, "must start with 1 to 15 layers"),
        (["--augment", "flip,blur"], 2, "each of flip, brightness, contrast, zoom at most once"),
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


def test_features_computed_once_train_the_same_model(
    run_python: Callable[..., Any], few: Path, tmp_path: Path
) -> None:
    ran = run_python(SIDE, "train_both_ways", few, tmp_path)
    assert ran.code == 0, ran.err
    once, every_epoch = ran.result["trained"]
    assert once["frozen_layers"] == every_epoch["frozen_layers"] == [154, 144]
    assert once["steps"] == every_epoch["steps"]
    assert [step["unfrozen_layers"] for step in once["steps"][1]] == [5, 10]
    assert once["losses"][-1] < 0.5 * once["losses"][0], "nothing was learned"
    assert once["losses"] == pytest.approx(every_epoch["losses"], abs=1e-5)
    assert ran.result["head_apart"] < 1e-5
    assert ran.result["base_apart"] < 1e-5


def test_fine_tuning_that_does_harm_is_rolled_back_at_once(
    run_python: Callable[..., Any], few: Path, tmp_path: Path
) -> None:
    ran = run_python(SIDE, "harm", few, tmp_path)
    assert ran.code == 0, ran.err
    seen = ran.result
    assert seen["fine_tuning"]["rolled_back"]
    assert "rolled back: validation accuracy fell from" in seen["fine_tuning"]["reason"]
    assert seen["kept_phase"] == 1
    *before, last = (accuracy < seen["limit"] for accuracy in seen["accuracies"])
    assert last
    assert not any(before), "harm was trained further"
    assert seen["base_apart"] == 0, "not the weights before the first unfreezing"
    assert seen["head_apart"] == 0


def test_fine_tuning_leaves_the_statistics_of_the_base_alone(
    run_python: Callable[..., Any],
) -> None:
    ran = run_python(SIDE, "statistics")
    assert ran.code == 0, ran.err
    assert ran.result["phase_2"]["statistics"] == 0
    assert ran.result["phase_2"]["weights"] > 0
    assert ran.result["from_scratch"]["statistics"] > 0, "the test could not have failed"


def test_every_backbone_saves_folds_and_preprocesses_as_it_should(
    run_python: Callable[..., Any], tmp_path: Path
) -> None:
    ran = run_python(SIDE, "backbones", tmp_path)
    assert ran.code == 0, ran.err
    assert ran.result.keys() == {"mobilenet_v2", "resnet50", "efficientnet_b0"}
    for name, seen in ran.result.items():
        assert seen["reloaded_apart"] == 0.0, name
        assert seen["folded_apart"] < 1e-5, name
        assert seen["norms_left"] == 0, name
        assert seen["preprocessing_apart"] < 1e-4, name  # on values up to 255
        assert seen["trainable_in_base"] == 0, name
        assert seen["trainable_in_model"] == 2, name


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
    command += ["--image-size=32", "--weights=none", "--epochs=1"]
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
