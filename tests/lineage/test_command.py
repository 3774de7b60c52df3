"""``python -m export lineage``: from a trained, published, served version back to its run."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import LineageError, SettingsError
from export.lineage import arguments, command
from export.lineage.address import file_url
from export.lineage.mlflow_mirror import MlflowMirror
from export.lineage.recording import Recording
from export.lineage.schema import Experiment, Status
from export.lineage.store import Store
from signature_contract.version_files import LINEAGE_FILE
from tests import running
from tests.running import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]


def lineage(*words: str | Path) -> dict[str, Any]:
    """Run the command in this process, which is quicker than in one of its own."""
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return command.main(parser.parse_args([*map(str, words)]))


def run_export(*words: str | Path) -> tuple[int, dict[str, Any], str]:
    """Run it as a user does; return exit code, result and what people read."""
    ran = running.run_export(*words)
    return ran.code, ran.result if ran.out else {}, ran.err


@pytest.fixture(scope="module")
def models(published: Path) -> Path:
    """``MODELS`` with one published classifier and its store."""
    return published.parent.parent


@pytest.fixture(scope="module")
def experiment(models: Path) -> Experiment:
    """The run that published it."""
    return Store.open(file_url(models)).experiments("classifier", 1)[0]


def carried_by(version: Path) -> dict[str, Any]:
    text = (version / "assets.extra" / LINEAGE_FILE).read_text(encoding="utf-8")
    row: dict[str, Any] = json.loads(text)
    return row


@pytest.fixture(scope="module")
def record(published: Path) -> dict[str, Any]:
    """What the published version carries of its run."""
    text = (published / "assets.extra" / "run.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_published_run_has_every_column(
    published: Path, experiment: Experiment, record: dict[str, Any]
) -> None:
    kept = record["phases"][record["kept_phase"] - 1]
    steps = record["phases"][1]["steps"] if len(record["phases"]) > 1 else []
    expected = {
        "status": Status.PUBLISHED,
        "base_architecture": "mobilenet_v2",
        "pretrained_weights": record["weights"]["source"],
        "pretrained_weights_sha256": record["weights"]["sha256"],
        "frozen_layers_count": kept["frozen_layers"],
        "final_accuracy": pytest.approx(kept["accuracy"]),
        "accuracy_metric": "accuracy",
        "phase_policy": record["settings"]["policy"],
        "data_fingerprint": record["data"]["fingerprint"],
        "seed": 0,
        "published_version": 1,
        "published_path": str(published),
        "fine_tuning_start_epoch": steps[0]["first_epoch"] if steps else None,
        "learning_rate_phase2": steps[0]["learning_rate"] if steps else None,
    }
    assert {column: getattr(experiment, column) for column in expected} == expected


def test_a_published_run_says_which_tensorflow_trained_it(experiment: Experiment) -> None:
    assert experiment.library_versions["tensorflow"].startswith("2.21")


def test_a_published_run_says_how_long_it_took(
    experiment: Experiment, record: dict[str, Any]
) -> None:
    assert experiment.duration_s and experiment.duration_s > record["seconds"] / 2


def test_the_version_carries_its_record(published: Path, experiment: Experiment) -> None:
    carried, row = carried_by(published), experiment.to_json()
    unknown = {"published_version", "published_path", "finished_at", "duration_s"}
    assert {name for name in row if row[name] != carried[name]} <= unknown
    assert carried["published_version"] is None, "the directory's name says it"


def test_list_shows_a_run_to_programs_and_to_people(models: Path, experiment: Experiment) -> None:
    code, result, table = run_export("lineage", "list", "--models", models)
    assert code == 0
    assert [run["model_id"] for run in result["experiments"]] == [experiment.model_id]
    assert experiment.model_id[:8] in table and "published" in table


def test_list_can_be_of_one_model(models: Path) -> None:
    assert lineage("list", "--models", models, "--model", "detector")["experiments"] == []


def test_show_has_all_of_a_run(
    models: Path, experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lineage("show", experiment.model_id[:8], "--models", models)
    assert shown["experiment"] == experiment.to_json()
    assert experiment.pretrained_weights_sha256 in capsys.readouterr().err


def test_diff_names_what_went_in_and_what_came_out(tmp_path: Path) -> None:
    ids = []
    for seed, size in ((0, 160), (1, 96)):
        settings = {"backbone": "mobilenet_v2", "seed": seed, "image_size": size, "epochs": 5}
        with Recording().run("classifier", settings, tmp_path) as run:
            run.published(seed + 1, tmp_path / str(seed))
        ids.append(run.model_id)
    result = lineage("diff", *ids, "--models", tmp_path)
    assert result["differences"] == {
        "seed": [0, 1],
        "settings.seed": [0, 1],
        "settings.image_size": [160, 96],
    }


def test_which_store_must_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISION_FORGE_LINEAGE", raising=False)
    with pytest.raises(SettingsError, match="--models DIR, or the store with --lineage URL"):
        lineage("list")
    with pytest.raises(LineageError, match="no store at"):
        lineage("list", "--models", tmp_path)


def test_served_finds_the_run_among_others_with_its_number(
    experiment: Experiment, classifier_server: str, tmp_path: Path
) -> None:
    # Another MODELS directory's classifier 1, newer, in the same store.
    url = f"sqlite:///{tmp_path / 'lineage.db'}"
    store = Store.open(url)
    store.save(Experiment.from_json(experiment.to_json()))
    with Recording(url).run("classifier", experiment.settings, tmp_path) as other:
        other.published(1, tmp_path / "classifier" / "1")
    assert len(store.experiments("classifier", 1)) == 2

    code, result, table = run_export(
        "lineage", "served", "--server", classifier_server, "--lineage", url
    )
    assert code == 0, table
    (served,) = result["served"]  # it has no detector
    assert (served["model"], served["version"]) == ("classifier", 1)
    assert served["experiment"] == experiment.to_json()
    assert served["golden_distance"] <= 1e-5
    assert "it answers as recorded" in table


def test_served_says_when_the_answers_are_not_the_versions(
    published: Path, experiment: Experiment, classifier_server: str, tmp_path: Path
) -> None:
    # The recorded place now holds other golden answers, as if the version had been replaced.
    version = tmp_path / "classifier" / "1"
    (version / "assets.extra").mkdir(parents=True)
    for name in ("contract.json", "golden.npz"):
        shutil.copy(published / "assets.extra" / name, version / "assets.extra")
    golden = version / "assets.extra" / "golden.npz"
    with np.load(golden) as arrays:
        changed = {
            name: value[..., ::-1] if name.endswith("probabilities") else value
            for name, value in arrays.items()
        }
    np.savez(golden, **changed)
    row = {**experiment.to_json(), "published_path": str(version)}
    Store.open(file_url(tmp_path)).save(Experiment.from_json(row))
    code, result, table = run_export(
        "lineage", "served", "--server", classifier_server, "--models", tmp_path
    )
    assert code == 1
    assert result["ok"] is False
    assert "answers otherwise" in table


def test_served_does_not_guess(
    experiment: Experiment, classifier_server: str, tmp_path: Path
) -> None:
    # Same model, same number, another run: the only candidate, and still not the answer.
    with Recording().run("classifier", experiment.settings, tmp_path) as other:
        other.published(1, tmp_path / "classifier" / "1")
    code, _, said = run_export(
        "lineage", "served", "--server", classifier_server, "--models", tmp_path
    )
    assert code == 1
    assert f"no run '{experiment.model_id}'" in said
    assert other.model_id not in said


def test_a_version_is_imported_when_its_store_had_died(
    postgres: Any,
    published: Path,
    experiment: Experiment,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """One story: the store dies, the run says how to import, and that command puts it on record."""
    url = postgres.make_database()
    version = tmp_path / "classifier" / "7"
    (version / "assets.extra").mkdir(parents=True)
    with Recording(url).run("classifier", experiment.settings, tmp_path) as run:
        began = ("model_id", "created_at", "host", "process")
        own = {name: run.experiment.to_json()[name] for name in began}
        row = {**carried_by(published), **own}
        (version / "assets.extra" / LINEAGE_FILE).write_text(json.dumps(row), encoding="utf-8")
        postgres.stop()
        run.published(7, version)
    assert f"python -m export lineage import {version}" in caplog.text
    assert postgres.password not in caplog.text
    (problem,) = run.to_json()["problems"]
    assert "cannot be used" in problem

    postgres.start()
    assert Store.open(url).experiment(run.model_id).status == Status.CRASHED
    imported = {
        "model_id": run.model_id,
        "path": str(version),
        "was_on_record": False,
        "copy_of": None,
    }
    assert lineage("import", version, "--lineage", url)["imported"] == [imported]
    found = Store.open(url).experiment(run.model_id)
    assert (found.status, found.published_version) == (Status.PUBLISHED, 7)
    assert found.final_accuracy == experiment.final_accuracy
    assert lineage("import", version, "--lineage", url)["imported"][0]["was_on_record"] is True


def test_what_cannot_be_imported_is_said(tmp_path: Path) -> None:
    version = tmp_path / "classifier" / "1"
    version.mkdir(parents=True)
    where = ("--models", tmp_path)
    with pytest.raises(LineageError, match=r"carries no lineage\.json"):
        lineage("import", version, *where)
    (version / "assets.extra").mkdir()
    (version / "assets.extra" / LINEAGE_FILE).write_text('{"model_id": "x"}', encoding="utf-8")
    with pytest.raises(LineageError, match=r"columns missing or unknown: .*base_architecture"):
        lineage("import", version, *where)
    with pytest.raises(LineageError, match="is no version: expected MODELS/<model>/<number>"):
        lineage("import", tmp_path, *where)


READ_MLFLOW = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
experiment = client.get_experiment_by_name("vision-forge").experiment_id
registered = client.search_model_versions("name='classifier'")
versions = {
    version.run_id: {"source": version.source, "tags": version.tags} for version in registered
}
assert len(versions) == len(registered), "a run has several versions"
def copy(run):
    history = client.get_metric_history(run.info.run_id, "val_accuracy")
    return {
        "status": run.info.status, "params": run.data.params, "metrics": run.data.metrics,
        "tags": run.data.tags, "epochs": [[point.step, point.value] for point in history],
        "artifacts": [item.path for item in client.list_artifacts(run.info.run_id)],
        "version": versions.get(run.info.run_id), "end_time": run.info.end_time,
    }
print(json.dumps([copy(run) for run in client.search_runs([experiment])]))
"""


