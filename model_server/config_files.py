"""Configuration files: protobuf text format, every mistake with its file and line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_serving.config import model_server_config_pb2

from model_server.errors import ServingError, UsageError
from model_server.model_configs import ModelConfig, validate
from model_server.options import ServerOptions

AnyMessage = TypeVar("AnyMessage", bound=Message)


def read_text_proto(path: Path, message: AnyMessage) -> AnyMessage:
    """Fill ``message`` from a file in protobuf text format.

    Args:
        path: The file.
        message: An empty message of the type the file holds; it is filled and returned.

    Raises:
        UsageError: The file cannot be read or parsed; the message starts with ``file:line:column``.
    """
    return _parse(_read(path), path, message)


def read_model_configs(options: ServerOptions) -> list[ModelConfig]:
    """Read which models to serve, from ``--model_config_file`` or the two single-model flags.

    Raises:
        UsageError: The file cannot be read or parsed, or what it asks for is not allowed.
    """
    if not options.model_config_file:
        config = model_server_config_pb2.ModelConfig(
            name=options.model_name,
            base_path=str(Path(options.model_base_path).absolute())
            if "://" not in options.model_base_path
            else options.model_base_path,
            model_platform="tensorflow",
        )
        try:
            return validate([config], current={})
        except ServingError as err:
            raise UsageError(f"--model_name, --model_base_path: {err.message}") from err
    return read_model_config_file(Path(options.model_config_file))


def read_model_config_file(path: Path) -> list[ModelConfig]:
    """Read a ``ModelServerConfig`` and check it as a first configuration.

    Raises:
        UsageError: With file and line.
    """
    text = _read(path)
    configs = _model_configs(text, path)
    try:
        return validate(configs, current={})
    except ServingError as err:
        line = _line_of_offender(text, [config.name for config in configs], err.message)
        raise UsageError(f"{path}:{line}: {err.message}") from err


def read_model_config_messages(path: Path) -> list[model_server_config_pb2.ModelConfig]:
    """Read a ``ModelServerConfig`` for :meth:`Catalog.reload`, which checks it against today's.

    Raises:
        UsageError: With file and line.
    """
    return _model_configs(_read(path), path)


def _model_configs(text: str, path: Path) -> list[model_server_config_pb2.ModelConfig]:
    document = _parse(text, path, model_server_config_pb2.ModelServerConfig())
    if document.WhichOneof("config") != "model_config_list":
        raise UsageError(
            f"{path}:1: expected a model_config_list with at least one config, found "
            f"{document.WhichOneof('config') or 'nothing'}"
        )
    configs = list(document.model_config_list.config)
    if not configs:
        raise UsageError(f"{path}:1: model_config_list has no config: nothing to serve")
    return configs


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise UsageError(f"{path}: cannot be read: {reason}") from err


def _parse(text: str, path: Path, message: AnyMessage) -> AnyMessage:
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as err:
        # The error's own text starts with "line:column : " where it knows them.
        reason = re.sub(r"^\d+:\d+ : ", "", str(err))
        place = f"{path}:{err.GetLine() or 1}"
        if err.GetColumn():
            place += f":{err.GetColumn()}"
        kind = message.DESCRIPTOR.full_name
        raise UsageError(f"{place}: Error parsing text-format {kind}: {reason}") from err


def _line_of_offender(text: str, names: list[str], message: str) -> int:
    """Return the line of the last ``name:`` that the message speaks of, else the first line."""
    found = 1
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.search(r"\bname\s*:\s*[\"']([^\"']*)[\"']", line)
        if match and match[1] in names and (not match[1] or match[1] in message.split()):
            found = number
    return found
