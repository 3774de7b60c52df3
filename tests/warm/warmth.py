"""The warm processes of a test run, and the interpreter that uses them.

One process a level of TensorFlow's log, as the level is fixed when it is imported; each imports
TensorFlow only when it is first asked.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.warm import python

HERE = Path(__file__).parent
LEVELS = ("2", "3")
# Handed down to workers and to whatever they start.
VARIABLE = "VISION_FORGE_WARM_PYTHON"


def warm_python() -> str:
    """Return the interpreter for programs that need TensorFlow; call it as ``sys.executable``."""
    return os.environ.get(VARIABLE, sys.executable)


class Warmth:
    """The warm processes of a run, from its beginning to its end."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="warm-"))
        self._lifeline, self._held = os.pipe()
        state = {"environment": python.read_at_start(), "limits": python.limits()}
        (self._folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        self._processes = [self._start(level) for level in LEVELS]
        program = self._folder / "python"
        source = (HERE / "python.py").read_text(encoding="utf-8")
        program.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
        program.chmod(0o755)
        os.environ[VARIABLE] = str(program)

    def _start(self, level: str) -> subprocess.Popen[bytes]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(self._folder / f"level-{level}.socket"))
            listener.listen(64)
            descriptors = (listener.fileno(), self._lifeline)
            return subprocess.Popen(
                [sys.executable, str(HERE / "parent.py"), *map(str, descriptors)],
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": level},
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the programs; this one ends with the run
            )

    def started(self) -> str:
        """Return how many programs have been started here, for people."""
        warm, cold = (
            path.stat().st_size if (path := self._folder / name).exists() else 0
            for name in ("warm", "cold")
        )
        return f"{warm} programs were started warm, {cold} that could not be in new interpreters"

    def end(self) -> None:
        """End the processes and forget them."""
        os.close(self._held)
        for process in self._processes:
            process.wait()
        os.close(self._lifeline)
        del os.environ[VARIABLE]
        shutil.rmtree(self._folder)
