"""The whole server: catalog, engine and gRPC, from its options to its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from model_server.api.administration import OwnAdministration
from model_server.api.engine import Engine
from model_server.api.recorded import replay
from model_server.api.rules import SignatureRules
from model_server.errors import StartError
from model_server.grpc_api.server import GrpcServer, GrpcSettings
from model_server.models.catalog import Catalog
from model_server.models.catalog_settings import CatalogSettings
from model_server.models.config_follower import ConfigFollower
from model_server.models.configs import ModelConfig
from model_server.models.loader import Loader
from model_server.observation.metrics import Metrics
from model_server.observation.observer import Observer
from model_server.observation.traces import Tracing
from model_server.options import ServerOptions
from model_server.ports import check_free
from model_server.processes.membership import Membership
from model_server.rest_api.routes import RestApi
from model_server.rest_api.server import RestServer, RestSettings
from model_server.runtimes.choice import Runtimes
from model_server.runtimes.settings import RuntimeSettings
from model_server.settings import Settings, read_settings
from model_server.stopping import StopSignals

logger = logging.getLogger(__name__)


def run(
    options: ServerOptions,
    configs: Sequence[ModelConfig],
    signals: StopSignals,
    membership: Membership | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the running calls.

    The ports are opened when every model is available, as in TensorFlow Serving.

    Args:
        options: The command line.
        configs: The models.
        signals: Tell when to stop.
        membership: This process's, where several serve the ports.

    Raises:
        StartError: The server cannot start.
        UsageError: An option cannot be understood.
    """
    settings = read_settings(options)
    if membership is None:
        check_free(options.port, "gRPC")
        check_free(options.rest_api_port, "REST")
    rules = SignatureRules(
        check_shapes=options.check_signature_shapes,
        check_method_name=options.enable_signature_method_name_check,
    )
    metrics = Metrics() if settings.prometheus_path else None
    runtimes = Runtimes(_runtime_settings(options, settings), metrics)
    tracing = Tracing(options.opentelemetry) if options.opentelemetry != "none" else None
    catalog = Catalog(_loader(options, rules, runtimes, metrics), _catalog_settings(options))
    try:
        own = OwnAdministration(catalog)
        if membership is not None:
            membership.join(own, catalog, metrics)
        engine = Engine(
            catalog,
            membership.administration if membership else own,
            rules,
            Observer(metrics, options.request_log, tracing),
            options.enable_serialization_as_tensor_content,
        )
        catalog.start(configs)
        if membership is not None:
            membership.ready()
        servers = _open_servers(engine, options, settings, membership)
        signals.begin_serving()
        for server in servers:
            server.start()
        logger.info("every model is AVAILABLE")
        _follow_config_file(catalog, options)
        signals.wait()
        logger.info("stopping: no new calls, running ones finish")
        _stop(servers, options.stop_grace_seconds)
    finally:
        catalog.stop()
        if tracing:
            tracing.stop()
    logger.info("stopped")


def _follow_config_file(catalog: Catalog, options: ServerOptions) -> None:
    period_s = options.model_config_file_poll_wait_seconds
    if options.model_config_file and period_s > 0:
        ConfigFollower(catalog, Path(options.model_config_file), period_s).start()


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


def _open_servers(
    engine: Engine, options: ServerOptions, settings: Settings, membership: Membership | None
) -> list[GrpcServer | RestServer]:
    servers: list[GrpcServer | RestServer] = [GrpcServer(engine, _grpc_settings(options, settings))]
    if options.rest_api_port:
        rest = _rest_server(engine, options)
        if metrics := engine.observer.metrics:
            page = membership.metrics_page if membership else metrics.text
            rest.add_page(settings.prometheus_path, lambda: ("text/plain", page()))
        servers.append(rest)
    return servers


def _grpc_settings(options: ServerOptions, settings: Settings) -> GrpcSettings:
    return GrpcSettings(
        port=options.port,
        socket_path=options.grpc_socket_path,
        max_threads=options.grpc_max_threads,
        channel_arguments=options.grpc_channel_arguments,
        serves_health=options.enable_grpc_healthcheck_service,
        credentials=settings.credentials,
        shares_port=options.processes > 1,
    )


def _rest_server(engine: Engine, options: ServerOptions) -> RestServer:
    try:
        return _open_rest_server(engine, options)
    except RuntimeError as err:  # its threads are started at once
        raise StartError(f"--rest_api_num_threads={options.rest_api_num_threads}: {err}") from err


def _open_rest_server(engine: Engine, options: ServerOptions) -> RestServer:
    return RestServer(
        RestApi(engine, max(0, options.rest_api_timeout_in_ms) or None),
        engine.observer,
        RestSettings(
            options.rest_api_port,
            options.rest_api_num_threads,
            allows_cors=options.rest_api_enable_cors_support,
            shares_port=options.processes > 1,
        ),
    )


def _runtime_settings(options: ServerOptions, settings: Settings) -> RuntimeSettings:
    return RuntimeSettings(
        runtime=options.runtime,
        prefers_tflite=options.prefer_tflite_model,
        tags=[tag for tag in options.saved_model_tags.split(",") if tag],
        intra_op_threads=options.intra_op_threads,
        inter_op_threads=options.inter_op_threads,
        batching=settings.batching,
        compiles=options.xla_cpu_compilation_enabled or options.xla_gpu_compilation_enabled,
        interpreters=max(1, options.num_tflite_pools)
        * max(1, options.num_tflite_interpreters_per_pool),
    )


def _loader(
    options: ServerOptions, rules: SignatureRules, runtimes: Runtimes, metrics: Metrics | None
) -> Loader:
    return Loader(
        runtime=runtimes,
        metrics=metrics,
        replay=lambda model, log: replay(model, log, rules),
        warmup_iterations=(
            max(1, options.num_request_iterations_for_warmup) if options.enable_model_warmup else 0
        ),
    )


def _catalog_settings(options: ServerOptions) -> CatalogSettings:
    return CatalogSettings(
        poll_seconds=options.file_system_poll_wait_seconds,
        load_threads=options.num_load_threads or 2,
        unload_threads=options.num_unload_threads or 1,
        max_load_retries=options.load_retries,
        retry_seconds=max(0, options.load_retry_interval_micros) / 1e6,
        labels_for_unavailable_versions=options.allow_version_labels_for_unavailable_models,
    )
