"""How a run ends, begins and is shown: signals, runs that go on, servers that hang, terminals."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export import outgoing
from export.__main__ import main
from export.errors import LineageError
from export.lineage import arguments, command
from export.lineage.address import file_url
from export.lineage.mlflow_mirror import MlflowMirror
from export.lineage.recording import Recording
from export.lineage.schema import Status
from export.lineage.store import Store
from export.stopping import Stopped, stoppable
from export.training import checkpoints, keeping
from export.training.work import Work
from tests.lineage.rows import FIRST, row
from tests.running import PATIENCE_S

SETTINGS = {"backbone": "mobilenet_v2", "seed": 3}
IDENTITY = {"settings": SETTINGS}
LONGEST_START_S = 10.0

Start = Callable[..., subprocess.Popen[str]]


def lineage(*words: str | Path) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return command.main(parser.parse_args([*map(str, words)]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_asked_to_end_is_stopped(
    store_url: str, writer: Start, number: signal.Signals
) -> None:
    process = writer(store_url, "hold")
    assert process.stdout
    model_id = process.stdout.readline().strip()
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    found = Store.open(store_url).experiment(model_id)
    assert (found.status, found.error) == (Status.STOPPED, f"stopped by {number.name}")
    assert found.duration_s is not None and found.finished_at is not None


def test_a_command_that_was_stopped_exits_as_the_signal_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(_: Any) -> None:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(command, "main", stopped)
    assert main(["lineage", "list"]) == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in capsys.readouterr().err


def test_signals_that_somebody_else_handles_stay_theirs() -> None:
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with stoppable():
            signal.raise_signal(signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
    with pytest.raises(Stopped), stoppable():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)  # who asks again while things are put in order
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def train_and_die(models: Path, work_dir: Path, seconds: float, how: BaseException) -> str:
    """Begin a run that leaves a checkpoint and does not publish; return its id."""
    with (
        pytest.raises(type(how)),
        Recording().run("classifier", SETTINGS, models) as run,
        closing(Work(work_dir, IDENTITY)) as work,
    ):
        run.take_over(work)
        run._started -= seconds  # as if it had taken that long
        checkpoints.save(work, "head", {"history": []}, {"now": [np.zeros(3)]})
        raise how
    return run.model_id


def test_a_run_that_goes_on_names_the_one_before_and_adds_its_time(tmp_path: Path) -> None:
    """One story of four runs in one working directory; the third does nothing before it dies."""
    work_dir = tmp_path / "work"
    first = train_and_die(tmp_path, work_dir, 100, Stopped(signal.SIGTERM))
    second = train_and_die(tmp_path, work_dir, 50, ValueError("no memory"))
    with (
        pytest.raises(KeyboardInterrupt),
        Recording().run("classifier", SETTINGS, tmp_path) as third,
        closing(Work(work_dir, IDENTITY)) as work,
    ):
        third.take_over(work)
        running = Store.open(file_url(tmp_path)).experiment(third.model_id)
        assert running.resumed_from == second, "a run that is killed says nothing later"
        raise KeyboardInterrupt
    with (
        Recording().run("classifier", SETTINGS, tmp_path) as last,
        closing(Work(work_dir, IDENTITY)) as work,
    ):
        last.take_over(work)
        keeping.keep(work, lambda folder: (folder / "weights").touch())
        last.published(1, tmp_path / "classifier" / "1")

    store = Store.open(file_url(tmp_path))
    runs = {name: store.experiment(name) for name in (first, second, third.model_id, last.model_id)}
    assert [run.resumed_from for run in runs.values()] == [None, first, second, second]
    assert [run.status for run in runs.values()] == ["stopped", "failed", "stopped", "published"]
    times = [run.duration_s or 0.0 for run in runs.values()]
    assert times == pytest.approx([100, 150, 150, 150], abs=5)


def test_a_run_that_begins_anew_goes_on_from_nobody(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        Recording().run("classifier", SETTINGS, tmp_path) as run,
        closing(Work(tmp_path / "work", IDENTITY)) as work,
    ):
        run.take_over(work)
        raise KeyboardInterrupt
    with (
        Recording().run("classifier", SETTINGS, tmp_path) as run,
        closing(Work(tmp_path / "work", IDENTITY)) as work,
    ):
        run.take_over(work)
        run.published(1, tmp_path)
    assert Store.open(file_url(tmp_path)).experiment(run.model_id).resumed_from is None


def test_list_looks_where_a_training_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("VISION_FORGE_LINEAGE", elsewhere)
    with Recording().run("classifier", SETTINGS, tmp_path / "models") as run:
        run.published(1, tmp_path)
    (listed,) = lineage("list", "--models", tmp_path / "models")["experiments"]
    assert listed["model_id"] == run.model_id
    monkeypatch.setenv("VISION_FORGE_LINEAGE", "none")
    with pytest.raises(LineageError, match=r"no store at .*models/lineage\.db"):
        lineage("list", "--models", tmp_path / "models")


def test_times_carry_their_zone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Store.open(file_url(tmp_path)).save(row())
    (listed,) = lineage("list", "--models", tmp_path)["experiments"]
    assert listed["created_at"] == "2026-11-25T03:00:00+00:00"
    assert "2026-11-25 03:00:00 UTC" in capsys.readouterr().err
    lineage("show", FIRST, "--models", tmp_path)
    assert "2026-11-25T03:00:00+00:00" in capsys.readouterr().err


# A red line, a title, an erased line, a carriage return, C1, a direction, a line and a paragraph.
HOSTILE = "a\x1b[31mred\x1b]0;title\x07\x1b[2K\rb\x9b1m\u202eedoc\u2028line\nnew"


def test_control_characters_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = row(error=HOSTILE, base_architecture=HOSTILE, settings={"note": HOSTILE})
    Store.open(file_url(tmp_path)).save(hostile)
    for words in (["list"], ["show", FIRST], ["diff", FIRST, FIRST]):
        result = lineage(*words, "--models", tmp_path)
        outgoing.answer(result)
    outgoing.say(f"a message: {HOSTILE}")
    out, err = capsys.readouterr()
    for text in (out, err):
        controls = {c for c in text if not c.isprintable()} - {"\n"}
        assert controls == set()
    assert "\\x1b[31mred" in err, "it is shown for what it is"
    assert err.count("\nnew") == 1, "a message has lines, a cell of a table has none"
    shown = json.loads(out.splitlines()[1])
    assert shown["experiment"]["error"] == HOSTILE, "programs get the value"


@pytest.fixture
def silent() -> Iterator[int]:
    """Port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.mark.long
