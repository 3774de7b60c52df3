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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import grpc

from model_server.errors import StartError, UsageError
from model_server.models.config_file import read_model_config_messages
from model_server.parsing import known_values, without_own_flags
from protos import GetModelStatusRequest, GetModelStatusResponse
from protos import ModelConfig as ModelConfigMessage

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
    "platform_config_file",
    "tensorflow_session_config_file",
    "thread_pool_factory_config_file",
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


def command(choice: Choice, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a server that is not the embedded one.

    Args:
        choice: What :func:`choose` found.
        arguments: The user's flags. They are passed on word for word, those that are not known here
            too: the program checks them by itself. Only ours, which it does not have, are left out.
    """
    passed_on, dropped = without_own_flags(arguments)
    if dropped:
        logger.warning("%s has no %s: left out", choice.kind, ", ".join(dropped))
    if choice.kind == "binary":
        return [choice.program, *passed_on]
    values = known_values(arguments)
    paths = {model.base_path for model in _models(values) if model.base_path.startswith("/")}
    paths |= {str(Path(values[f]).absolute()) for f in _FILE_FLAGS if values[f]}
    run = [choice.program, "run", "--rm", "--init", f"--entrypoint={BINARY}"]
    for path in sorted(paths):
        run += ["--volume", f"{path}:{path}:ro"]
    for port in (values["port"], values["rest_api_port"]):
        if port:
            run += ["--publish", f"{port}:{port}"]
    return [*run, "--workdir", str(Path.cwd()), values["docker_image"], *passed_on]


def run(choice: Choice, arguments: Sequence[str]) -> int:
    """Run a server that is not the embedded one to its end.

    Args:
        choice: What :func:`choose` found.
        arguments: The user's flags.

    Returns:
        The server's exit code; 128 + n when signal n ended it.

    Raises:
        StartError: The program cannot be started.
    """
    command_line = command(choice, arguments)
    try:
        process = subprocess.Popen(command_line)
    except OSError as err:
        raise StartError(f"{command_line[0]} cannot be started: {err.strerror}") from err

    def forward(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    values = known_values(arguments)
    threading.Thread(target=_report_available, args=(process, values), daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


def _models(values: Mapping[str, Any]) -> list[Any]:
    """Return the models that a command line asks for, as ``ModelConfig`` messages.

    None when that cannot be told: the file may be for a newer server than this one.
    """
    if not values["model_config_file"]:
        return [ModelConfigMessage(name=values["model_name"], base_path=values["model_base_path"])]
    try:
        return list(read_model_config_messages(Path(values["model_config_file"])) or ())
    except UsageError as err:
        logger.warning("%s; it is the server's to judge", err)
        return []


def _report_available(process: subprocess.Popen[bytes], values: Mapping[str, Any]) -> None:
    begin = time.monotonic()
    waiting = [] if values["version"] else [config.name for config in _models(values)]
    if not waiting:
        return
    while waiting and process.poll() is None:
        waiting = [name for name in waiting if not _is_available(values, name)]
        if waiting:
            time.sleep(_POLL_S)
    if not waiting:
        logger.info("every model is AVAILABLE after %.1f s", time.monotonic() - begin)


def _is_available(values: Mapping[str, Any], name: str) -> bool:
    port = values["port"]
    if values["ssl_config_file"]:
        # Its certificate may be for any name; that it listens is as much as can be known, and
        # TensorFlow Serving listens only when its models are loaded.
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    request = GetModelStatusRequest()
    request.model_spec.name = name
    target = f"127.0.0.1:{port}" if port else f"unix:{values['grpc_socket_path']}"
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
