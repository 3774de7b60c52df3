"""``examples`` and ``context`` of a REST Classify or Regress request as ``tf.Example`` messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_server.errors import invalid_argument
from model_server.rest_api.json_parser import ENCODING
from model_server.rest_api.json_text import kind_of, show
from model_server.rest_api.json_values import as_number, decode_base64, is_base64

_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}
_INT64 = (-(2**63), 2**63 - 1)


def read(document: Mapping[str, Any], message: Any) -> None:
    """Fill an ``Input`` message from a request.

    Args:
        document: The request.
        message: An empty ``Input``.

    Raises:
        ServingError: INVALID_ARGUMENT with TensorFlow Serving's text.
    """
    has_context = "context" in document
    if has_context:
        _fill(document["context"], message.example_list_with_context.context)
    if "examples" not in document:
        raise invalid_argument(
            f"JSON Value: {show(document)} When method is classify, key 'examples' is expected and "
            "was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid_argument(
            f"JSON Value: {show(document)} Expecting 'examples' value to be an list/array"
        )
    if not examples:
        raise invalid_argument(f"JSON Value: {show(document)} 'examples' value is an empty array")
    target = message.example_list_with_context if has_context else message.example_list
    for example in examples:
        _fill(example, target.examples.add())


def _fill(value: Any, example: Any) -> None:
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {kind_of(value)}")
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add(item, name, feature)


def _add(item: Any, name: str, feature: Any) -> None:
    if item is None or isinstance(item, list) or (isinstance(item, dict) and not is_base64(item)):
        raise invalid_argument(
            f"Feature: {name} has element with unexpected JSON type: {kind_of(item)}"
        )
    value = item = as_number(item)
    if isinstance(item, str):
        kind, value = "bytes_list", item.encode(*ENCODING)
    elif isinstance(item, dict):
        kind, value = "bytes_list", decode_base64(item)
    elif isinstance(item, float):
        kind = "float_list"
    else:
        kind, value = "int64_list", int(item)
        if not _INT64[0] <= value <= _INT64[1]:
            raise invalid_argument(
                f"Feature: {name} has uint64_t element. Only int64_t is supported."
            )
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid_argument(
            f"Unexpected element type in feature: {name} expecting type: {_KINDS[present]}"
        )
    getattr(feature, kind).value.append(value)
