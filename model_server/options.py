"""The command line: TensorFlow Serving's own flags, their defaults, and one of ours.

A field of :class:`ServerOptions` is a flag, so a flag exists in one place. Flags that TensorFlow
Serving knows and this server cannot honour are refused unless they keep their default: a server
that ignores a setting is worse than one that does not start.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from model_server.errors import UsageError

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_TRUE = ("true", "1")
_FALSE = ("false", "0")
_UNSUPPORTED = "unsupported"
_OWN = "own"


def _flag(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


def _own(default: Any, text: str) -> Any:
    """A flag that TensorFlow Serving does not have; the launcher keeps it from other servers."""
    text = f"(not in TensorFlow Serving) {text}"
    return field(default=default, metadata={"help": text, _OWN: True})


def _unsupported(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text, _UNSUPPORTED: True})


@dataclass(frozen=True)
class ServerOptions:
    """Everything the command line says. Each field is the flag of the same name."""

    port: int = _flag(8500, "TCP port to listen on for gRPC; 0 disables it (see grpc_socket_path)")
    grpc_socket_path: str = _flag("", "if non-empty, also listen for gRPC on this Unix socket")
    grpc_max_threads: int = _flag(
        4 * _CORES, "calls answered at the same time; one more is refused"
    )
    grpc_channel_arguments: str = _flag("", "comma-separated key=value gRPC server arguments")
    enable_grpc_healthcheck_service: bool = _flag(False, "serve grpc.health.v1.Health")

    rest_api_port: int = _flag(0, "TCP port to listen on for REST; 0 disables it")
    rest_api_num_threads: int = _flag(4 * _CORES, "REST requests answered at the same time")
    rest_api_timeout_in_ms: int = _flag(30_000, "longest run of a REST request in milliseconds")
    rest_api_enable_cors_support: bool = _flag(False, "send CORS headers")
    ssl_config_file: str = _flag("", "SSLConfig in protobuf text format: TLS or mTLS for gRPC")
    monitoring_config_file: str = _flag("", "MonitoringConfig in protobuf text format")

    model_name: str = _flag("default", "name of the model (ignored with --model_config_file)")
    model_base_path: str = _flag("", "directory whose numbered directories are its versions")
    model_config_file: str = _flag("", "ModelServerConfig in protobuf text format")
    model_config_file_poll_wait_seconds: int = _flag(
        0, "seconds between looks whether that file changed; 0 never looks again"
    )
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "a label that is new may point to a version that is not available yet"
    )
    file_system_poll_wait_seconds: int = _flag(
        1, "seconds between looks for new versions; 0 looks once, negative never looks again"
    )
    max_num_load_retries: int = _flag(5, "how often a failed load is tried again")
    load_retry_interval_micros: int = _flag(60_000_000, "microseconds between those tries")
    num_load_threads: int = _flag(0, "versions loaded at the same time; 0 chooses")
    enable_model_warmup: bool = _flag(
        True, "replay assets.extra/tf_serving_warmup_requests before a version is available"
    )
    num_request_iterations_for_warmup: int = _flag(1, "how often each warm-up request is replayed")
    saved_model_tags: str = _flag("serve", "comma-separated tags of the meta graph to load")

    tensorflow_session_parallelism: int = _flag(0, "threads of a session, both kinds; 0 chooses")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads inside one operation; 0 chooses")
    tensorflow_inter_op_parallelism: int = _flag(0, "operations run at the same time; 0 chooses")
    enable_batching: bool = _flag(False, "put requests of one signature together into batches")
    batching_parameters_file: str = _flag("", "BatchingParameters in protobuf text format")
    enable_signature_method_name_check: bool = _flag(
        False, "refuse signatures whose method_name is not the one of the call"
    )
    enable_serialization_as_tensor_content: bool = _flag(
        False, "answer with tensor_content instead of the typed *_val fields"
    )
    check_signature_shapes: str = _own(
        "auto",
        "refuse a tensor whose rank or fixed dimensions contradict the signature before anything "
        "runs: auto (only where the signature's graph reaches a kernel that ends the process on a "
        "wrong rank), true, or false (as TensorFlow Serving)",
    )

    server: str = _own(
        "embedded", "which server runs: auto, binary, docker or embedded; auto prefers the real one"
    )
    docker_image: str = _own("vision-forge-serving", "the image of --server=docker")
    request_log: str = _own(
        "errors",
        "which calls are logged, one JSON object a line: none, errors, all",
    )

    opentelemetry: str = _own(
        "none",
        "where a span of each call goes: none, console (stderr) or otlp (OTEL_* variables say "
        "where); needs the extra otel",
    )

    platform_config_file: str = _unsupported("", "PlatformConfigMap")
    tensorflow_session_config_file: str = _unsupported("", "ConfigProto of sessions")
    per_process_gpu_memory_fraction: float = _unsupported(0.0, "share of the GPU's memory")
    prefer_tflite_model: bool = _unsupported(False, "serve model.tflite")
    use_alts_credentials: bool = _unsupported(False, "Google ALTS")
    xla_cpu_compilation_enabled: bool = _unsupported(False, "XLA on CPU")
    mixed_precision: str = _unsupported("", "mixed precision")
    thread_pool_factory_config_file: str = _unsupported("", "ThreadPoolConfig")
    enable_per_model_batching_parameters: bool = _unsupported(
        False, "batching_params.pbtxt in a version"
    )

    def __post_init__(self) -> None:
        """Refuse values that contradict each other or no server can honour.

        Raises:
            UsageError: With the flag, what it may be and what it is.
        """
        for name in ("port", "rest_api_port"):
            _expect_range(self, name, 0, 65535)
        for name in ("grpc_max_threads", "rest_api_num_threads"):
            _expect_range(self, name, 1, 10_000)
        for name in (
            "max_num_load_retries",
            "load_retry_interval_micros",
            "num_load_threads",
            "model_config_file_poll_wait_seconds",
            "rest_api_timeout_in_ms",
            "num_request_iterations_for_warmup",
            "tensorflow_session_parallelism",
            "tensorflow_intra_op_parallelism",
            "tensorflow_inter_op_parallelism",
        ):
            _expect_range(self, name, 0, 2**31 - 1)
        for flag in fields(self):
            if flag.metadata.get(_UNSUPPORTED) and getattr(self, flag.name) != flag.default:
                raise UsageError(
                    f"--{flag.name} is a flag of tensorflow_model_server that this embedded server "
                    f"does not have; only its default {_show(flag.default)!r} is accepted"
                )
        if self.tensorflow_session_parallelism and (
            self.tensorflow_intra_op_parallelism or self.tensorflow_inter_op_parallelism
        ):
            raise UsageError(
                "--tensorflow_session_parallelism sets both pools: give either it or "
                "--tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism"
            )
        if self.check_signature_shapes not in ("auto", "true", "false"):
            raise UsageError(
                "--check_signature_shapes expects auto, true or false, received "
                f"{self.check_signature_shapes!r}"
            )
        if self.request_log not in ("none", "errors", "all"):
            raise UsageError(
                f"--request_log expects none, errors or all, received {self.request_log!r}"
            )
        if self.opentelemetry not in ("none", "console", "otlp"):
            raise UsageError(
                f"--opentelemetry expects none, console or otlp, received {self.opentelemetry!r}"
            )
        if self.port and self.port == self.rest_api_port:
            raise UsageError(f"--rest_api_port cannot be the same as --port, both are {self.port}")
        if self.batching_parameters_file and not self.enable_batching:
            raise UsageError("--batching_parameters_file needs --enable_batching")
        if not self.port and not self.grpc_socket_path:
            raise UsageError("--port=0 needs --grpc_socket_path: nothing would listen for gRPC")
        if not self.model_config_file and not self.model_base_path:
            raise UsageError(
                "no model to serve: give --model_base_path (with --model_name) or "
                "--model_config_file"
            )

    @property
    def intra_op_threads(self) -> int:
        """Threads inside one operation, 0 for TensorFlow's choice."""
        return self.tensorflow_intra_op_parallelism or self.tensorflow_session_parallelism

    @property
    def inter_op_threads(self) -> int:
        """Operations run at the same time, 0 for TensorFlow's choice."""
        return self.tensorflow_inter_op_parallelism or self.tensorflow_session_parallelism


