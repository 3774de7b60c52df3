"""What becomes of each field of the configuration files: honoured, refused, or said to do nothing.

A field that is read and does nothing is the worst answer to somebody who set it. So every field of
every message is in this table, which a test compares with the messages themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message


@dataclass(frozen=True)
class Honoured:
    """It does here what it does in TensorFlow Serving."""


@dataclass(frozen=True)
class Refused:
    """The configuration is refused.

    Attributes:
        why: What TensorFlow Serving says, or why it cannot be honoured.
    """

    why: str


@dataclass(frozen=True)
class Ignored:
    """It has no effect; setting it is answered by a warning.

    Attributes:
        why: What there is instead, or why there is nothing.
    """

    why: str


Treatment = Honoured | Refused | Ignored

_HONOURED = Honoured()
_LOGGING = Refused("No request-logger-creator provided.")
_PLATFORMS = Refused("--platform_config_file accepts only its default")
_POLICY = "FileSystemStoragePathSourceConfig.ServableVersionPolicy"

_TREATMENTS: dict[str, Treatment] = {
    "ModelServerConfig.model_config_list": _HONOURED,
    "ModelServerConfig.custom_model_config": Refused(
        "ModelServer does not yet support custom model config."
    ),
    "ModelConfigList.config": _HONOURED,
    "ModelConfig.name": _HONOURED,
    "ModelConfig.base_path": _HONOURED,
    "ModelConfig.model_type": _HONOURED,
    "ModelConfig.model_platform": _HONOURED,
    "ModelConfig.model_version_policy": _HONOURED,
    "ModelConfig.version_labels": _HONOURED,
    "ModelConfig.VersionLabelsEntry.key": _HONOURED,
    "ModelConfig.VersionLabelsEntry.value": _HONOURED,
    "ModelConfig.logging_config": _LOGGING,
    f"{_POLICY}.latest": _HONOURED,
    f"{_POLICY}.all": _HONOURED,
    f"{_POLICY}.specific": _HONOURED,
    f"{_POLICY}.Latest.num_versions": _HONOURED,
    f"{_POLICY}.Specific.versions": _HONOURED,
    "LoggingConfig.log_collector_config": _LOGGING,
    "LoggingConfig.sampling_config": _LOGGING,
    "LoggingConfig.custom_logging_config": _LOGGING,
    "LogCollectorConfig.type": _LOGGING,
    "LogCollectorConfig.filename_prefix": _LOGGING,
    "SamplingConfig.sampling_rate": _LOGGING,
    "SamplingConfig.attributes": _LOGGING,
    "SamplingConfig.per_task_sampling_configs": _LOGGING,
    "PerTaskSamplingConfig.dc": _LOGGING,
    "PerTaskSamplingConfig.task_index": _LOGGING,
    "PerTaskSamplingConfig.sampling_rate": _LOGGING,
    "BatchingParameters.max_batch_size": _HONOURED,
    "BatchingParameters.batch_timeout_micros": _HONOURED,
    "BatchingParameters.max_enqueued_batches": _HONOURED,
    "BatchingParameters.num_batch_threads": _HONOURED,
    "BatchingParameters.thread_pool_name": Ignored("it only names threads"),
    "BatchingParameters.allowed_batch_sizes": _HONOURED,
    "BatchingParameters.pad_variable_length_inputs": _HONOURED,
    "BatchingParameters.enable_large_batch_splitting": _HONOURED,
    "BatchingParameters.max_execution_batch_size": _HONOURED,
    "MonitoringConfig.prometheus_config": _HONOURED,
    "PrometheusConfig.enable": _HONOURED,
    "PrometheusConfig.path": _HONOURED,
    "SSLConfig.server_key": _HONOURED,
    "SSLConfig.server_cert": _HONOURED,
    "SSLConfig.custom_ca": _HONOURED,
    "SSLConfig.client_verify": _HONOURED,
    "PlatformConfigMap.platform_configs": _PLATFORMS,
    "PlatformConfigMap.PlatformConfigsEntry.key": _PLATFORMS,
    "PlatformConfigMap.PlatformConfigsEntry.value": _PLATFORMS,
    "PlatformConfig.source_adapter_config": _PLATFORMS,
}

FIELDS = {f"tensorflow.serving.{name}": treatment for name, treatment in _TREATMENTS.items()}
"""What becomes of each field, by its full name."""


def warnings(message: Message) -> Iterator[str]:
    """Describe the fields of a message that are set and do nothing.

    Args:
        message: A parsed configuration.
    """
    for field, value in message.ListFields():
        treatment = FIELDS.get(field.full_name)
        if isinstance(treatment, Ignored):
            yield f"{field.name} has no effect: {treatment.why}"
        for inner in _messages(field, value):
            yield from warnings(inner)


def _messages(field: Any, value: Any) -> Iterator[Message]:
    if field.message_type is None or field.message_type.GetOptions().map_entry:
        return
    yield from value if field.is_repeated else [value]
