"""Requests drawn within a contract's dtypes, shapes and ranges."""

from __future__ import annotations

from typing import Any

import numpy as np

from signature_contract.checking.made_up import can_be_held, concrete, numpy_dtype
from signature_contract.contract import Contract, TensorSpec
from signature_contract.contract_errors import ContractError
from signature_contract.golden import Array, GoldenCase

_ROWS = (1, 3, 2)  # of the first requests of each signature, and so on
_WORDS = ("", "a", "Hello, world", "naïve café 🐘", "0", "two  spaces", "line\nbreak", "the end")
_FLOAT_SPREAD = 1.0  # standard deviation of numbers without a range
_HIGHEST_INTEGER = 9  # of numbers without a range: an index that a table of ten rows has


def drawn_cases(contract: Contract, count: int, seed: int) -> list[GoldenCase]:
    """Draw requests for every signature.

    Floats without a range come from the standard normal distribution, integers without one from 0
    to 9, text from a list of eight. An axis that is open has 1, 3, 2, … rows where it is the first
    and 32 elsewhere. Inputs that have a default value are left out of every other request.

    Args:
        contract: What they keep to.
        count: Requests a signature, at least 1.
        seed: The same seed draws the same requests.

    Raises:
        ContractError: An input's dtype has no values that could be drawn.
    """
    random = np.random.default_rng(seed)
    return [
        GoldenCase(
            key,
            f"drawn_{number}",
            {
                name: _draw(spec, _ROWS[number % len(_ROWS)], random, f'{key} input "{name}"')
                for name, spec in contract.resolved(key).inputs.items()
                if not (spec.has_default and number % 2 == 0)
            },
            {},
        )
        for key in contract.signatures
        for number in range(count)
    ]


def _draw(spec: TensorSpec, rows: int, random: np.random.Generator, where: str) -> Array:
    shape = concrete(spec, rows)
    if spec.dtype == "string":
        words = np.array([word.encode() for word in _WORDS], dtype=object)
        return np.asarray(words[random.integers(0, len(words), shape)], dtype=object)
    if not can_be_held(spec):
        raise ContractError(
            f"{where}: values of {spec.dtype} cannot be drawn; leave the signature out of the "
            "contract, or check it with --static"
        )
    try:
        return _numbers(spec, shape, numpy_dtype(spec.dtype), random)
    except ValueError as err:
        raise ContractError(f"{where}: no value of {spec.dtype} is in its range") from err


def _numbers(
    spec: TensorSpec, shape: tuple[int, ...], dtype: np.dtype[Any], random: np.random.Generator
) -> Array:
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        low, high = spec.value_range or (0, _HIGHEST_INTEGER)
        limits = np.iinfo(dtype)
        first, last = max(int(np.ceil(low)), limits.min), min(int(np.floor(high)), limits.max)
        kind = np.uint64 if dtype.kind == "u" else np.int64
        return random.integers(first, last, shape, kind, endpoint=True).astype(dtype)
    if dtype.kind == "c":
        real, imaginary = random.normal(0, _FLOAT_SPREAD, (2, *shape))
        return np.asarray(real + 1j * imaginary, dtype)
    if spec.value_range:
        low, high = (float(bound) for bound in spec.value_range)
        drawn = np.asarray(random.uniform(low, high, shape))
        return np.clip(_rounded(drawn, spec.dtype, dtype), low, high).astype(dtype)
    return _rounded(np.asarray(random.normal(0, _FLOAT_SPREAD, shape)), spec.dtype, dtype)


def _rounded(values: Array, name: str, dtype: np.dtype[Any]) -> Array:
    """Round to what the dtype can hold; bfloat16 keeps the upper half of a float32."""
    held = values.astype(dtype)
    if name == "bfloat16":
        return (held.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return held
