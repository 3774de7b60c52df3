"""A program that starts warm is what the same program is in an interpreter of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.once import Made
from tests.running import PATIENCE_S
from tests.warm.warmth import PROCESSORS, warm_python

pytestmark = pytest.mark.tensorflow

REPORT = """
import json, os, sys
print(json.dumps({
    "arguments": sys.argv, "directory": os.getcwd(), "environment": os.environ.get("COLOUR"),
    "input": sys.stdin.read(), "path": sys.path[0], "name": __name__, "umask": os.umask(0),
    "buffered": not sys.stdout.write_through,
}))
print("to stderr", file=sys.stderr)
sys.exit(5)
"""
IS_WARM = "import sys; print('tensorflow' in sys.modules)"


@pytest.fixture(params=["-c", "-m", "file"])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """The words after the interpreter's name that run REPORT."""
    (tmp_path / "report.py").write_text(REPORT)
    return {
        "-c": ["-c", REPORT, "a", "b c"],
        "-m": ["-m", "report", "a", "b c"],
        "file": ["report.py", "a", "b c"],
    }[str(request.param)]


def run(interpreter: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [interpreter, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        **options,
    )


def test_it_sees_and_says_what_it_would_in_an_interpreter_of_its_own(
    words: list[str], tmp_path: Path
) -> None:
    warm, cold = (
        run(
            interpreter,
            *words,
            cwd=tmp_path,
            input="to stdin",
            umask=0o027,
            env={**os.environ, "COLOUR": "green"},
        )
        for interpreter in (warm_python(), sys.executable)
    )
    assert json.loads(warm.stdout) == json.loads(cold.stdout)
    assert (warm.returncode, warm.stderr) == (cold.returncode, cold.stderr) == (5, "to stderr\n")


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('a message')",
        "import sys; sys.exit(True)",
        "import os; os._exit(7)",
        "import os; os.abort()",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import atexit; atexit.register(print, 'the end')",
        "import threading; threading.Timer(0.1, print, ['the last thread']).start()",
        "print('no newline', end='')",
    ],
)
def test_it_ends_as_it_would(end: str) -> None:
    warm, cold = run(warm_python(), "-c", end), run(sys.executable, "-c", end)
    assert (warm.returncode, warm.stdout, warm.stderr) == (
        cold.returncode,
        cold.stdout,
        cold.stderr,
    )


def test_an_exception_ends_it_with_a_traceback() -> None:
    ran = run(warm_python(), "-c", "raise ValueError('by design')")
    assert ran.returncode == 1
    assert ran.stderr.endswith("ValueError: by design\n")


def test_it_does_not_import_tensorflow_again() -> None:
    assert run(warm_python(), "-c", IS_WARM).stdout == "True\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TF_NUM_INTEROP_THREADS", "1"),
        ("OMP_NUM_THREADS", "1"),
        ("PYTHONWARNINGS", "default"),
        ("LC_ALL", "C"),
    ],
)
def test_what_is_read_at_the_start_makes_a_new_interpreter(variable: str, value: str) -> None:
    environment = {**os.environ, variable: value}
    assert run(warm_python(), "-c", IS_WARM, env=environment).stdout == "False\n"


@pytest.mark.long
@pytest.mark.parametrize("processor", PROCESSORS)
def test_a_program_on_another_processor_is_warm_too(processor: str) -> None:
    asked = dict(PROCESSORS[processor])
    program = f"{IS_WARM}; import os; print({asked}.items() <= os.environ.items())"
    ran = run(warm_python(), "-c", program, env={**os.environ, **PROCESSORS[processor]})
    assert ran.stdout == "True\nTrue\n"


def test_an_interpreter_s_own_options_make_a_new_interpreter() -> None:
    assert run(warm_python(), "-W", "error", "-c", IS_WARM).stdout == "False\n"


def test_what_it_starts_is_warm_too() -> None:
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {IS_WARM!r}])"
    assert run(warm_python(), "-c", program).stdout == "True\n"


WAIT = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(f"got {number}"))
print(os.getpid(), flush=True)
while True:
    time.sleep(0.01)
"""


@pytest.fixture
def waiting() -> Any:
    """A program that waits to be told to end, and its own process's number."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [warm_python(), "-c", WAIT], stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout
        yield process, int(process.stdout.readline())
        process.kill()


def is_running(process: int) -> bool:
    """Whether there is a process that has not ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it went while we looked
        return False
    return state not in "ZX"


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_it_gets_the_signals_of_its_caller(waiting: Any) -> None:
    process, _ = waiting
    process.send_signal(signal.SIGTERM)
    assert process.stderr.read() == "got 15\n"
    assert process.wait(PATIENCE_S) == 1


def test_it_is_killed_with_its_caller(waiting: Any) -> None:
    process, inner = waiting
    assert is_running(inner)
    process.kill()
    wait_until(lambda: not is_running(inner), "the program outlived its caller")


def test_callers_that_are_killed_at_any_moment_leave_it_to_serve_the_next() -> None:
    for hundredths in range(30):  # from before it is asked to after its program has ended
        with subprocess.Popen([warm_python(), "-c", "pass"]) as process:
            try:
                process.wait(hundredths / 100)
            except subprocess.TimeoutExpired:
                process.kill()
    assert run(warm_python(), "-c", IS_WARM).stdout == "True\n"


def test_what_is_made_once_is_made_once(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> str:
        made.append(folder)
        (folder / "file").write_text("as it was made")
        return str(folder / "file")

    for _ in range(2):  # two workers
        once = Made(tmp_path)
        assert Path(once("thing", make)).read_text() == "as it was made"
        assert once.changed() == []
    assert made == [tmp_path / "thing"]


@pytest.mark.parametrize("change", ["write", "remove", "add"])
def test_a_change_of_what_is_made_once_is_noticed(tmp_path: Path, change: str) -> None:
    once = Made(tmp_path)
    file = Path(
        once("thing", lambda folder: (folder / "file").write_text("x") and str(folder / "file"))
    )
    file.parent.chmod(0o755)
    file.chmod(0o644)
    if change == "write":
        file.write_text("longer than it was")
    elif change == "remove":
        file.unlink()
    else:
        (file.parent / "another").touch()
    assert once.changed() == ["thing/another" if change == "add" else "thing/file"]
    assert once.changed() == []


def test_what_could_not_be_made_fails_every_test_that_needs_it(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise OSError("no space")

    for _ in range(2):
        with pytest.raises(pytest.fail.Exception, match="thing could not be made: OSError: no sp"):
            Made(tmp_path)("thing", fail)
