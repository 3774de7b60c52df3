"""A process that ended where nothing could be caught is recognised by the next one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from export.training import checkpoints
from export.training.last_end import NOTE_FILE, Kills, LastEnd, ProcessNote
from export.training.work import Work
from tests.running import PATIENCE_S, REPO, Ran, run_export

IDENTITY = {"model": "classifier"}
# Notes itself as a training does, then does what the last argument says.
_PROCESS = """
import json, os, pathlib, resource, signal, sys
from export.training.last_end import ProcessNote
directory, size, limit, how = sys.argv[1:]
note = ProcessNote(pathlib.Path(directory), int(size))
note.begin(json.loads(limit))
if how == "no threads":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 4_000_000, used + 4_000_000))
    tf.matmul(tf.ones([500, 500]), tf.ones([500, 500]))  # starts TensorFlow's threads
elif how == "end":
    note.end(json.loads(limit))
else:
    os.kill(os.getpid(), getattr(signal, how))
"""


def ends(directory: Path, how: str, size: int = 32, limit: int | None = None) -> int:
    """Let a process note itself and end; return its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS, directory, str(size), json.dumps(limit), how],
        cwd=REPO,
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    return done.returncode


def test_a_run_that_begins_has_no_last_process(tmp_path: Path) -> None:
    assert ProcessNote(tmp_path, 32).last() == LastEnd()


def test_an_abort_halves_the_batch_of_the_next_and_again(tmp_path: Path) -> None:
    assert ends(tmp_path, "SIGABRT") == -signal.SIGABRT
    last = ProcessNote(tmp_path, 32).last()
    assert last.limit == 16
    assert last.reason.startswith(
        "out of memory: the last process ended with steps of 32 examples (aborted"
    )
    assert ends(tmp_path, "SIGABRT", limit=16) == -signal.SIGABRT
    assert ProcessNote(tmp_path, 32).last().limit == 8


@pytest.mark.tensorflow
def test_tensorflow_that_cannot_start_a_thread_is_recognised(tmp_path: Path) -> None:
    """It ends the process itself; no exception passes by."""
    code = ends(tmp_path, "no threads", size=8)
    if code >= 0:
        pytest.skip(f"TensorFlow did not end the process here (exit code {code})")
    assert ProcessNote(tmp_path, 8).last().limit == 4


def test_who_was_merely_killed_goes_on_as_before(tmp_path: Path) -> None:
    assert ends(tmp_path, "SIGKILL") == -signal.SIGKILL
    assert ProcessNote(tmp_path, 32).last(Kills.now()) == LastEnd()


def test_an_end_in_order_leaves_the_limit_that_was_found(tmp_path: Path) -> None:
    assert ends(tmp_path, "end", limit=4) == 0
    assert ProcessNote(tmp_path, 32).last() == LastEnd(
        4, "steps of 4 examples, as the last process had"
    )


def test_the_kernels_killer_is_recognised_by_its_count(tmp_path: Path) -> None:
    """The count is the kernel's own; that it grows is told to it, for nobody is killed here."""
    assert ends(tmp_path, "SIGKILL") == -signal.SIGKILL
    now = Kills.now()
    if not now.boot:
        pytest.skip("this kernel does not count")
    last = ProcessNote(tmp_path, 32).last(Kills(now.boot, now.count + 1))
    assert last.limit == 16 and "the kernel has killed for want of memory since" in last.reason
    other_boot = Kills("another", now.count + 1)
    assert ProcessNote(tmp_path, 32).last(other_boot) == LastEnd(), "it counts from its own start"


def test_the_count_is_read_as_linux_writes_it(tmp_path: Path) -> None:
    counters, boot = tmp_path / "vmstat", tmp_path / "boot_id"
    counters.write_text("nr_free_pages 12\noom_kill 3\ndrop_pagecache 0\n")
    boot.write_text("c0ffee\n")
    assert Kills.now(counters, boot) == Kills("c0ffee", 3)
    counters.write_text("nr_free_pages 12\n")
    assert Kills.now(counters, boot) == Kills()


@pytest.mark.parametrize("text", ["", "[]", '{"lives": true}', '{"limit": "few", "lives": 1}'])
def test_a_note_that_is_damaged_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / NOTE_FILE).write_text(text)
    assert ProcessNote(tmp_path, 32).last() == LastEnd()


def test_a_directory_with_nothing_but_notes_is_given_up(tmp_path: Path) -> None:
    work = Work(tmp_path / "work", IDENTITY)
    note = ProcessNote(work.directory, 32)
    note.begin(None)
    work.at_close(lambda: note.end(None))
    work.abandon()
    assert not work.directory.exists()
    with closing(Work(tmp_path / "work", IDENTITY)) as work:
        checkpoints.save(work, "head", {"history": []}, {})
        work.abandon()
        assert work.directory.exists()


@pytest.fixture(scope="module")
def aborted(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A training that is ended by SIGABRT after its first epochs, and the same command again."""
    home = tmp_path_factory.mktemp("aborted")
    arguments = ["classifier", f"--data={photographs}", f"--out={home / 'models'}"]
    arguments += [f"--work={home / 'work'}", "--image-size=64", "--epochs=20"]
    arguments += ["--fine-tune-epochs=0", "--batch-size=16", "--allow-baseline", "--no-tflite"]
    command = [sys.executable, "-m", "export", *arguments]
    with subprocess.Popen(command, cwd=REPO, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + PATIENCE_S
        while not (home / "work" / "head.npz").exists():
            assert process.poll() is None, "it ended before it could be aborted"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGABRT)
    assert process.returncode == -signal.SIGABRT
    return run_export(*arguments)


@pytest.mark.training
def test_a_training_goes_on_with_half_the_batch_and_says_so(aborted: Ran) -> None:
    assert aborted.code == 0, aborted.err
    said = "out of memory: the last process ended with steps of 16 examples"
    assert said in aborted.err
    notes = aborted.result["notes"]
    assert any(note.startswith(said) and note.endswith("goes on with 8") for note in notes)
    assert any(note.startswith("interrupted and resumed after epoch ") for note in notes)
