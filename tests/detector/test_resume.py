"""A detector's training that is killed goes on after its last epoch, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.running import PATIENCE_S, REPO

pytestmark = pytest.mark.training

HEAD_EPOCHS, TOP_EPOCHS = 4, 2
OPTIONS = (
    *("--image-size=64", "--views=1", f"--epochs={HEAD_EPOCHS}", "--patience=9"),
    "--ema=0.9",  # an average that began anew would be another one
)


class Run:
    """Starts one training again and again, with a folder of its own for temporary files."""

    def __init__(self, home: Path, data: Path, *options: str) -> None:
        self.models, self.temporary = home / "models", home / "temporary"
        self.temporary.mkdir(parents=True)
        self._arguments = ["detector", f"--data={data}", f"--out={self.models}", *OPTIONS, *options]
        self.mapped: list[str] = []
        """Files below ``models`` that the process read as memory just before it was ended."""

    def __call__(self, until: Sequence[str] = (), number: int = signal.SIGKILL) -> tuple[str, str]:
        """Run the command until it has said some things in turn; return what it wrote."""
        environment = {**os.environ, "TMPDIR": str(self.temporary)}
        command = [sys.executable, "-m", "export", *self._arguments]
        pipe, said, waiting = subprocess.PIPE, [], list(until)
        with subprocess.Popen(
            command, cwd=REPO, env=environment, stdout=pipe, stderr=pipe, text=True
        ) as process:
            assert process.stdout and process.stderr
            for line in process.stderr:
                said.append(line)
                if waiting and waiting[0] in line:
                    waiting.pop(0)
                    if not waiting:
                        maps = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
                        self.mapped = [one for one in maps if str(self.models.resolve()) in one]
                        process.send_signal(number)
            out = process.stdout.read()
            process.wait(PATIENCE_S)
        log = "".join(said)
        assert not waiting, log
        assert (process.returncode == 0) == (not until), log
        return out, log

    @property
    def work(self) -> Path:
        """The working directory that is left."""
        (found,) = self.models.glob("detector/.work-*")
        return found

    def left(self) -> list[str]:
        """Names of temporary files that are left, without those that TensorFlow itself leaves."""
        names = sorted(path.name for path in self.temporary.iterdir())
        return [name for name in names if not name.startswith("__autograph_generated_file")]

    def head(self) -> list[dict[str, float]]:
        """Figures of each epoch of the head, of its checkpoint."""
        with np.load(self.work / "head.npz", allow_pickle=False) as file:
            history: list[dict[str, float]] = json.loads(str(file["state"]))["history"]
        return history


@pytest.fixture(scope="module")
def interrupted(
    tmp_path_factory: pytest.TempPathFactory, write_voc: Callable[..., Path]
) -> dict[str, Any]:
    """A training that was killed in the head, interrupted in the top, and then left alone."""
    home = tmp_path_factory.mktemp("resume")
    data = write_voc(home / "voc", count=12, seed=4, split=9)
    run = Run(home / "interrupted", data, f"--fine-tune-epochs={TOP_EPOCHS}")
    run(["epoch 3: validation mAP"])
    left, in_head = run.left(), run.mapped
    _, second = run(["phase head: validation mAP", "epoch 1: validation mAP"], signal.SIGINT)
    in_top = run.mapped
    head = run.head()
    out, third = run()
    whole = Run(home / "whole", data, "--fine-tune-epochs=0")
    whole(["phase head: validation mAP"])
    result = json.loads(out)
    return {
        "run": run, "left": left, "mapped": (in_head, in_top), "logs": (second, third),
        "result": result, "head": head, "whole": whole.head(),
    }  # fmt: skip


def test_the_head_goes_on_after_its_last_epoch(interrupted: dict[str, Any]) -> None:
    second, _ = interrupted["logs"]
    # The checkpoint of the third may have been on its way when the process was killed.
    assert any(f"phase head: going on after epoch {epoch}" in second for epoch in (2, 3))
    assert "epoch 1: validation mAP" not in second.partition("phase head: validation mAP")[0]


def test_the_epochs_are_those_of_a_training_that_nobody_interrupted(
    interrupted: dict[str, Any],
) -> None:
    assert len(interrupted["head"]) == len(interrupted["whole"]) == HEAD_EPOCHS
    for mine, theirs in zip(interrupted["head"], interrupted["whole"], strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-3)
        assert mine["val_map50"] == pytest.approx(theirs["val_map50"], abs=0.01)


def test_a_phase_that_is_over_is_not_done_again(interrupted: dict[str, Any]) -> None:
    _, third = interrupted["logs"]
    assert "phase head: done before" in third
    assert "computing the frozen backbone's features" not in third


def test_the_features_are_gone_with_the_phase_they_are_of(interrupted: dict[str, Any]) -> None:
    in_head, in_top = interrupted["mapped"]
    assert in_head  # they are mapped while the head trains, in files without a name
    assert in_top == []


def test_the_version_is_that_of_all_epochs(interrupted: dict[str, Any]) -> None:
    result = interrupted["result"]
    assert [phase["epochs"] for phase in result["phases"]] == [HEAD_EPOCHS, TOP_EPOCHS]
    record = json.loads((Path(result["path"]) / "assets.extra" / "run.json").read_text())
    assert record["phases"]["head"] == interrupted["head"]
    assert len(record["phases"]["top"]) == TOP_EPOCHS


def test_nothing_is_left_of_caches_and_working_directories(interrupted: dict[str, Any]) -> None:
    run = interrupted["run"]
    assert interrupted["left"] == run.left() == []
    assert [path.name for path in (run.models / "detector").iterdir()] == ["1"]


def test_a_process_that_was_ended_for_want_of_memory_is_followed_by_half_the_batch(
    tmp_path: Path, write_voc: Callable[..., Path]
) -> None:
    data = write_voc(tmp_path / "voc", count=12, seed=4, split=9)
    run = Run(tmp_path / "aborted", data, "--fine-tune-epochs=0")
    run(["epoch 1: validation mAP"], signal.SIGABRT)  # as TensorFlow and LLVM end it
    out, said = run()
    assert "out of memory: the last process ended with steps of 4 examples" in said
    assert "goes on with 2" in said
    assert any("goes on with 2" in note for note in json.loads(out)["notes"])
