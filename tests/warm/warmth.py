"""The warm processes of a test run, and the interpreter that uses them.

One process for each level of TensorFlow's log and each processor that tests make this one pass for,
as both are fixed when TensorFlow is imported; each imports it only when it is first asked.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import product
from pathlib import Path

from tests.warm import python

HERE = Path(__file__).parent
LEVELS = ("2", "3")
# oneDNN chooses kernels by instruction set, and can be made to pass over some.
PROCESSORS: Mapping[str, Mapping[str, str]] = {
    "as it is": {},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "with oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "1"},  # the default with AVX-512 only
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
}
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
        sockets: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        for number, (level, processor) in enumerate(product(LEVELS, PROCESSORS.values())):
            setting = {**processor, python.LEVEL: level}
            address = str(self._folder / f"{number}.socket")
            sockets[python.setting({**python.read_at_start(), **setting})] = address
            self._processes.append(self._start(address, setting))
        state = {"sockets": sockets, "limits": python.limits()}
        (self._folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        program = self._folder / "python"
        source = (HERE / "python.py").read_text(encoding="utf-8")
        program.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
        program.chmod(0o755)
        os.environ[VARIABLE] = str(program)

    def _start(self, address: str, setting: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(address)
            listener.listen(64)
            descriptors = (listener.fileno(), self._lifeline)
            return subprocess.Popen(
                [sys.executable, str(HERE / "parent.py"), *map(str, descriptors)],
                env={**os.environ, **setting},
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
