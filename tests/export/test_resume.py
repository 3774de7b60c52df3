"""Working directories and fingerprints; then a training that is killed and goes on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import ResumeError
from export.lineage.schema import Status
from export.lineage.store import Store
from export.training import checkpoints, keeping
from export.training.provenance import data_record, fingerprint
from export.training.set_aside import SetAside
from export.training.work import Work
from tests.running import PATIENCE_S

pytestmark = pytest.mark.training

REPO = Path(__file__).resolve().parents[2]
IDENTITY = {"settings": {"epochs": 20, "unfreezing": (15, 30)}, "data": {"fingerprint": "ab" * 32}}


def test_a_stage_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    arrays = {
        "now": [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64)],
        "best": [],
    }
    work = Work(tmp_path / "work", IDENTITY)
    assert checkpoints.load(work, "head") is None
    checkpoints.save(work, "head", {"history": [{"loss": 0.1}]}, arrays)
    work.close()
    with closing(Work(tmp_path / "work", IDENTITY)) as again:
        checkpoint = checkpoints.load(again, "head")
    assert checkpoint is not None
    assert checkpoint.state == {"history": [{"loss": 0.1}]}
    assert checkpoint.groups == {"now": 2, "best": 0}
    assert list(checkpoint.arrays("best")) == []
    for one, other in zip(checkpoint.arrays("now"), arrays["now"], strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_another_run_is_refused_and_told_what_differs(tmp_path: Path) -> None:
    Work(tmp_path, IDENTITY).close()
    other = {
        "settings": {"epochs": 30, "unfreezing": (15, 30)},
        "data": {"fingerprint": "cd" * 32},
    }
    with pytest.raises(ResumeError) as refused:
        Work(tmp_path, other)
    assert str(refused.value) == (
        f"{tmp_path} holds the unfinished training of another run; they differ in:\n"
        "  - settings.epochs: 20 there, 30 here\n"
        f'  - data.fingerprint: "{"ab" * 32}" there, "{"cd" * 32}" here\n'
        "Give the settings and the data it was started with, name another --work, or delete it"
    )
    Work(tmp_path, IDENTITY).close()  # what was there is still there


def test_the_same_run_finds_its_own_directory_and_another_never_meets_it(tmp_path: Path) -> None:
    work = Work.below(tmp_path, IDENTITY)
    checkpoints.save(work, "head", {"history": []}, {})
    work.close()
    with closing(Work.below(tmp_path, {**IDENTITY, "model": "another"})) as other:
        assert other.directory != work.directory
        assert checkpoints.load(other, "head") is None
    again = Work.below(tmp_path, IDENTITY)
    assert checkpoints.load(again, "head") is not None
    again.remove()
    assert not again.directory.exists()
    assert not work.directory.name.isdecimal(), "a server would take it for a version"


_HOLD = """
import json, pathlib, sys
from export.training.set_aside import SetAside
from export.training.work import Work
work = Work(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_directory_in_use_is_refused_until_its_user_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path), json.dumps(IDENTITY)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=REPO, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ResumeError, match="another process is training or publishing this run"):
            Work(tmp_path, IDENTITY)
        holder.kill()
        holder.wait()
        Work(tmp_path, IDENTITY).close()


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ResumeError, match=r"no working directory of a training: it holds thesis"):
        Work(tmp_path, IDENTITY)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    with closing(Work(tmp_path, IDENTITY)) as work:
        checkpoints.save(work, "head", {"history": []}, {"now": [np.zeros(100)]})
        path = tmp_path / "head.npz"
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(ResumeError, match=r"head\.npz is damaged .* delete .* to begin anew"):
            checkpoints.load(work, "head")


def test_weights_of_a_checkpoint_that_are_damaged_are_not_used(tmp_path: Path) -> None:
    with closing(Work(tmp_path, IDENTITY)) as work:
        checkpoints.save(work, "head", {"history": []}, {"now": [np.zeros(100)]})
        path = tmp_path / "head.npz"
        content = bytearray(path.read_bytes())
        content[300] ^= 1  # within the array: the history can be read
        path.write_bytes(content)
        checkpoint = checkpoints.load(work, "head")
        assert checkpoint is not None
        with pytest.raises(ResumeError, match=r"head\.npz is damaged .* delete .* to begin anew"):
            list(checkpoint.arrays("now"))


