"""Which models a server has: validation of a new list against the current one.

The rules and their texts are TensorFlow Serving's (``server_core.cc``), since a caller of
HandleReloadConfigRequest reads them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import protos
from model_server.errors import ServingError, invalid_argument

logger = logging.getLogger(__name__)

PLATFORM = "tensorflow"
_MODEL_TYPE_TENSORFLOW = 1

# What TensorFlow Serving's program answers to any logging_config: it registers no log collector.
NO_REQUEST_LOGGER = "No request-logger-creator provided."


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the versions on disk to serve.

    Attributes:
        kind: ``latest``, ``all`` or ``specific``.
        count: How many, for ``latest``.
        numbers: Which, for ``specific``.
    """

    kind: str = "latest"
    count: int = 1
    numbers: frozenset[int] = frozenset()

    def choose(self, on_disk: Iterable[int]) -> set[int]:
        """Return those of the version numbers ``on_disk`` that this policy serves."""
        numbers = sorted(set(on_disk))
        if self.kind == "all":
            return set(numbers)
        if self.kind == "specific":
            return set(numbers) & self.numbers
        return set(numbers[-self.count :])


@dataclass(frozen=True)
class ModelConfig:
    """One model of the list.

    Attributes:
        name: What callers name it.
        base_path: Directory whose numbered directories are its versions; absolute.
        platform: Always ``tensorflow`` for a model that is served.
        policy: Which versions are served.
        labels: Version number by label.
        logs_requests: A ``logging_config`` is set, which neither server can honour.
    """

    name: str
    base_path: Path
    platform: str = PLATFORM
    policy: VersionPolicy = VersionPolicy()
    labels: Mapping[str, int] = field(default_factory=dict)
    logs_requests: bool = False


def to_message(config: ModelConfig) -> Any:
    """Return a model's configuration as the ``ModelConfig`` message that asks for it."""
    message = protos.ModelConfig(
        name=config.name,
        base_path=str(config.base_path),
        model_platform=config.platform,
        version_labels=config.labels,
    )
    policy = message.model_version_policy
    if config.policy.kind == "all":
        policy.all.SetInParent()
    elif config.policy.kind == "specific":
        policy.specific.versions.extend(sorted(config.policy.numbers))
    else:
        policy.latest.num_versions = config.policy.count
    if config.logs_requests:
        message.logging_config.SetInParent()
    return message


def validate(configs: Iterable[Any], current: Mapping[str, ModelConfig]) -> list[ModelConfig]:
    """Check a list of ``ModelConfig`` messages that shall replace ``current``.

    Args:
        configs: The messages.
        current: Today's models by name.

    Returns:
        The same list as values.

    Raises:
        ServingError: INVALID_ARGUMENT with TensorFlow Serving's text.
    """
    configs = list(configs)
    # One check of all models after the other: the order decides which error a caller sees.
    _check_names(configs)
    for config in configs:
        if not Path(config.base_path).is_absolute() and "://" not in config.base_path:
            raise invalid_argument(
                f"Expected model {config.name} to have an absolute path or URI; "
                f"got base_path()={config.base_path}"
            )
    for config in configs:
        _check_platform(config, current.get(config.name))
    return [
        ModelConfig(
            name=config.name,
            base_path=Path(config.base_path),
            policy=_policy(config),
            labels=dict(config.version_labels),
            logs_requests=config.HasField("logging_config"),
        )
        for config in configs
    ]


def _check_names(configs: Iterable[Any]) -> None:
    seen = set()
    for config in configs:
        if not config.name:
            raise invalid_argument("Illegal to list a model without a name in config list")
        if config.name in seen:
            raise invalid_argument(
                f"Illegal to list model {config.name} multiple times in config list"
            )
        seen.add(config.name)


def _check_platform(config: Any, old: ModelConfig | None) -> None:
    platform = _platform(config)
    if config.model_type and old is None:
        logger.warning(
            "Deprecated ModelServerConfig::model_type field used. "
            "Prefer ModelServerConfig::model_platform."
        )
    if old and old.platform != platform:
        raise invalid_argument(
            f"Illegal to change a model's platform. For model {config.name} platform was "
            f"{old.platform} and new platform requested is {platform}"
        )
    if platform != PLATFORM:
        raise invalid_argument(f"Model {config.name} requests unsupported platform {platform}")
    if "://" in config.base_path:
        raise invalid_argument(
            f"Model {config.name} has the base path {config.base_path}; this embedded server "
            "reads local directories only"
        )


def _platform(config: Any) -> str:
    if config.model_type:
        if config.model_platform:
            raise invalid_argument(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                "ModelServerConfig::model_platform."
            )
        if config.model_type != _MODEL_TYPE_TENSORFLOW:
            raise invalid_argument(
                f"ModelServerConfig::model_type choice {config.model_type} not supported."
            )
        return PLATFORM
    if not config.model_platform:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform."
        )
    return str(config.model_platform)


def _policy(config: Any) -> VersionPolicy:
    policy = config.model_version_policy
    kind = policy.WhichOneof("policy_choice") or "latest"
    if kind == "specific":
        if not policy.specific.versions:
            raise _no_versions(config.name)
        return VersionPolicy(kind, numbers=frozenset(policy.specific.versions))
    return VersionPolicy(kind, count=policy.latest.num_versions or 1)


def _no_versions(name: str) -> ServingError:
    return invalid_argument(
        f"Model {name} has the version policy specific without versions; "
        "name at least one: specific { versions: 1 }"
    )
