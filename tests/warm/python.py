"""Stands where a Python interpreter is called; has the program run by a fork of a warm process.

It is started with the words of an interpreter's command line. What it cannot pass on exactly runs
in a new interpreter instead: other options than ``-m`` and ``-c``, an environment that TensorFlow
or Python look at when they are imported, limits on resources, programs that prove that they do
without TensorFlow. Otherwise it hands its arguments, environment, directory and standard streams to
``tests/warm/parent.py``, passes on the signals it gets, and ends as the program ends. Killed
itself, it takes the program with it; stopped, it does not. It has another process number than the
program: who stops one, or looks at one in ``/proc``, starts it with ``sys.executable``.

Started without ``site`` (see ``tests/warm/warmth.py``): it needs the standard library only, and
takes about 15 ms.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys

# TensorFlow, its libraries and Python read these once, when they are loaded.
READ_AT_START = (
    *("TF_", "KERAS_", "XLA_", "CUDA", "ONEDNN", "DNNL", "OMP_", "MKL", "OPENBLAS", "ATEN"),
    *("LD_", "MALLOC", "GLIBC", "PYTHON", "LC_", "LANG", "GRPC_"),
)
LEVEL = "TF_CPP_MIN_LOG_LEVEL"
PASSED_ON = frozenset(("PYTHONPATH", "PYTHONUNBUFFERED", "TF_CONFIG", LEVEL))
# What our command lines set for themselves, as the level is fixed when TensorFlow is imported.
LEVELS = {"model_server": "2", "model_server.tune": "2"}
OTHER_LEVEL = "3"
# These prove that they do without TensorFlow.
COLD = frozenset(("export.edge.file_check", "python_client"))
SIGNALS = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def read_at_start() -> dict[str, str]:
    """Return what of this process's environment is looked at once and cannot be given to a fork."""
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith(READ_AT_START) and name not in PASSED_ON
    }


def setting(environment: dict[str, str]) -> str:
    """Return what a warm process goes by: the environment that it was imported in, as text."""
    return json.dumps(environment, sort_keys=True)


def limits() -> list[tuple[int, int]]:
    """Return this process's limits on resources."""
    kinds = (
        *(resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK, resource.RLIMIT_NOFILE),
        *(resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_NPROC),
    )
    return [resource.getrlimit(kind) for kind in kinds]


def warm_socket(words: list[str], folder: str) -> str | None:
    """Return the socket of the process that can run this, None when none can."""
    if not words or (words[0] not in ("-m", "-c") and not words[0].endswith(".py")):
        return None
    program = words[1] if words[0] == "-m" else ""
    if program in COLD:
        return None
    level = os.environ.get(LEVEL, LEVELS.get(program, OTHER_LEVEL))
    with open(os.path.join(folder, "state.json"), encoding="utf-8") as file:
        state = json.load(file)
    if state["limits"] != [list(pair) for pair in limits()]:
        return None
    address: str | None = state["sockets"].get(setting({**read_at_start(), LEVEL: level}))
    return address


def ask(address: str, words: list[str], executable: str) -> int:
    """Have the program run and return how it ended: an exit code, or minus a signal's number."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    connection.connect(address)
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "words": words,
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "umask": umask,
        "executable": executable,
    }
    socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
    # Not before: nothing but the request may come first.
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda got, _: connection.send(bytes([got])))
    for standard in (0, 1, 2):  # a pipe ends when the program lets go of it
        os.close(standard)
    return int(connection.recv(16) or b"-9")


def main() -> None:
    """Run the command line."""
    executable = os.path.abspath(sys.argv[0])
    words = sys.argv[1:]
    folder = os.path.dirname(executable)
    address = warm_socket(words, folder)
    with open(os.path.join(folder, "cold" if address is None else "warm"), "ab") as count:
        count.write(b".")
    if address is None:
        os.execv(sys.executable, [sys.executable, *words])
    code = ask(address, words, executable)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
