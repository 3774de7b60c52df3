"""What the configuration files say that the command line names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from model_server.errors import ServingError, UsageError
from model_server.grpc_api.tls import read_credentials
from model_server.models.config_file import read_model_config_file
from model_server.models.configs import ModelConfig, validate
from model_server.options import ServerOptions
from model_server.runtimes.batching_parameters import (
    BatchingSettings,
    read_batching_settings,
)
from model_server.text_format.reading import read_message
from protos import ModelConfig as ModelConfigMessage
from protos import MonitoringConfig

_PROMETHEUS_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True)
class Settings:
    """What the configuration files beside the models' own say.

    Attributes:
        credentials: TLS for gRPC; None is plain text.
        batching: How requests are joined; None runs each alone.
        prometheus_path: Where metrics are shown; empty for nowhere.
    """

    credentials: grpc.ServerCredentials | None
    batching: BatchingSettings | None
    prometheus_path: str


def read_settings(options: ServerOptions) -> Settings:
    """Read the configuration files that the options name, but for the models' own.

    Raises:
        UsageError: With file and line.
    """
    return Settings(
        credentials=(
            read_credentials(Path(options.ssl_config_file)) if options.ssl_config_file else None
        ),
        batching=(
            read_batching_settings(
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
    config = read_message(path, MonitoringConfig()).prometheus_config
    if not config.enable:
        return ""
    if not options.rest_api_port:
        raise UsageError(
            f"{path}: Prometheus's page is on the REST port: give --rest_api_port as well"
        )
    return config.path or _PROMETHEUS_PATH


def read_model_configs(options: ServerOptions) -> list[ModelConfig]:
    """Read which models to serve, from ``--model_config_file`` or the two single-model flags.

    Raises:
        UsageError: The file cannot be read or parsed, or what it asks for is not allowed.
    """
    if not options.model_config_file:
        config = ModelConfigMessage(
            name=options.model_name,
            base_path=options.model_base_path,
            model_platform="tensorflow",
        )
        try:
            return validate([config], current={})
        except ServingError as err:
            raise UsageError(f"--model_name, --model_base_path: {err.message}") from err
    return read_model_config_file(Path(options.model_config_file))
