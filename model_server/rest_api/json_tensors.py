"""``instances`` and ``inputs`` of a REST request as arrays, with TensorFlow Serving's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from model_server.errors import ServingError, invalid_argument
from model_server.rest_api.json_text import show
from model_server.rest_api.json_values import by_value, is_base64, numbers, to_array
from model_server.runtimes.arrays import Array, shape_text
from model_server.runtimes.signatures import TensorInfo


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
            f"JSON Value: {show(document)} Expecting 'instances' to be an list/array"
        )
    if not instances:
        raise invalid_argument(f"JSON Value: {show(document)} No values in 'instances' array")
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    fast = _plain_rows(instances, infos)
    return _rows_by_value(instances, infos) if fast is None else fast


def _plain_rows(instances: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Array] | None:
    """Convert rows that are numbers throughout; None when any needs a second look."""
    columns = {next(iter(infos)): instances}
    if isinstance(instances[0], dict):
        names = infos.keys()
        if any(not isinstance(row, dict) or row.keys() != names for row in instances):
            return None
        columns = {name: [row[name] for row in instances] for name in names}
    arrays = {name: numbers(values, infos[name].dtype) for name, values in columns.items()}
    if any(array is None for array in arrays.values()):
        return None
    return arrays  # type: ignore[return-value]  # none is None


def _rows_by_value(instances: Any, infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    """Convert row by row, in the order that decides which of several errors a caller sees."""
    columns: dict[str, list[Array]] = {name: [] for name in infos}
    named = _is_object(instances[0])
    for position, row in enumerate(instances):
        if named != _is_object(row):
            raise invalid_argument(
                f"Expecting object but got list at item {position} of input list"
                if named
                else f"Expecting value/list but got object at item {position} of input list"
            )
        for name, value in row.items() if named else [(next(iter(infos)), row)]:
            try:
                _add(value, name, infos, columns)
            except ServingError as err:
                key = f" key: {name}" if named else ""
                raise invalid_argument(
                    f"Failed to process element: {position}{key} of 'instances' list. "
                    f"Error: {err.code.name}: {err.message}"
                ) from err
        if named and set(row) != set(infos):
            raise invalid_argument(
                f"Failed to process element: {position} of 'instances' list. JSON object: "
                f"{show(row)} keys must be equal to: {','.join(sorted(infos))}"
            )
    return {name: np.stack(items) for name, items in columns.items()}


def _add(
    value: Any, name: str, infos: Mapping[str, TensorInfo], columns: dict[str, list[Array]]
) -> None:
    if name not in infos:
        raise invalid_argument(f"JSON object: does not have named input: {name}")
    item = by_value(value, infos[name].dtype)
    items = columns[name]
    if items and item.size != items[0].size:
        raise invalid_argument(f"Expecting tensor size: {items[0].size} but got: {item.size}")
    if items and item.shape != items[0].shape:
        raise invalid_argument(
            f"Expecting shape {shape_text(items[0])} but got: {shape_text(item)}"
        )
    items.append(item)


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
