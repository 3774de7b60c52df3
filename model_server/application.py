"""The whole server: catalog, engine and gRPC, from its options to its end."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import tensorflow as tf

from model_server import batching, warmup, xla
from model_server.batch_scheduler import BatchScheduler
from model_server.batching import BatchingSettings
from model_server.catalog import Catalog, CatalogSettings
from model_server.config_files import read_text_proto
from model_server.config_follower import ConfigFollower
from model_server.engine import Engine
from model_server.errors import StartError, UsageError
from model_server.grpc_server import GrpcServer
from model_server.metrics import Metrics
from model_server.model_configs import ModelConfig
from model_server.observation import Observer
from model_server.options import ServerOptions
from model_server.ports import check_free
from model_server.predict import PredictRules
from model_server.rest_api import RestApi
from model_server.rest_server import RestServer
from model_server.saved_model import SavedModel, SessionThreads, check_tensorflow
from model_server.security import read_credentials
from model_server.serving_protos import MonitoringConfig
from model_server.stopping import StopSignals
from model_server.tracing import Tracing
from model_server.versions import Version

logger = logging.getLogger(__name__)

_PROMETHEUS_PATH = "/monitoring/prometheus/metrics"


def run(options: ServerOptions, configs: Sequence[ModelConfig], signals: StopSignals) -> None:
    """Serve until SIGTERM or SIGINT, then finish the running calls.

    The ports are opened when every model is available, as in TensorFlow Serving.

    Args:
        options: The command line.
        configs: The models.
        signals: Tell when to stop.

    Raises:
        StartError: The server cannot start.
        UsageError: An option cannot be understood.
    """
    check_tensorflow()
    settings = read_settings(options)
    tf.get_logger().setLevel("ERROR")
    if not (options.xla_cpu_compilation_enabled or options.xla_gpu_compilation_enabled):
        xla.disable()
    # Everything imported so far lives as long as the process: keep the collector away from it, so
    # that a collection after an unload takes a millisecond and not a tenth of a second.
    gc.collect()
    gc.freeze()
    check_free(options.port, "gRPC")
    check_free(options.rest_api_port, "REST")
    rules = PredictRules(
        check_shapes=options.check_signature_shapes,
        check_method_name=options.enable_signature_method_name_check,
    )
    metrics = Metrics() if settings.prometheus_path else None
    tracing = Tracing(options.opentelemetry) if options.opentelemetry != "none" else None
    catalog = Catalog(_loader(options, rules, settings, metrics), _catalog_settings(options))
    try:
        engine = Engine(
            catalog,
            rules,
            Observer(metrics, options.request_log, tracing),
            options.enable_serialization_as_tensor_content,
        )
        catalog.start(configs)
        server = GrpcServer(engine, options, settings.credentials)
        rest = _rest_server(engine, options) if options.rest_api_port else None
        if rest and metrics:
            page = metrics.text
            rest.add_page(settings.prometheus_path, lambda: ("text/plain", page()))
        signals.begin_serving()
        server.start()
        if rest:
            rest.start()
        logger.info("every model is AVAILABLE")
        if options.model_config_file and options.model_config_file_poll_wait_seconds > 0:
            ConfigFollower(
                catalog,
                Path(options.model_config_file),
                options.model_config_file_poll_wait_seconds,
            ).start()
        signals.wait()
        logger.info("stopping: no new calls, running ones finish")
        _stop([server, rest] if rest else [server], options.stop_grace_seconds)
    finally:
        catalog.stop()
        if tracing:
            tracing.stop()
    logger.info("stopped")


def _stop(servers: Sequence[GrpcServer | RestServer], grace_s: float) -> None:
    """Let the running calls of all transports finish, side by side within one grace period."""
    end = time.monotonic() + grace_s
    for server in servers:
        server.refuse()
    unfinished = sum(server.finish(max(0.0, end - time.monotonic())) for server in servers)
    if unfinished:
        logger.warning(
            "%d calls did not finish within --stop_grace_seconds=%d", unfinished, grace_s
        )


@dataclass(frozen=True)
class Settings:
    """What the configuration files beside the models' own say."""

    credentials: grpc.ServerCredentials | None
    batching: BatchingSettings | None
    prometheus_path: str


def read_settings(options: ServerOptions) -> Settings:
    """Read the configuration files that the options name.

    Raises:
        UsageError: With file and line.
    """
    return Settings(
        credentials=(
            read_credentials(Path(options.ssl_config_file)) if options.ssl_config_file else None
        ),
        batching=(
            batching.read_settings(
                Path(options.batching_parameters_file) if options.batching_parameters_file else None
            )
            if options.enable_batching
            else None
        ),
        prometheus_path=_prometheus_path(options),
    )


def _prometheus_path(options: ServerOptions) -> str:
    """Return where metrics are shown, empty when they are not."""
    if not options.monitoring_config_file:
        return ""
    path = Path(options.monitoring_config_file)
    config = read_text_proto(path, MonitoringConfig()).prometheus_config
    if not config.enable:
        return ""
    if not options.rest_api_port:
        raise UsageError(
            f"{path}: Prometheus's page is on the REST port: give --rest_api_port as well"
        )
    return config.path or _PROMETHEUS_PATH


def _rest_server(engine: Engine, options: ServerOptions) -> RestServer:
    try:
        return _open_rest_server(engine, options)
    except RuntimeError as err:  # its threads are started at once
        raise StartError(f"--rest_api_num_threads={options.rest_api_num_threads}: {err}") from err


def _open_rest_server(engine: Engine, options: ServerOptions) -> RestServer:
    return RestServer(
        RestApi(engine, max(0, options.rest_api_timeout_in_ms) or None),
        engine.observer,
        options.rest_api_port,
        options.rest_api_num_threads,
        options.rest_api_enable_cors_support,
    )


def _loader(
    options: ServerOptions, rules: PredictRules, settings: Settings, metrics: Metrics | None
) -> _Loader:
    return _Loader(
        tags=[tag for tag in options.saved_model_tags.split(",") if tag],
        threads=SessionThreads(options.intra_op_threads, options.inter_op_threads),
        warmup_iterations=(
            max(1, options.num_request_iterations_for_warmup) if options.enable_model_warmup else 0
        ),
        rules=rules,
        batches=BatchScheduler(settings.batching) if settings.batching else None,
        metrics=metrics,
    )


class _Loader:
    """Loads a version and warms it up."""

    def __init__(
        self,
        tags: Sequence[str],
        threads: SessionThreads,
        warmup_iterations: int,
        rules: PredictRules,
        batches: BatchScheduler | None,
        metrics: Metrics | None,
    ) -> None:
        self._metrics = metrics
        self._batches = batches
        self._tags = tags
        self._threads = threads
        self._warmup_iterations = warmup_iterations
        self._rules = rules

    def __call__(self, version: Version) -> SavedModel:
        model = SavedModel(version.path, self._tags, self._threads, self._batches, self._metrics)
        if self._warmup_iterations:
            try:
                warmup.replay(
                    model, version.path, self._rules, self._warmup_iterations, self._metrics
                )
            except BaseException:
                model.close()
                raise
        return model


def _catalog_settings(options: ServerOptions) -> CatalogSettings:
    return CatalogSettings(
        poll_seconds=options.file_system_poll_wait_seconds,
        load_threads=options.num_load_threads or 2,
        unload_threads=options.num_unload_threads or 1,
        max_load_retries=options.load_retries,
        retry_seconds=max(0, options.load_retry_interval_micros) / 1e6,
        labels_for_unavailable_versions=options.allow_version_labels_for_unavailable_models,
    )
