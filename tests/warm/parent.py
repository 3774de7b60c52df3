"""A process that has imported TensorFlow and forks whatever Python program it is asked for.

Importing TensorFlow takes five to six seconds of processor time, and the tests start some hundreds
of programs that need it. Here it is imported once, before any session exists; each program is then
a fork: a process of its own with its own arguments, environment, directory, standard streams and
exit code, ended by the signals that its caller sends. Our own packages are not imported here, so a
program reads them itself, as it does when it is started by the shell.

Asked by ``tests/warm/python.py``. Usage: ``parent.py LISTENER LIFELINE``, two file descriptors: a
Unix socket on which it is asked (it imports nothing until then) and a pipe: this process and all
that it forked end when the other side is closed.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import runpy
import select
import selectors
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

# What TensorFlow programs of ours import beside it, by the time it takes.
MODULES = (
    "tensorflow",
    "keras",
    "scipy.optimize",
    "sklearn.metrics",
    "h5py",
    "PIL.Image",
    "sqlalchemy",
    "alembic.command",
    "google.protobuf.text_format",
)
_PR_SET_PDEATHSIG = 1
_MESSAGE_BYTES = 1 << 20


@dataclass(frozen=True)
class Program:
    """What a caller asked for: see ``tests/warm/python.py`` for the keys."""

    words: list[str]
    environment: dict[str, str]
    directory: str
    umask: int
    executable: str


@dataclass
class _Started:
    """A running fork: the connection of whoever asked, the process, a file that ends with it."""

    connection: socket.socket
    process: int
    ending: int


def serve(listener: socket.socket, lifeline: int) -> Program:
    """Fork a process for each request; return in the new process, what it has to run.

    Args:
        listener: Unix socket that listens.
        lifeline: File descriptor; its end of file ends this process.

    Returns:
        The program, in a forked process whose standard streams are the caller's. The process that
        listens never returns.
    """
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(lifeline, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if waiting.get_map().get(key.fd) is not key:
                continue  # it ended in this very round
            if key.fileobj == lifeline:
                os._exit(0)
            elif key.fileobj == listener:
                connection, _ = listener.accept()
                program = _start(connection, waiting)
                if program is not None:
                    return program
            elif key.data[0] == "ending":
                _report(key.data[1], waiting)
            else:
                _signal(key.data[1], waiting)


def _start(connection: socket.socket, waiting: selectors.BaseSelector) -> Program | None:
    streams: list[int] = []
    with contextlib.suppress(ConnectionResetError):
        message, streams, _, _ = socket.recv_fds(connection, _MESSAGE_BYTES, 3)
    if len(streams) != 3:  # whoever asked is gone
        connection.close()
        return None
    parent = os.getpid()
    process = os.fork()
    if process == 0:
        _die_with(parent)
        # What the listening process holds stays its own.
        for fileno in [key.fd for key in waiting.get_map().values()]:
            os.close(fileno)
        waiting.close()
        connection.close()
        _take_streams(streams)
        return Program(**json.loads(message))
    for stream in streams:
        os.close(stream)
    started = _Started(connection, process, os.pidfd_open(process))
    waiting.register(started.ending, selectors.EVENT_READ, ("ending", started))
    waiting.register(connection, selectors.EVENT_READ, ("caller", started))
    return None


def _signal(started: _Started, waiting: selectors.BaseSelector) -> None:
    """Pass a signal on; a caller who is gone was killed, and so is its program."""
    number = b""
    with contextlib.suppress(ConnectionResetError):
        number = started.connection.recv(1)
    if not number:
        waiting.unregister(started.connection)
    signal.pidfd_send_signal(started.ending, number[0] if number else signal.SIGKILL)


def _report(started: _Started, waiting: selectors.BaseSelector) -> None:
    _, status = os.waitpid(started.process, 0)
    waiting.unregister(started.ending)
    if started.connection in waiting.get_map():  # its caller is not gone
        waiting.unregister(started.connection)
    os.close(started.ending)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its caller may be gone
        started.connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    started.connection.close()


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _take_streams(streams: list[int]) -> None:
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
    for stream in streams:
        os.close(stream)


def run(program: Program) -> NoReturn:
    """Be the interpreter that was asked for, and leave as it leaves.

    All that a program may count on at its end happens: threads are waited for, exit functions run,
    streams are flushed. Taking TensorFlow's modules apart, half a second, does not.
    """
    code = 1
    try:
        _be(program)
        code = 0
    except SystemExit as leaving:
        code = _code(leaving)
    except BaseException as error:  # as the interpreter does
        sys.excepthook(type(error), error, error.__traceback__)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)


def _code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


def _be(program: Program) -> None:
    import numpy as np

    os.environ.clear()
    os.environ.update(program.environment)
    os.chdir(program.directory)
    os.umask(program.umask)
    unbuffered = bool(program.environment.get("PYTHONUNBUFFERED"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            line_buffering=stream is sys.stderr or stream.isatty(), write_through=unbuffered
        )
    np.random.seed()  # a fork would draw what its siblings draw
    # Programs that this one starts are forks too.
    sys.executable = program.executable
    added = program.environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [entry for entry in added if entry and entry not in sys.path]
    kind, *words = program.words
    if kind == "-m":
        sys.argv = words
        sys.path.insert(0, program.directory)
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *words[1:]]
        sys.path.insert(0, "")
        main: dict[str, Any] = sys.modules["__main__"].__dict__
        exec(compile(words[0], "<string>", "exec"), main)  # noqa: S102
    else:
        sys.argv = [kind, *words]
        sys.path.insert(0, str(Path(kind).resolve().parent))
        runpy.run_path(kind, run_name="__main__")


def _import_all() -> None:
    for module in MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # forks share these objects' pages for as long as nobody counts them


def main() -> None:
    """Wait to be asked, import, serve; in a fork, run what was asked for."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    lifeline = int(sys.argv[2])
    readable, _, _ = select.select([listener, lifeline], [], [])
    if lifeline in readable:
        return
    sys.path.remove(str(Path(__file__).parent))
    # Tests let programs abort; writing a core of TensorFlow's size takes seconds.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _import_all()
    run(serve(listener, lifeline))


if __name__ == "__main__":
    main()