def parse(arguments: Sequence[str]) -> ServerOptions:
    """Read ``--flag=value``, ``--flag value``, ``--flag`` and ``--noflag``.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The options; a flag given twice has its last value.

    Raises:
        UsageError: An unknown flag (the closest known one is named), a value that is missing or of
            the wrong type, an argument that is not a flag, or values that contradict each other.
    """
    return ServerOptions(**_given(arguments))


def _given(arguments: Sequence[str]) -> dict[str, Any]:
    known = {flag.name: flag for flag in fields(ServerOptions)}
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--") or argument == "--":
            raise UsageError(f"{argument!r} is not a flag; flags look like --port=8500")
        name, equals, value = argument[2:].partition("=")
        flag = known.get(name)
        if flag is None and name.startswith("no") and not equals:
            flag = known.get(name[2:])
            if flag is not None and isinstance(flag.default, bool):
                values[flag.name] = False
                continue
            flag = None
        if flag is None:
            _unknown(name, list(known))
        if isinstance(flag.default, bool):
            # A separate word is no value of a boolean, as in gflags: `--flag false` is ambiguous.
            values[name] = _boolean(name, value) if equals else True
            continue
        if not equals:
            if not rest:
                raise UsageError(f"--{name} needs a value: --{name}={_show(flag.default) or '…'}")
            value = rest.pop(0)
        values[name] = _convert(name, value, type(flag.default))
    return values


def without_own_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Leave out the flags that TensorFlow Serving does not have.

    Args:
        arguments: A command line that :func:`parse` has accepted.

    Returns:
        The other flags, each as ``--flag=value``, and the names of those left out that say
        something other than which server to run.
    """
    own = {flag.name for flag in fields(ServerOptions) if flag.metadata.get(_OWN)}
    options = parse(arguments)
    given = _given(arguments)
    kept = [f"--{name}={_show(getattr(options, name))}" for name in given if name not in own]
    dropped = [f"--{name}" for name in given if name in own - {"server", "docker_image"}]
    return kept, dropped


def usage() -> str:
    """Return the text of ``--help``: every flag with its default and meaning."""
    lines = ["usage: python -m model_server [--flag=value]...", ""]
    for flag in fields(ServerOptions):
        if not flag.metadata.get(_UNSUPPORTED):
            lines.append(f"  --{flag.name}={_show(flag.default)}")
            lines.append(f"      {flag.metadata['help']}")
    return "\n".join(lines)


def _unknown(name: str, known: list[str]) -> NoReturn:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean --{close[0]}?" if close else ""
    raise UsageError(f"unknown flag --{name}{hint} (--help lists the flags)")


def _boolean(name: str, value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise UsageError(f"--{name} expects true or false, received {value!r}")


def _convert(name: str, value: str, kind: type) -> Any:
    try:
        return kind(value)
    except ValueError:
        expected = {int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise UsageError(f"--{name} expects {expected}, received {value!r}") from None


def _expect_range(options: ServerOptions, name: str, low: int, high: int) -> None:
    value = getattr(options, name)
    if not low <= value <= high:
        raise UsageError(f"--{name} expects {low} to {high}, received {value}")


def _show(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
