"""Is an answer what its signature says of it: names, dtypes, shapes, values, class names?

The check of a model and the Python client ask this of every answer, whichever model gave it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from signature_contract.contract import (
    CLASSES_DIMENSION,
    Contract,
    Difference,
    Signature,
    TensorSpec,
)
from signature_contract.value_range import output_range_difference

Array = np.ndarray[Any, Any]


def answer_differences(
    where: str,
    key: str,
    answer: Mapping[str, Array],
    contract: Contract,
    *,
    asked: Iterable[str] = (),
    sizes: Mapping[str, int] | None = None,
) -> Iterator[Difference]:
    """Compare an answer with what its signature says of it.

    Args:
        where: What was asked, for messages.
        key: The signature key.
        answer: Tensor by output name; text as object arrays of ``bytes``, bfloat16 as float32.
            Outputs that the contract does not name are not looked at.
        contract: What it is held to.
        asked: The outputs that were asked for; none means all.
        sizes: Size of each named dimension that the request has bound. A dimension that nobody has
            bound yet has the size that the first output gives it.
    """
    bound = {**contract.bound, **(sizes or {})}
    names = set(asked)
    signature = contract.signature(key)
    for name, spec in signature.outputs.items():
        if names and name not in names:
            continue
        here = f'{where} output "{name}"'
        if name not in answer:
            expected = str(spec.resolve(bound))
            yield Difference("output-missing", here, expected, "nothing", tuple(answer))
            continue
        value = answer[name]
        dtype = dtype_name(value, spec)
        if dtype != spec.dtype or not spec.binds(value.shape, bound):
            expected, found = str(spec.resolve(bound)), TensorSpec(dtype, tuple(value.shape))
            yield Difference("answer-form", here, expected, str(found))
        elif difference := output_range_difference(
            here, spec, _without_padding(name, answer, signature)
        ):
            yield difference
        elif contract.class_names and lists_classes(spec):
            yield from _class_differences(where, value, contract.class_names)


def dtype_name(value: Array, spec: TensorSpec) -> str:
    """Return a contract's name for the dtype of a tensor in memory.

    Args:
        value: The tensor; text of any kind is ``string``.
        spec: What it should be: a float32 array stands for bfloat16, which NumPy lacks.
    """
    if value.dtype.kind in "OSU":
        return "string"
    held_as_float = spec.dtype == "bfloat16" and value.dtype == np.float32
    return spec.dtype if held_as_float else value.dtype.name


def lists_classes(spec: TensorSpec) -> bool:
    """Tell whether an output holds the class names in column order.

    Args:
        spec: The output, its dimensions named as the contract names them.
    """
    return spec.dtype == "string" and (spec.shape or ("",))[-1] == CLASSES_DIMENSION


def _without_padding(name: str, answer: Mapping[str, Array], signature: Signature) -> Array:
    """Return an output whose entries beyond a ranking's count are within any range.

    A range is about the entries of a list; what fills it up is none.
    """
    value, spec, ranking = answer[name], signature.outputs[name], signature.ranking
    if ranking is None or spec.value_range is None or name == ranking.count:
        return value
    counts, scores = answer.get(ranking.count), answer.get(ranking.scores)
    if counts is None or scores is None or value.ndim < 2 or value.shape[:2] != scores.shape[:2]:
        return value
    if counts.shape != value.shape[:1]:
        return value
    is_entry = np.arange(value.shape[1]) < counts[:, None]
    if is_entry.all():
        return value
    value = value.copy()
    value[~is_entry] = spec.value_range[0]
    return value


@functools.lru_cache
def _encoded(class_names: tuple[str, ...]) -> list[bytes]:
    """Return the names as a model answers them; a thousand take longer than the rest of a check."""
    return [name.encode() for name in class_names]


def _class_differences(
    where: str, value: Array, class_names: tuple[str, ...]
) -> Iterator[Difference]:
    wanted = _encoded(class_names)
    seen: list[list[bytes]] = []
    for row in value.reshape(-1, value.shape[-1]).tolist() if value.size else ():
        if row != wanted and row not in seen:
            seen.append(row)
            names = [item.decode("utf-8", "replace") for item in row]
            expected = str(list(class_names))
            yield Difference("class-order", f"{where} class order", expected, str(names))
