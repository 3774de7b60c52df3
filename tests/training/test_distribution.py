"""Two worker processes on this machine: the same curve as one, an end instead of a hang, a restart.

Two workers train, one is killed, the other must end; both are started again, go on from the last
checkpoint, and publish. What they leave is compared with what one process leaves on its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE_S, free_ports, run_python
from tests.warm.warmth import warm_python

pytestmark = pytest.mark.training

REPO = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).parent / "worker.py"


class Worker:
    """A process that trains, and what it says."""

    def __init__(self, data: Path, models: Path, kind: str, log: Path, config: str = "") -> None:
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                # An interpreter of its own: a worker is killed and stopped, which none passes on.
                [sys.executable, str(WORKER), str(data), str(models), kind],
                cwd=REPO,
                stdout=out,
                stderr=out,
                env={**os.environ, "TF_CONFIG": config, "PYTHONPATH": str(REPO)},
            )

    @property
    def log(self) -> str:
        """Everything it has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def ends(self, timeout_s: float) -> int:
        """Wait for its end and return its exit code; fail if it does not come."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {timeout_s:g} s:\n{self.log[-4000:]}")


def two_configs() -> list[str]:
    """Return TF_CONFIG of each of two workers on this machine."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    return [json.dumps({"cluster": {"worker": addresses}, "task": task}) for task in tasks]


@contextmanager
def two_workers(
    data: Path, models: Path, logs: Path, data_of_other: Path | None = None
) -> Iterator[list[Worker]]:
    """Start both, and leave none behind."""
    logs.mkdir()
    configs, folders = two_configs(), (data, data_of_other or data)
    workers = [
        Worker(folder, models, "multi_worker", logs / f"{index}.log", config)
        for index, (folder, config) in enumerate(zip(folders, configs, strict=True))
    ]
    try:
        yield workers
    finally:
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()


def wait_for_epoch(number: int, chief: Worker, other: Worker) -> None:
    """Return when the chief has ended that many epochs; both must be running until then."""
    while chief.log.count(": epoch ") < number:
        for worker in (chief, other):
            assert worker.process.poll() is None, worker.log
        time.sleep(0.05)


def record_of(models: Path) -> dict[str, Any]:
    path = models / "classifier" / "1" / "assets.extra" / "run.json"
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


@pytest.fixture(scope="module")
def few(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of twenty photographs each."""
    directory = tmp_path_factory.mktemp("few")
    for name in ("brick", "grass"):
        (directory / name).mkdir()
        for path in sorted((photographs / name).iterdir())[:20]:
            shutil.copy(path, directory / name)
    return directory


@pytest.mark.timeout(1200)
def test_a_lost_worker_ends_the_run_and_a_restart_brings_the_same_curve(
    few: Path, tmp_path: Path
) -> None:
    """One story: what is lost, what is said of it, and what the restart makes of what was left."""
    models = tmp_path / "two"
    with two_workers(few, models, tmp_path / "first") as (chief, other):
        wait_for_epoch(4, chief, other)
        other.process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        assert chief.ends(PATIENCE_S) == 1, chief.log
        assert time.monotonic() - killed < PATIENCE_S
        assert "WorkerError: worker 0" in chief.log
        assert "no answer from 127.0.0.1:" in chief.log
        assert "Start the same command on every worker again" in chief.log
    assert not (models / "classifier" / "1").exists()

    with two_workers(few, models, tmp_path / "second") as workers:
        for worker in workers:
            assert worker.ends(900) == 0, worker.log

    one = Worker(few, tmp_path / "one", "none", tmp_path / "one.log")
    assert one.ends(900) == 0, one.log
    alone = json.loads(next(line for line in one.log.splitlines() if line.startswith("[[")))

    together = record_of(models)
    assert re.search(r"resumed after epoch [1-9]", " ".join(together["notes"]))
    assert [len(phase) for phase in alone] == [10, 2]
    curves = [phase["history"] for phase in together["phases"]]
    assert curves == [[pytest.approx(epoch, abs=1e-4) for epoch in phase] for phase in alone]


def test_a_worker_that_stands_still_ends_the_run(few: Path, tmp_path: Path) -> None:
    with two_workers(few, tmp_path / "models", tmp_path / "logs") as (chief, other):
        wait_for_epoch(2, chief, other)
        other.process.send_signal(signal.SIGSTOP)
        assert chief.ends(PATIENCE_S) == 1, chief.log
        assert "WorkerError: worker 0" in chief.log
        assert "all ports still answer, one of them may be stuck" in chief.log


def test_workers_with_different_photographs_are_refused(few: Path, tmp_path: Path) -> None:
    shutil.copytree(few, tmp_path / "fewer")
    sorted((tmp_path / "fewer" / "grass").iterdir())[0].unlink()
    models = tmp_path / "models"
    with two_workers(few, models, tmp_path / "logs", tmp_path / "fewer") as workers:
        for worker in workers:
            assert worker.ends(PATIENCE_S) == 1, worker.log
            assert "the workers must have the same settings and data, but 127.0.0.1:" in worker.log
    assert not (models / "classifier").exists()


def test_a_worker_that_does_not_come_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
from export.training import distribution
try:
    distribution.start("multi_worker", start_timeout_s=5)
except distribution.WorkerError as err:
    print(err)
"""
    config, _ = two_configs()
    monkeypatch.setenv("TF_CONFIG", config)
    ran = run_python("-c", program, timeout_s=PATIENCE_S)
    absent = json.loads(config)["cluster"]["worker"][1]
    assert f"worker 0 waited 5 s for the other workers; no answer from {absent}" in ran.out
    assert "Start all workers within that time" in ran.out


def test_a_worker_that_is_not_told_who_it_is_is_refused(few: Path, tmp_path: Path) -> None:
    command = [warm_python(), "-m", "export", "classifier", "--distribute=multi_worker"]
    done = subprocess.run(
        [*command, f"--data={few}", f"--out={tmp_path}"],
        cwd=REPO,
        env={name: value for name, value in os.environ.items() if name != "TF_CONFIG"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2, done.stderr
    assert "TF_CONFIG" in done.stderr
    assert "received none" in done.stderr
