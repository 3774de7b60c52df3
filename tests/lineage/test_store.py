"""The store of runs, in SQLite and in PostgreSQL: nothing is lost, and a crash is told."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from export.errors import LineageError, SettingsError
from export.lineage import database, upgrade
from export.lineage.recording import Recording
from export.lineage.schema import REVISION, REVISION_TABLE, Base, Experiment, Status, storable
from export.lineage.store import Store
from tests.lineage.rows import row
from tests.running import PATIENCE_S

Start = Callable[..., subprocess.Popen[str]]
SETTINGS = {"backbone": "mobilenet_v2", "seed": 3, "policy": {"patience": 5}}
MODELS = Path("/nowhere/models")
REPO = Path(__file__).resolve().parents[2]


def engine_of(url: str) -> Any:
    return database.connect(database.parse(url), create=True)[0]


def test_the_migrations_make_the_tables_that_the_code_maps(store_url: str) -> None:
    Store.open(store_url)
    options = {"version_table": REVISION_TABLE, "compare_type": True}
    with engine_of(store_url).connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == REVISION
    assert ScriptDirectory(str(upgrade.MIGRATIONS)).get_current_head() == REVISION


def test_a_store_written_by_newer_code_is_refused(store_url: str) -> None:
    Store.open(store_url).save(row())
    with engine_of(store_url).execution_options(writing=True).begin() as connection:
        connection.execute(text("UPDATE vision_forge_schema SET version_num = '9999'"))
    with pytest.raises(LineageError, match=f"revision 9999, this version knows up to {REVISION}"):
        Store.open(store_url)


def test_a_row_comes_back_as_it_was(store_url: str) -> None:
    metrics = {"phases": [{"history": [{"loss": math.nan, "accuracy": 0.5}]}], "notes": ["a\0b"]}
    kept = row(metrics=storable(metrics), published_version=2, learning_rate_phase2=1e-5)
    store = Store.open(store_url)
    store.save(kept)
    found = Store.open(store_url).experiment(kept.model_id)
    assert found.created_at == datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
    assert found.metrics["phases"] == [{"history": [{"loss": "nan", "accuracy": 0.5}]}]
    assert found.metrics["notes"] == ["a\\0b"]
    assert found.learning_rate_phase2 == 1e-5
    assert Experiment.from_json(found.to_json()).to_json() == found.to_json()


def test_a_run_is_found_by_the_beginning_of_its_id(store_url: str) -> None:
    store = Store.open(store_url)
    first, second = "0b5e0f5c-0000-4000-8000-000000000001", "0b5e0f5d-0000-4000-8000-000000000002"
    store.save(row(model_id=first))
    store.save(row(model_id=second, model="detector", published_version=4))
    assert store.experiment("0b5e0f5d").model_id == second
    assert [found.model_id for found in store.experiments("detector", 4)] == [second]
    with pytest.raises(LineageError, match=f"several runs 0b5e…: {first}, {second}"):
        store.experiment("0b5e")
    with pytest.raises(LineageError, match="no run '0%'"):
        store.experiment("0%")


def test_processes_that_upgrade_and_write_at_once_lose_nothing(
    store_url: str, writer: Start
) -> None:
    """One story: four processes begin together, and what all of them wrote is there at the end."""
    processes = [writer(store_url, "6") for _ in range(4)]
    for process in processes:
        assert process.stdout and process.stdin
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    wrote = []
    for process in processes:
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
        *ids, loaded_mlflow = out.split()
        assert loaded_mlflow == "False"
        wrote += ids
    assert len(set(wrote)) == 24
    # Whoever wrote them, the four processes' runs are there, each published with its number.
    found = {
        run.model_id: (run.status, run.published_version)
        for run in Store.open(store_url).experiments()
    }
    numbers = [*range(1, 7)] * 4
    assert found == {
        model_id: (Status.PUBLISHED, number)
        for model_id, number in zip(wrote, numbers, strict=True)
    }


def test_a_killed_run_is_a_crash_and_a_living_one_is_not(store_url: str, writer: Start) -> None:
    """One story of two runs: both begin, one is killed, the other goes on and publishes."""
    living, doomed = writer(store_url, "hold"), writer(store_url, "hold")
    assert living.stdout and doomed.stdout
    living_id, doomed_id = living.stdout.readline().strip(), doomed.stdout.readline().strip()

    def states() -> dict[str, Status]:
        store = Store.open(store_url)
        return {name: store.experiment(name).status for name in (living_id, doomed_id)}

    assert states() == {living_id: Status.RUNNING, doomed_id: Status.RUNNING}

    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    # A database server on a busy machine takes a moment to see that the connection is gone.
    deadline = time.monotonic() + PATIENCE_S
    while (seen := states())[doomed_id] == Status.RUNNING:
        assert time.monotonic() < deadline
    assert seen == {living_id: Status.RUNNING, doomed_id: Status.CRASHED}
    crashed = Store.open(store_url).experiment(doomed_id)
    assert "killed" in crashed.error
    assert crashed.finished_at

    living.communicate("done\n", timeout=PATIENCE_S)
    assert states() == {living_id: Status.PUBLISHED, doomed_id: Status.CRASHED}


def test_a_run_that_fails_says_why(store_url: str, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="no photographs"),
        Recording(store_url).run("classifier", SETTINGS, tmp_path) as run,
    ):
        assert Store.open(store_url).experiment(run.model_id).status == Status.RUNNING
        raise ValueError("no photographs")
    found = Store.open(store_url).experiment(run.model_id)
    assert (found.status, found.error) == (Status.FAILED, "ValueError: no photographs")
    assert found.duration_s is not None and found.finished_at is not None


def test_a_run_that_fails_has_all_that_was_known_before(store_url: str, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="no photographs"),
        Recording(store_url).run("classifier", SETTINGS, tmp_path) as run,
    ):
        raise ValueError("no photographs")
    found = Store.open(store_url).experiment(run.model_id)
    assert (found.seed, found.base_architecture) == (3, "mobilenet_v2")
    assert found.phase_policy == {"patience": 5}
    assert found.code_version
    assert found.library_versions["numpy"]


def test_a_run_that_is_interrupted_says_so(store_url: str, tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Recording(store_url).run("classifier", SETTINGS, tmp_path) as run,
    ):
        raise KeyboardInterrupt
    found = Store.open(store_url).experiment(run.model_id)
    assert (found.status, found.error) == (Status.STOPPED, "interrupted")


def test_what_fails_after_publishing_does_not_unpublish(store_url: str, tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="pipe"),
        Recording(store_url).run("classifier", SETTINGS, tmp_path) as run,
    ):
        run.published(3, tmp_path / "classifier" / "3")
        raise OSError("broken pipe")
    found = Store.open(store_url).experiment(run.model_id)
    assert (found.status, found.published_version) == (Status.PUBLISHED, 3)


def test_the_default_store_is_a_file_among_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISION_FORGE_LINEAGE", raising=False)
    with Recording().run("classifier", SETTINGS, tmp_path / "models") as run:
        run.published(1, tmp_path)
    assert run.to_json()["store"] == f"sqlite:///{tmp_path / 'models' / 'lineage.db'}"
    assert not list((tmp_path / "models" / "lineage.db.runs").iterdir()), "locks were left"

    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("VISION_FORGE_LINEAGE", elsewhere)
    with Recording().run("classifier", SETTINGS, tmp_path / "models") as run:
        run.published(2, tmp_path)
    assert [found.published_version for found in Store.open(elsewhere).experiments()] == [2]

    with Recording("none").run("classifier", SETTINGS, tmp_path / "other") as run:
        run.published(1, tmp_path)
    assert run.to_json()["store"] is None
    assert not (tmp_path / "other").exists()


def test_a_run_outlives_a_restart_of_the_database_server(postgres: Any, writer: Start) -> None:
    url = postgres.make_database()
    process = writer(url, "hold")
    assert process.stdout
    model_id = process.stdout.readline().strip()
    postgres.stop()
    postgres.start()
    # The very next look, while the run may still be connecting again.
    assert Store.open(url).experiment(model_id).status == Status.RUNNING
    _, err = process.communicate("done\n", timeout=PATIENCE_S)
    assert "connecting again" in err and "connected again" in err
    assert Store.open(url).experiment(model_id).status == Status.PUBLISHED


def test_a_store_out_of_reach_stops_the_run_before_it_begins(postgres: Any) -> None:
    nobody = postgres.url().replace(f":{postgres.port}/", ":1/")
    began = time.monotonic()
    with (
        pytest.raises(LineageError, match=r"127\.0\.0\.1:1/postgres cannot be used") as refused,
        Recording(nobody).run("classifier", SETTINGS, MODELS),
    ):
        pytest.fail("it ran without a record")
    assert time.monotonic() - began < 30
    assert postgres.password not in str(refused.value)
    wrong = postgres.url().replace(postgres.password, "wrong-password")
    with pytest.raises(LineageError, match="password authentication failed") as refused:
        Store.open(wrong)
    assert "wrong-password" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/runs", "no store for mysql; expected sqlite:///FILE or postgresql://"),
        ("sqlite://", "a store in memory would be gone"),
        ("sqlite:///:memory:", "a store in memory would be gone"),
        ("models/lineage.db", "not a database URL: 'models/lineage.db'; expected sqlite:///FILE"),
        ("postgres//me:secret@host", r"not a database URL: 'postgres//me:\*\*\*@host'"),
    ],
)
def test_an_address_that_is_none_says_what_is_expected(url: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Store.open(url)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "lineage.db"
    path.write_text("not a database, but long enough to be taken for one" * 40, encoding="utf-8")
    with pytest.raises(LineageError, match="file is not a database"):
        Store.open(f"sqlite:///{path}")
    with pytest.raises(LineageError, match=r"no store at .*absent\.db; name"):
        Store.open(f"sqlite:///{tmp_path / 'absent.db'}", create=False)


def test_an_installed_wheel_brings_its_migrations(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    shutil.unpack_archive(wheel, installed, "zip")
    script = (
        "from export.lineage import store, facts\n"
        "print(store.__file__, len(store.Store.open('sqlite:///new.db').experiments()),"
        " repr(facts.code_commit()))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    where, runs, commit = done.stdout.split()
    assert Path(where).is_relative_to(installed)
    assert (runs, commit) == ("0", "''")
