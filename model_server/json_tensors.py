"""``instances`` and ``inputs`` of a REST request as arrays, with TensorFlow Serving's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from model_server.errors import ServingError, invalid_argument
from model_server.json_text import show
from model_server.json_values import by_value, is_base64, numbers, to_array
from model_server.signatures import Array, TensorInfo


def read(
    document: Mapping[str, Any], infos: Mapping[str, TensorInfo]
) -> tuple[dict[str, Array], bool]:
    """Read the tensors of a Predict request.

    Args:
        document: The request.
        infos: The signature's inputs by alias.

    Returns:
        Array by alias, and whether the request is in row format (``instances``).

    Raises:
        ServingError: INVALID_ARGUMENT (or UNIMPLEMENTED for a dtype JSON cannot carry).
    """
    has_rows, has_columns = "instances" in document, "inputs" in document
    if has_rows and has_columns:
        raise invalid_argument(
            f"JSON Value: {show(document)} Not formatted correctly expecting only one of 'inputs' "
            "or 'instances' keys to exist "
        )
    if has_rows:
        return _rows(document, document["instances"], infos), True
    if has_columns:
        return _columns(document["inputs"], infos), False
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def _rows(document: Any, instances: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if not isinstance(instances, list):
        raise invalid_argument(
            f"JSON Value: {show(document)} Excepting 'instances' to be an list/array"
        )
    if not instances:
        raise invalid_argument(f"JSON Value: {show(document)} No values in 'instances' array")
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    columns: dict[str, list[Any]] = {name: [] for name in infos}
    named = _is_object(instances[0])
    for position, element in enumerate(instances):
        if named != _is_object(element):
            raise invalid_argument(
                f"Expecting object but got list at item {position} of input list"
                if named
                else f"Expecting value/list but got object at item {position} of input list"
            )
        if not named:
            columns[next(iter(infos))].append(element)
            continue
        for name, value in element.items():
            if name not in infos:
                raise invalid_argument(
                    f"Failed to process element: {position} key: {name} of 'instances' list. "
                    "Error: INVALID_ARGUMENT: JSON object: does not have named input: " + name
                )
            columns[name].append(value)
        if set(element) != set(infos):
            raise invalid_argument(
                f"Failed to process element: {position} of 'instances' list. JSON object: "
                f"{show(element)} must only have keys: {','.join(sorted(infos))}"
            )
    return {name: _batch(values, name, infos[name], named) for name, values in columns.items()}


def _batch(values: list[Any], name: str, info: TensorInfo, named: bool) -> Array:
    fast = numbers(values, info.dtype)
    if fast is not None:
        return fast
    items: list[Array] = []
    for position, value in enumerate(values):
        try:
            item = by_value(value, info.dtype)
            if items and item.size != items[0].size:
                raise invalid_argument(
                    f"Expecting tensor size: {items[0].size} but got: {item.size}"
                )
            if items and item.shape != items[0].shape:
                raise invalid_argument(
                    f"Expecting shape {_shape(items[0])} but got: {_shape(item)}"
                )
        except ServingError as err:
            key = f" key: {name}" if named else ""
            raise invalid_argument(
                f"Failed to process element: {position}{key} of 'instances' list. "
                f"Error: {err.code.name}: {err.message}"
            ) from err
        items.append(item)
    return np.stack(items)


def _columns(inputs: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    if not _is_object(inputs):
        if len(infos) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        name, info = next(iter(infos.items()))
        return {name: to_array(inputs, info.dtype)}
    arrays = {}
    for name, info in infos.items():
        if name not in inputs:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
        arrays[name] = to_array(inputs[name], info.dtype)
    return arrays


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _shape(array: Array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
