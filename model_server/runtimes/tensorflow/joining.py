"""The tensors of several runs as one batch, joined as ``batching_session.cc`` joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc
import numpy as np

from model_server.errors import ServingError, failed_precondition, invalid_argument
from model_server.runtimes.arrays import Array, type_name

_MAX_PADDED_RANK = 6  # as the kernel there


def count_rows(feeds: Mapping[str, Array]) -> int:
    """Return the size of axis 0, which all tensors of a run share.

    Args:
        feeds: Value by tensor name.

    Raises:
        ServingError: INVALID_ARGUMENT, when there is no such size.
    """
    if not feeds:
        raise invalid_argument("Batching Run() must have at least one input tensor")
    sizes = set()
    for array in feeds.values():
        if not array.ndim:
            raise invalid_argument("Batching Run() input tensors must have at least one dimension")
        sizes.add(len(array))
        if len(sizes) > 1:
            raise invalid_argument(
                "Batching Run() input tensors must have equal 0th-dimension size"
            )
    return sizes.pop()


def join(runs: Sequence[Mapping[str, Array]], padding: int, pad_inputs: bool) -> dict[str, Array]:
    """Join the tensors of several runs along axis 0.

    Args:
        runs: Value by tensor name, for each run; all have the same names.
        padding: Rows to add at the end, copies of the last run's first.
        pad_inputs: Fill tensors of different sizes up to the largest instead of refusing them.

    Returns:
        Value by tensor name.

    Raises:
        ServingError: The tensors cannot be joined: FAILED_PRECONDITION for their shapes, INTERNAL
            for their dtypes, INVALID_ARGUMENT when they cannot be padded.
    """
    if len(runs) == 1 and not padding:
        return dict(runs[0])
    joined = {}
    for name in sorted(runs[0]):
        arrays = [feeds[name] for feeds in runs]
        if pad_inputs:
            arrays = _padded(arrays)
        else:
            _check_shapes(name, arrays)
        _check_dtypes(arrays)
        if padding:
            if not len(arrays[-1]):
                raise invalid_argument(
                    "a batch without rows cannot be padded to one of allowed_batch_sizes"
                )
            arrays += [np.repeat(arrays[-1][:1], padding, axis=0)]
        joined[name] = np.concatenate(arrays)
    return joined


def _check_shapes(name: str, arrays: Sequence[Array]) -> None:
    if any(array.shape[1:] != arrays[0].shape[1:] for array in arrays):
        raise failed_precondition(
            f"Tensors with name '{name}' from different tasks have different shapes and "
            "padding is turned off. Set pad_variable_length_inputs to true, or ensure that "
            "all tensors with the same name have equal dimensions starting with the first "
            "dim."
        )


def _check_dtypes(arrays: Sequence[Array]) -> None:
    for array in arrays:
        if array.dtype != arrays[0].dtype:
            raise ServingError(
                grpc.StatusCode.INTERNAL,
                "Tensor concat operation failed: INVALID_ARGUMENT: Cannot concatenate "
                "tensors that have different data types. Got "
                f"{type_name(arrays[0].dtype)} and {type_name(array.dtype)}.",
            )


def _padded(arrays: list[Array]) -> list[Array]:
    """Fill every axis but the first up to the largest, with each tensor's first element."""
    if len({array.ndim for array in arrays}) > 1:
        raise invalid_argument("Tensors of different ranks cannot be padded to one shape.")
    largest = tuple(map(max, zip(*(array.shape[1:] for array in arrays), strict=True)))
    padded = []
    for array in arrays:
        if array.ndim > _MAX_PADDED_RANK:
            raise invalid_argument("Only tensors with rank from 1 to 6 can be padded.")
        if array.shape[1:] == largest:
            padded.append(array)
            continue
        if not array.size:
            raise invalid_argument("Got empty tensor in batch of non-empty tensors.")
        filled = np.full((len(array), *largest), array.flat[0], array.dtype)
        filled[tuple(slice(size) for size in array.shape)] = array
        padded.append(filled)
    return padded
