"""``--server auto|binary|docker|embedded``: one command line for whichever server there is.

``auto`` prefers TensorFlow Serving itself: a ``tensorflow_model_server`` on PATH, then Docker with
the serving image, then the embedded server. It says which it took and why, waits until every model
is available, and passes signals on.
"""

from __future__ import annotations

import logging
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import grpc

from model_server.errors import StartError, UsageError
from model_server.model_configs import ModelConfig
from model_server.options import ServerOptions, without_own_flags
from model_server.serving_protos import GetModelStatusRequest, GetModelStatusResponse

logger = logging.getLogger(__name__)

KINDS = ("auto", "binary", "docker", "embedded")
BINARY = "tensorflow_model_server"

_STATUS_METHOD = "/tensorflow.serving.ModelService/GetModelStatus"
_AVAILABLE = 30
_POLL_S = 0.5
_DOCKER_TIMEOUT_S = 15.0
_FILE_FLAGS = (
    "model_config_file",
    "batching_parameters_file",
    "monitoring_config_file",
    "ssl_config_file",
)


@dataclass(frozen=True)
class Choice:
    """Which server runs, and why.

    Attributes:
        kind: ``binary``, ``docker`` or ``embedded``.
        reason: One clause for the log.
        program: Path of the program that is started; empty for the embedded server.
    """

    kind: str
    reason: str
    program: str = ""


def choose(kind: str, image: str) -> Choice:
    """Find the server to run.

    Args:
        kind: One of :data:`KINDS`.
        image: The serving image, for ``docker``.

    Raises:
        UsageError: ``kind`` is none of them.
        StartError: The kind asked for is not here; the message says what is missing.
    """
    if kind not in KINDS:
        raise UsageError(f"--server expects one of {', '.join(KINDS)}, received {kind!r}")
    if kind == "embedded":
        return Choice("embedded", "it was asked for")
    missing = []
    if kind in ("auto", "binary"):
        if program := shutil.which(BINARY):
            return Choice("binary", f"{program} is on PATH", program)
        missing.append(f"no {BINARY} on PATH")
    if kind in ("auto", "docker"):
        program = shutil.which("docker")
        problem = "no docker on PATH" if program is None else _docker_problem(program, image)
        if program and not problem:
            return Choice("docker", f"docker has the image {image}", program)
        missing.append(problem)
    if kind == "auto":
        return Choice("embedded", " and ".join(missing))
    raise StartError(f"--server={kind}: {' and '.join(missing)}")


def command(
    choice: Choice,
    arguments: Sequence[str],
    options: ServerOptions,
    configs: Sequence[ModelConfig],
) -> list[str]:
    """Return the command line of a server that is not the embedded one.

    Args:
        choice: What :func:`choose` found.
        arguments: The user's flags; ours, which no other server knows, are left out.
        options: The same flags, read.
        configs: The models; Docker sees their directories under the same paths, read-only.
    """
    flags, dropped = without_own_flags(arguments)
    if dropped:
        logger.warning("%s has no %s: left out", choice.kind, ", ".join(dropped))
    if choice.kind == "binary":
        return [choice.program, *flags]
    paths = {str(config.base_path) for config in configs}
    paths |= {str(Path(getattr(options, f)).absolute()) for f in _FILE_FLAGS if getattr(options, f)}
    run = [choice.program, "run", "--rm", "--init", f"--entrypoint={BINARY}"]
    for path in sorted(paths):
        run += ["--volume", f"{path}:{path}:ro"]
    for port in (options.port, options.rest_api_port):
        if port:
            run += ["--publish", f"{port}:{port}"]
    return [*run, "--workdir", str(Path.cwd()), options.docker_image, *flags]


def run(command_line: Sequence[str], options: ServerOptions, configs: Sequence[ModelConfig]) -> int:
    """Run a server to its end.

    Args:
        command_line: What :func:`command` returned.
        options: Where it listens.
        configs: The models to wait for.

    Returns:
        The server's exit code; 128 + n when signal n ended it.

    Raises:
        StartError: The program cannot be started.
    """
    try:
        process = subprocess.Popen(command_line)
    except OSError as err:
        raise StartError(f"{command_line[0]} cannot be started: {err.strerror}") from err

    def forward(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    threading.Thread(
        target=_report_available, args=(process, options, configs), daemon=True
    ).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


def _report_available(
    process: subprocess.Popen[bytes], options: ServerOptions, configs: Sequence[ModelConfig]
) -> None:
    begin = time.monotonic()
    waiting = [config.name for config in configs]
    while waiting and process.poll() is None:
        waiting = [name for name in waiting if not _is_available(options, name)]
        if waiting:
            time.sleep(_POLL_S)
    if not waiting:
        logger.info("every model is AVAILABLE after %.1f s", time.monotonic() - begin)


def _is_available(options: ServerOptions, name: str) -> bool:
    target = f"127.0.0.1:{options.port}" if options.port else f"unix:{options.grpc_socket_path}"
    if options.ssl_config_file:
        # Its certificate may be for any name; that it listens is as much as can be known, and
        # TensorFlow Serving listens only when its models are loaded.
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", options.port)) == 0
    request = GetModelStatusRequest()
    request.model_spec.name = name
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(
            _STATUS_METHOD,
            request_serializer=GetModelStatusRequest.SerializeToString,
            response_deserializer=GetModelStatusResponse.FromString,
        )
        try:
            response = call(request, timeout=5.0)
        except grpc.RpcError:
            return False
    return any(version.state == _AVAILABLE for version in response.model_version_status)


def _docker_problem(program: str, image: str) -> str:
    """Tell why Docker cannot run the image; empty when it can."""
    try:
        result = subprocess.run(
            [program, "image", "inspect", image],
            capture_output=True,
            text=True,
            timeout=_DOCKER_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        return f"docker does not answer ({type(err).__name__})"
    if result.returncode == 0:
        return ""
    if "No such image" in result.stderr or "no such image" in result.stderr:
        return f"docker has no image {image}"
    lines = result.stderr.strip().splitlines()
    return f"docker does not answer ({lines[-1] if lines else result.returncode})"