def test_a_checkpoint_that_lacks_weights_is_damaged(tmp_path: Path) -> None:
    with closing(Work(tmp_path, IDENTITY)) as work:
        checkpoints.save(work, "head", {"history": []}, {"now": [np.zeros(3), np.zeros(3)]})
        path = tmp_path / "head.npz"
        with np.load(path) as stored:
            kept = {name: stored[name] for name in stored.files if name != "now/1"}
        np.savez(path, **kept)
        with pytest.raises(ResumeError, match=r"head\.npz is damaged .*now/1 is missing"):
            checkpoints.load(work, "head")


def test_weights_are_set_aside_in_a_file_without_a_name(tmp_path: Path) -> None:
    values = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64)]
    aside = SetAside(tmp_path)
    assert (len(aside), list(aside)) == (0, [])
    aside.keep(values)
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):  # as often as one likes
        assert len(aside) == 2
        for found, value in zip(aside, values, strict=True):
            np.testing.assert_array_equal(found, value)
            assert found.dtype == value.dtype
    with pytest.raises(ResumeError, match=r"cannot set weights aside in .*: No such file"):
        SetAside(tmp_path / "gone").keep(values)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three files in two folders."""
    for name, content in (("cat/1.jpg", b"a"), ("cat/2.jpg", b"b"), ("dog/1.jpg", b"c")):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "data"


def fingerprint_of(data: Path) -> str:
    return fingerprint(data, sorted(data.rglob("*.jpg")))


def test_a_fingerprint_does_not_depend_on_the_order_of_the_files(data: Path) -> None:
    files = sorted(data.rglob("*.jpg"))
    assert fingerprint_of(data) == fingerprint(data, reversed(files))


def test_a_fingerprint_does_not_depend_on_the_place(data: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(data, tmp_path / "elsewhere")
    assert fingerprint_of(data) == fingerprint(moved, moved.rglob("*.jpg"))


def test_without_a_file_the_fingerprint_is_another(data: Path) -> None:
    assert fingerprint_of(data) != fingerprint(data, sorted(data.rglob("*.jpg"))[1:])


def test_with_another_content_the_fingerprint_is_another(data: Path) -> None:
    before = fingerprint_of(data)
    (data / "dog" / "1.jpg").write_bytes(b"d")
    assert fingerprint_of(data) != before


def test_a_data_record_has_both_splits_and_the_fingerprint_of_all(data: Path) -> None:
    files = sorted(data.rglob("*.jpg"))
    record = data_record(data, files[:2], files[2:])
    assert {name: record[name] for name in ("training", "validation", "fingerprint")} == {
        "training": ["cat/1.jpg", "cat/2.jpg"],
        "validation": ["dog/1.jpg"],
        "fingerprint": fingerprint(data, files),
    }


def test_what_cannot_be_kept_in_its_place_is_kept_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, spare = tmp_path / "full", tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spare))

    def write(folder: Path) -> None:
        if folder.is_relative_to(home):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        (folder / "weights").write_bytes(b"years of work")

    with closing(Work(home / "work", IDENTITY)) as work:
        with pytest.raises(ResumeError, match="No space left on device; it is kept in ") as caught:
            keeping.keep(work, write)
        assert work.finished is None
        assert not list((home / "work").glob(".new-*")), "half of it takes room that is needed"
    (place,) = spare.iterdir()
    assert f"python -m export publish {place} --out MODELS" in str(caught.value)
    with closing(Work.reopen(place)) as again:
        assert again.finished
        assert (again.finished / "weights").read_bytes() == b"years of work"


def test_room_is_held_until_what_was_trained_is_kept(tmp_path: Path) -> None:
    with closing(Work(tmp_path / "work", IDENTITY)) as work:
        work.reserve(1_000_000)
        (held,) = (p for p in work.directory.iterdir() if p.stat().st_size == 1_000_000)
        assert held.stat().st_blocks * 512 >= 1_000_000, "a promise, not room"
        seen = []
        keeping.keep(
            work, lambda folder: seen.append(held.exists()) or (folder / "x").write_bytes(b"x")
        )
        assert seen == [False], "the room is there to be written to"
        assert work.finished


@dataclass(frozen=True)
class Resumed:
    """A training that was killed in phase 2 and started again.

    Attributes:
        version: What it published in the end.
        result: What its last process printed.
        err: What it logged.
        refused: What another command was told about the same working directory.
        stopped: Exit code of the first process.
    """

    version: Path
    result: dict[str, Any]
    err: str
    refused: str
    stopped: int


@pytest.fixture(scope="module")
def resumed(
    export: Callable[..., Any], few: Path, tmp_path_factory: pytest.TempPathFactory
) -> Resumed:
    """End a training by SIGTERM in phase 1, then by SIGKILL in phase 2; run it again."""
    home = tmp_path_factory.mktemp("resumed")
    arguments = ["classifier", "--data", few, "--out", home / "models", "--work", home / "work"]
    arguments += ["--image-size", "64", "--epochs", "3", "--augment", "flip,zoom"]
    arguments += ["--force-fine-tune", "--fine-tune-epochs", "8", "--fine-tune-layers", "4,8"]
    arguments += ["--allow-baseline", "--no-tflite"]
    command = [sys.executable, "-m", "export", *map(str, arguments)]
    codes = []
    for checkpoint, how in (("head", signal.SIGTERM), ("top_4", signal.SIGKILL)):
        with subprocess.Popen(command, cwd=REPO, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + PATIENCE_S
            while not (home / "work" / f"{checkpoint}.npz").exists():
                assert process.poll() is None, "it ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(how)
        codes.append(process.returncode)
    other = export(*arguments, "--seed", "7")
    assert other.code == 1, other.err
    again = export(*arguments)
    assert again.code == 0, again.err
    assert not (home / "work").exists(), "a finished run left its checkpoints"
    return Resumed(Path(again.result["path"]), again.result, again.err, other.err, codes[0])


def test_a_killed_training_goes_on_after_its_last_epoch(resumed: Resumed) -> None:
    (note,) = (note for note in resumed.result["notes"] if "resumed" in note)
    epoch = int(note.removeprefix("interrupted and resumed after epoch "))
    assert epoch >= 4, "phase 1 has three"
    assert f"epoch {epoch} of at most" not in resumed.err
    assert f"epoch {epoch + 1} of at most" in resumed.err


def test_what_was_stopped_what_was_killed_and_what_went_on_is_on_record(resumed: Resumed) -> None:
    assert resumed.stopped == 128 + signal.SIGTERM
    store = Store.open(f"sqlite:///{resumed.version.parents[1] / 'lineage.db'}", create=False)
    last, other, killed, stopped = store.experiments()
    assert (stopped.status, stopped.error) == (Status.STOPPED, "stopped by SIGTERM")
    assert (killed.status, killed.resumed_from) == (Status.CRASHED, stopped.model_id)
    assert (other.status, other.resumed_from) == (Status.FAILED, None)
    assert (last.status, last.resumed_from) == (Status.PUBLISHED, killed.model_id)
    assert (last.duration_s or 0) > (stopped.duration_s or 0) + resumed.result["seconds"][
        "training"
    ] / 2


def test_it_ends_as_if_it_had_never_been_killed(
    run_python: Callable[..., Any], resumed: Resumed, few: Path
) -> None:
    side = Path(__file__).with_name("tensorflow_side.py")
    ran = run_python(side, "uninterrupted", few, resumed.version)
    assert ran.code == 0, ran.err
    histories, published = ran.result["histories"], ran.result["published_histories"]
    assert [len(h) for h in published] == [len(h) for h in histories]
    for one, other in zip(chain(*histories), chain(*published), strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert ran.result["apart"] < 1e-5


def test_unfreezing_in_steps_brings_no_advice_about_retracing(resumed: Resumed) -> None:
    record = json.loads((resumed.version / "assets.extra" / "run.json").read_text())
    assert len(record["phases"][1]["steps"]) == 2
    assert "retracing" not in resumed.err


def test_another_seed_is_not_trained_on_top_of_it(resumed: Resumed) -> None:
    assert "settings.seed: 0 there, 7 here" in resumed.refused
    assert "Traceback" not in resumed.refused


def test_augmentation_is_not_in_the_exported_graph(
    run_python: Callable[..., Any], resumed: Resumed, published: Path
) -> None:
    assert any("augmentation" in note for note in resumed.result["notes"])
    side = Path(__file__).with_name("tensorflow_side.py")
    ran = run_python(side, "operations", resumed.version, published)
    assert ran.code == 0, ran.err
    augmented, plain = ran.result["kinds"]
    assert augmented == plain
    assert not any("Random" in kind or "ProjectiveTransform" in kind for kind in augmented)
