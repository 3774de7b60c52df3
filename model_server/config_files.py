"""Configuration files: protobuf text format, every mistake with its file and line."""

from __future__ import annotations

import codecs
import logging
import re
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_serving.config import model_server_config_pb2

from model_server import config_fields
from model_server.errors import ServingError, UsageError
from model_server.model_configs import NO_REQUEST_LOGGER, ModelConfig, validate
from model_server.options import ServerOptions

logger = logging.getLogger(__name__)

AnyMessage = TypeVar("AnyMessage", bound=Message)

# The longer first: UTF-32's begins with UTF-16's.
_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def read_text_proto(path: Path, message: AnyMessage) -> AnyMessage:
    """Fill ``message`` from a file in protobuf text format.

    Args:
        path: The file.
        message: An empty message of the type the file holds; it is filled and returned.

    Raises:
        UsageError: The file cannot be read or parsed; the message starts with ``file:line:column``.
    """
    _parse(_read(path), path, message)
    for warning in config_fields.warnings(message):
        logger.warning("%s: %s", path, warning)
    return message


def read_model_configs(options: ServerOptions) -> list[ModelConfig]:
    """Read which models to serve, from ``--model_config_file`` or the two single-model flags.

    Raises:
        UsageError: The file cannot be read or parsed, or what it asks for is not allowed.
    """
    if not options.model_config_file:
        config = model_server_config_pb2.ModelConfig(
            name=options.model_name,
            base_path=options.model_base_path,
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
                f"{path}:{_line_of('logging_config', text)}: {NO_REQUEST_LOGGER} Remove "
                f"logging_config of model {config.name}: TensorFlow Serving refuses it too"
            )
    return configs


def read_model_config_messages(path: Path) -> list[model_server_config_pb2.ModelConfig] | None:
    """Read a ``ModelServerConfig`` for :meth:`Catalog.reload`, which checks it against today's.

    Returns:
        The list's messages; None when the file has no list, as an empty file has none.

    Raises:
        UsageError: With file and line.
    """
    return _model_configs(_read(path), path)


def _model_configs(text: str, path: Path) -> list[model_server_config_pb2.ModelConfig] | None:
    document = _parse(text, path, model_server_config_pb2.ModelServerConfig())
    if document.WhichOneof("config") == "custom_model_config":
        line = _line_of("custom_model_config", text)
        raise UsageError(
            f"{path}:{line}: ModelServer does not yet support custom model config. "
            "Write a model_config_list"
        )
    if document.WhichOneof("config") is None:
        return None
    return list(document.model_config_list.config)


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        for mark, name in _OTHER_MARKS:
            if data.startswith(mark):
                raise UsageError(
                    f"{path}: cannot be read: it begins with the byte-order mark of {name}; save "
                    "it as UTF-8"
                )
        # UTF-8's own mark is skipped, as by protobuf's parser.
        return data.decode("utf-8-sig")
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


def _line_of(field: str, text: str) -> int:
    """Return the line that first names a field, 1 when none does."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(rf"\b{field}\b", line.partition("#")[0]):
            return number
    return 1


def _line_of_offender(text: str, names: list[str], message: str) -> int:
    """Return the line of the last ``name:`` that the message speaks of, else the first line."""
    found = 1
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.search(r"\bname\s*:\s*[\"']([^\"']*)[\"']", line)
        if match and match[1] in names and (not match[1] or match[1] in message.split()):
            found = number
    return found