def read_mlflow(uri: str) -> dict[str, dict[str, Any]]:
    """Return what MLflow's own client finds, by our run's id."""
    read = subprocess.run(
        [sys.executable, "-c", READ_MLFLOW, uri], capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr
    copies = json.loads(read.stdout.splitlines()[-1])
    found = {copy["tags"]["model_id"]: copy for copy in copies}
    assert len(found) == len(copies)
    return found


@pytest.fixture(scope="module")
def copied(published: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """MLflow's copy of the published run, imported by hand."""
    home = tmp_path_factory.mktemp("copied")
    uri = f"sqlite:///{home / 'mlflow.db'}"
    for _ in range(2):  # it can be repeated
        code, _, said = run_export(
            "lineage", "import", published, "--models", home, "--mlflow-uri", uri
        )
        assert code == 0, said
    (copy,) = read_mlflow(uri).values()
    return copy


def test_mlflow_has_the_run_as_finished_under_our_id(
    copied: dict[str, Any], experiment: Experiment
) -> None:
    assert copied["status"] == "FINISHED"
    assert copied["tags"]["model_id"] == experiment.model_id


def test_mlflow_has_the_settings_and_the_data_as_parameters(
    copied: dict[str, Any], experiment: Experiment
) -> None:
    expected = {
        "image_size": str(experiment.settings["image_size"]),
        "policy.learning_rate": "1e-05",
        "data_fingerprint": experiment.data_fingerprint,
    }
    assert {name: copied["params"][name] for name in expected} == expected


def test_mlflow_has_the_final_accuracy(copied: dict[str, Any], experiment: Experiment) -> None:
    assert copied["metrics"]["final_accuracy"] == pytest.approx(experiment.final_accuracy)


def test_mlflow_has_the_curve_of_all_phases(copied: dict[str, Any], experiment: Experiment) -> None:
    phases = experiment.metrics["phases"]
    accuracies = [epoch["val_accuracy"] for phase in phases for epoch in phase["history"]]
    assert copied["epochs"] == [[step, value] for step, value in enumerate(accuracies, start=1)]


def test_mlflow_has_what_the_version_carries_of_its_run(copied: dict[str, Any]) -> None:
    assert sorted(copied["artifacts"]) == ["contract.json", "lineage.json", "run.json"]


def test_mlflow_has_the_version_in_its_registry(
    copied: dict[str, Any], published: Path, experiment: Experiment
) -> None:
    assert copied["version"] == {
        "source": published.as_uri(),
        "tags": {"model_id": experiment.model_id, "published_version": "1"},
    }


def test_without_mlflow_the_message_has_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SettingsError, match=r"pip install 'vision-forge\[mlflow\]'"):
        MlflowMirror.open("sqlite:///mlflow.db")


def test_without_psycopg_the_message_has_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SettingsError, match=r"pip install 'vision-forge\[postgres\]'"):
        Store.open("postgresql://me@127.0.0.1/runs")