def test_a_server_that_never_answers_delays_a_start_by_ten_seconds_at_most(
    silent: int, postgres: Any
) -> None:
    """Side by side: a port that only accepts, PostgreSQL itself halted, MLflow's client."""
    import mlflow  # noqa: F401  # seconds that are its own

    halted = postgres.make_database()
    addresses: dict[str, Callable[[], Any]] = {
        "store": lambda: Store.open(f"postgresql://me:x@127.0.0.1:{silent}/runs"),
        # Each of its addresses would be waited for in turn.
        "store of two hosts": lambda: Store.open(
            f"postgresql://me:x@/runs?host=127.0.0.1:{silent}&host=127.0.0.1:{silent}"
        ),
        "halted": lambda: Store.open(halted),
        "MLflow": lambda: MlflowMirror.open(f"http://127.0.0.1:{silent}"),
    }

    def measure(opening: Callable[[], Any]) -> float:
        began = time.monotonic()
        with pytest.raises(LineageError, match=r"has not answered for 10 s|cannot be used"):
            opening()
        return time.monotonic() - began

    postgres.halt()
    try:
        with ThreadPoolExecutor(len(addresses)) as pool:
            took = dict(zip(addresses, pool.map(measure, addresses.values()), strict=True))
    finally:
        postgres.go_on()
    assert max(took.values()) < LONGEST_START_S + 2, took
