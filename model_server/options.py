"""The flags: TensorFlow Serving's own with their defaults, and some of ours.

A field of :class:`ServerOptions` is a flag, so a flag exists in one place: parsing, ``--help`` and
the table in the documents come from here. Flags that TensorFlow Serving knows and this server
cannot honour are refused unless they keep their default: a server that ignores a setting is worse
than one that does not start.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from model_server import flags
from model_server.errors import UsageError
from model_server.flags import State, flag
from model_server.runtimes.settings import RUNTIMES

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_INT32 = 2**31 - 1

# The least and the most that a number may be.
_RANGES = (
    ("port", 0, 65535),
    ("rest_api_port", 0, 65535),
    ("grpc_max_threads", 1, _INT32),
    ("rest_api_num_threads", 1, _INT32),
    ("num_load_threads", 0, _INT32),
    ("num_unload_threads", 0, _INT32),
    ("tensorflow_session_parallelism", 0, _INT32),
    # Below zero these are as good as not given.
    ("tensorflow_intra_op_parallelism", -(2**63), _INT32),
    ("tensorflow_inter_op_parallelism", -(2**63), _INT32),
    ("stop_grace_seconds", 0, _INT32),
    ("processes", 1, 256),
    ("num_tflite_pools", -(2**31), 1024),
    ("num_tflite_interpreters_per_pool", -(2**31), 64),
)
_CHOICES = (
    ("runtime", RUNTIMES),
    ("check_signature_shapes", ("auto", "true", "false")),
    ("request_log", ("none", "errors", "all")),
    ("opentelemetry", ("none", "console", "otlp")),
)


def _own(default: Any, text: str) -> Any:
    """A flag that TensorFlow Serving does not have; the launcher keeps it from other servers."""
    return flag(default, text, state=State.OWN)


def _default_only(default: Any, text: str) -> Any:
    return flag(default, text, state=State.DEFAULT_ONLY)


@dataclass(frozen=True)
class ServerOptions:
    """Everything the command line says. Each field is the flag of the same name."""

    port: int = flag(8500, "TCP port to listen on for gRPC; 0 disables it (see grpc_socket_path)")
    grpc_socket_path: str = flag("", "if non-empty, also listen for gRPC on this Unix socket")
    grpc_max_threads: int = flag(4 * _CORES, "calls answered at the same time; one more is refused")
    grpc_channel_arguments: str = flag("", "comma-separated key=value gRPC server arguments")
    enable_grpc_healthcheck_service: bool = flag(False, "serve grpc.health.v1.Health")

    rest_api_port: int = flag(0, "TCP port to listen on for REST; 0 disables it")
    rest_api_num_threads: int = flag(4 * _CORES, "REST requests answered at the same time")
    rest_api_timeout_in_ms: int = flag(
        30_000, "longest run of a REST request in milliseconds; 0 and below: any"
    )
    rest_api_enable_cors_support: bool = flag(False, "send CORS headers")
    ssl_config_file: str = flag("", "SSLConfig in protobuf text format: TLS or mTLS for gRPC")
    monitoring_config_file: str = flag("", "MonitoringConfig in protobuf text format")

    model_name: str = flag("default", "name of the model (ignored with --model_config_file)")
    model_base_path: str = flag("", "absolute path whose numbered directories are its versions")
    model_config_file: str = flag("", "ModelServerConfig in protobuf text format")
    model_config_file_poll_wait_seconds: int = flag(
        0, "seconds between looks at that file, which is put into force each time; 0 and below: off"
    )
    allow_version_labels_for_unavailable_models: bool = flag(
        False, "a label that is new may point to a version that is not available yet"
    )
    file_system_poll_wait_seconds: int = flag(
        1, "seconds between looks for new versions; 0 looks once, at start-up, negative never"
    )
    max_num_load_retries: int = flag(5, "how often a failed load is tried again")
    load_retry_interval_micros: int = flag(
        60_000_000, "microseconds between those tries; negative: none", "int64"
    )
    num_load_threads: int = flag(0, "versions loaded at the same time; 0 chooses")
    num_unload_threads: int = flag(0, "versions unloaded at the same time; 0: one")
    enable_model_warmup: bool = flag(
        True, "replay assets.extra/tf_serving_warmup_requests before a version is available"
    )
    num_request_iterations_for_warmup: int = flag(
        0, "how often each warm-up request is replayed; 0 and below: once"
    )
    prefer_tflite_model: bool = flag(
        False, "a version that has a model.tflite runs that, in LiteRT, and not its SavedModel"
    )
    num_tflite_pools: int = flag(
        _CORES, "calls of a model.tflite at the same time, a thread each; one alone gets them all"
    )
    num_tflite_interpreters_per_pool: int = flag(1, "times so many; below 1: one")
    saved_model_tags: str = flag("serve", "comma-separated tags of the meta graph to load")
    flush_filesystem_caches: bool = flag(True, "without effect on local directories, there as here")

    tensorflow_session_parallelism: int = flag(
        0, "threads of a session, both kinds, unless one of the next two is set; 0 chooses", "int64"
    )
    tensorflow_intra_op_parallelism: int = flag(
        0, "threads inside one operation; 0 chooses", "int64"
    )
    tensorflow_inter_op_parallelism: int = flag(
        0, "operations run at the same time; 0 chooses", "int64"
    )
    enable_batching: bool = flag(False, "put requests of one signature together into batches")
    batching_parameters_file: str = flag("", "BatchingParameters in protobuf text format")
    enable_signature_method_name_check: bool = flag(
        False, "refuse signatures whose method_name is not the one of the call"
    )
    enable_serialization_as_tensor_content: bool = flag(
        False, "answer with tensor_content instead of the typed *_val fields"
    )
    enable_profiler: bool = flag(
        True, "accepted; the profiler's gRPC service itself is absent (UNIMPLEMENTED)"
    )
    xla_cpu_compilation_enabled: bool = flag(
        False, "run graphs that ask for XLA (jit_compile=True); off, they fail at their first call"
    )
    xla_gpu_compilation_enabled: bool = flag(False, "the same, for CPUs and GPUs")
    skip_initialize_tpu: bool = flag(False, "without effect where there is no TPU, there as here")
    version: bool = flag(False, "print versions and end")

    platform_config_file: str = _default_only(
        "", "the one platform here, tensorflow, is configured by the other flags"
    )
    tensorflow_session_config_file: str = _default_only(
        "", "of a session's ConfigProto only the threads can be set, by the flags above"
    )
    per_process_gpu_memory_fraction: float = _default_only(0.0, "this server runs on CPUs")
    use_alts_credentials: bool = _default_only(
        False, "ALTS exists on Google's own machines; use --ssl_config_file"
    )
    enable_per_model_batching_parameters: bool = _default_only(
        False, "batching_params.pbtxt of a version is not read; use --batching_parameters_file"
    )
    remove_unused_fields_from_bundle_metagraph: bool = _default_only(
        True, "nothing but the signatures of a version's meta graph is kept"
    )
    thread_pool_factory_config_file: str = _default_only(
        "", "a session's own thread pools are used; set them by the tensorflow_*_parallelism flags"
    )
    mixed_precision: str = _default_only("", "graphs run in the precision they were exported in")

    runtime: str = _own(
        "auto",
        "auto: as prefer_tflite_model says; tensorflow: SavedModels alone; litert: model.tflite "
        "alone, without importing TensorFlow",
    )
    check_signature_shapes: str = _own(
        "auto",
        "refuse a tensor whose rank or fixed dimensions contradict the signature before anything "
        "runs: auto (only where the signature's graph reaches a kernel that ends the process on a "
        "wrong rank), true, or false (as TensorFlow Serving)",
    )
    processes: int = _own(
        1,
        "processes that serve the same ports, each with all models and all threads of these flags: "
        "for a machine with more cores than one Python process can feed",
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
    stop_grace_seconds: int = _own(
        25,
        "how long running calls may take after SIGTERM; Kubernetes kills after 30 seconds unless "
        "told otherwise",
    )

    def __post_init__(self) -> None:
        """Refuse values that contradict each other or that this server cannot honour.

        Raises:
            UsageError: With the flag, what it may be and what it is.
        """
        for check in (
            self._check_ranges,
            self._check_default_only,
            self._check_parallelism,
            self._check_choices,
            self._check_combinations,
        ):
            check()

    def _check_ranges(self) -> None:
        for name, low, high in _RANGES:
            found = getattr(self, name)
            if not low <= found <= high:
                raise UsageError(f"--{name} expects {low} to {high}, received {found}")

    def _check_default_only(self) -> None:
        for known in FLAGS.values():
            if known.state is State.DEFAULT_ONLY and getattr(self, known.name) != known.default:
                raise UsageError(
                    f"--{known.name} is a flag of tensorflow_model_server of which this embedded "
                    f"server accepts only the default, {flags.show(known.default)!r}: {known.text}"
                )

    def _check_parallelism(self) -> None:
        given = (
            self.tensorflow_session_parallelism,
            self.tensorflow_intra_op_parallelism,
            self.tensorflow_inter_op_parallelism,
        )
        if min(given) > 0:
            raise UsageError(
                "Either configure --tensorflow_session_parallelism or "
                "(--tensorflow_intra_op_parallelism, --tensorflow_inter_op_parallelism) "
                "separately. You cannot configure all."
            )

    def _check_choices(self) -> None:
        for name, choices in _CHOICES:
            if getattr(self, name) not in choices:
                expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
                raise UsageError(f"--{name} expects {expected}, received {getattr(self, name)!r}")

    def _check_combinations(self) -> None:
        if self.port and self.port == self.rest_api_port:
            raise UsageError(f"--rest_api_port cannot be the same as --port, both are {self.port}")
        if self.batching_parameters_file and not self.enable_batching:
            raise UsageError("--batching_parameters_file needs --enable_batching")
        if not self.port and not self.grpc_socket_path:
            raise UsageError("--port=0 needs --grpc_socket_path: nothing would listen for gRPC")
        if self.processes > 1 and self.grpc_socket_path:
            raise UsageError(
                "--grpc_socket_path belongs to one process; use --port, or leave out --processes"
            )
        if not self.model_config_file and not self.model_base_path and not self.version:
            raise UsageError(
                "no model to serve: give --model_base_path (with --model_name) or "
                "--model_config_file"
            )

    @property
    def intra_op_threads(self) -> int:
        """Threads inside one operation, 0 for TensorFlow's choice."""
        return max(0, self._threads(self.tensorflow_intra_op_parallelism))

    @property
    def inter_op_threads(self) -> int:
        """Operations run at the same time, 0 for TensorFlow's choice."""
        return max(0, self._threads(self.tensorflow_inter_op_parallelism))

    def _threads(self, own: int) -> int:
        if max(self.tensorflow_intra_op_parallelism, self.tensorflow_inter_op_parallelism) > 0:
            return own
        return self.tensorflow_session_parallelism

    @property
    def load_retries(self) -> int:
        """How often a failed load is tried again.

        TensorFlow Serving adds one without a sign to ``--max_num_load_retries`` (retrier.cc), so
        that -1 tries once and what is below tries for ever.
        """
        return max(0, (self.max_num_load_retries + 1) % 2**32 - 1)


FLAGS = flags.declared(ServerOptions)
"""Every flag by name."""

OWN_FLAGS = frozenset(name for name, known in FLAGS.items() if known.state is State.OWN)
"""Names of the flags that TensorFlow Serving does not have."""