@pytest.mark.long
def test_a_run_is_copied_when_it_ends(
    writer: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    process = writer(file_url(tmp_path), "hold", uri)
    _, said = process.communicate("done\n", timeout=PATIENCE_S)
    assert process.returncode == 0, said
    (found,) = Store.open(file_url(tmp_path)).experiments()
    copy = read_mlflow(uri)[found.model_id]
    assert copy["status"] == "FINISHED"
    assert copy["params"] == {
        "backbone": "mobilenet_v2",
        "base_architecture": "mobilenet_v2",
        "seed": "7",
    }
    assert copy["version"]["source"] == "file:///models/classifier/1"


@pytest.mark.long
def test_mlflow_shows_a_run_while_it_runs_and_a_killed_one_as_killed(
    writer: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """One story: a run that is killed shows as killed once the following run begins."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    doomed = writer(file_url(tmp_path), "hold", uri)
    assert doomed.stdout
    doomed_id = doomed.stdout.readline().strip()
    copy = read_mlflow(uri)[doomed_id]
    assert (copy["status"], copy["end_time"], copy["params"]["seed"]) == ("RUNNING", None, "7")
    doomed.kill()
    doomed.wait()

    following = writer(file_url(tmp_path), "hold", uri)
    assert following.stdout
    following_id = following.stdout.readline().strip()
    copies = read_mlflow(uri)
    assert (copies[doomed_id]["status"], copies[following_id]["status"]) == ("KILLED", "RUNNING")
    assert copies[doomed_id]["tags"]["status"] == "crashed"
    assert "killed" in copies[doomed_id]["tags"]["error"]
    assert copies[doomed_id]["end_time"] and not copies[doomed_id]["version"]
    _, said = following.communicate("done\n", timeout=PATIENCE_S)
    assert following.returncode == 0, said
    assert read_mlflow(uri)[following_id]["status"] == "FINISHED"


BEGIN_ONLY = """
import pathlib, sys
from export.lineage.importing import read_version
from export.lineage.mlflow_mirror import MlflowMirror
MlflowMirror.open(sys.argv[1]).begin(read_version(pathlib.Path(sys.argv[2])))
"""


def test_mlflow_hears_later_of_an_end_that_it_missed(
    published: Path,
    experiment: Experiment,
    writer: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    Store.open(file_url(tmp_path)).save(experiment)
    subprocess.run([sys.executable, "-c", BEGIN_ONLY, uri, str(published)], check=True)
    following = writer(file_url(tmp_path), "hold", uri)
    _, said = following.communicate("done\n", timeout=PATIENCE_S)
    assert following.returncode == 0, said
    copy = read_mlflow(uri)[experiment.model_id]
    assert copy["status"] == "FINISHED"
    assert copy["metrics"]["final_accuracy"] == pytest.approx(experiment.final_accuracy)
    assert copy["version"]["source"] == published.as_uri()
