"""``--model_config_file``: a ``ModelServerConfig`` as the models that a server has."""

from __future__ import annotations

import re
from pathlib import Path

from model_server.errors import ServingError, UsageError
from model_server.models.configs import NO_REQUEST_LOGGER, ModelConfig, validate
from model_server.text_format.reading import line_of, parse, read
from protos import ModelConfig as ModelConfigMessage
from protos import ModelServerConfig


def read_model_config_file(path: Path) -> list[ModelConfig]:
    """Read a ``ModelServerConfig`` and check it as a first configuration.

    Raises:
        UsageError: With file and line.
    """
    text = read(path)
    # Without any there is nothing to serve yet; models come by HandleReloadConfigRequest or by a
    # changed file, as in TensorFlow Serving.
    messages = _model_configs(text, path) or []
    try:
        configs = validate(messages, current={})
    except ServingError as err:
        line = _line_of_offender(text, [config.name for config in messages], err.message)
        raise UsageError(f"{path}:{line}: {err.message}") from err
    for config in configs:
        if config.logs_requests:
            # TensorFlow Serving says so once the models are loaded, and ends as well.
            raise UsageError(
                f"{path}:{line_of('logging_config', text)}: {NO_REQUEST_LOGGER} Remove "
                f"logging_config of model {config.name}: TensorFlow Serving refuses it too"
            )
    return configs


def read_model_config_messages(path: Path) -> list[ModelConfigMessage] | None:
    """Read a ``ModelServerConfig`` for :meth:`Catalog.reload`, which checks it against today's.

    Returns:
        The list's messages; None when the file has no list, as an empty file has none.

    Raises:
        UsageError: With file and line.
    """
    return _model_configs(read(path), path)


def _model_configs(text: str, path: Path) -> list[ModelConfigMessage] | None:
    document = parse(text, path, ModelServerConfig())
    if document.WhichOneof("config") == "custom_model_config":
        line = line_of("custom_model_config", text)
        raise UsageError(
            f"{path}:{line}: ModelServer does not yet support custom model config. "
            "Write a model_config_list"
        )
    if document.WhichOneof("config") is None:
        return None
    return list(document.model_config_list.config)


def _line_of_offender(text: str, names: list[str], message: str) -> int:
    """Return the line of the last ``name:`` that the message speaks of, else the first line."""
    found = 1
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.search(r"\bname\s*:\s*[\"']([^\"']*)[\"']", line)
        if match and match[1] in names and (not match[1] or match[1] in message.split()):
            found = number
    return found
