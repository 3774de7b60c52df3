"""Signatures compared: those that a model declares with those that a contract states.

A shape must agree axis by axis: -1 stays -1 (a fixed batch is a difference), a bound dimension has
its size, an unbound one has one and the same size wherever it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from signature_contract.difference import Difference, name_differences
from signature_contract.signature import Signature, Size, TensorSpec


def signature_differences(
    wanted: Mapping[str, Signature],
    found: Mapping[str, Signature],
    bound: Mapping[str, int],
    *,
    defaults: bool = True,
) -> list[Difference]:
    """Compare signatures by key, names, dtypes, shapes and default values.

    Args:
        wanted: The contract's signature by key.
        found: The signatures a SavedModel or a server declares, or those of another copy of the
            contract.
        bound: Size of each named dimension that is already known.
        defaults: Whether ``found`` can say which inputs have default values.

    Returns:
        The differences in the order of ``wanted``; empty when there are none.
    """
    differences = name_differences("", "signature", wanted, found)
    sizes = dict(bound)
    for key, signature in wanted.items():
        if key not in found:
            continue
        for role, want, have in (
            ("input", signature.inputs, found[key].inputs),
            ("output", signature.outputs, found[key].outputs),
        ):
            differences += name_differences(key, role, want, have)
            for name, spec in want.items():
                if name in have:
                    where = f'{key} {role} "{name}"'
                    differences += _spec_differences(where, role, spec, have[name], bound, sizes)
                    if defaults and spec.default != have[name].default:
                        expected, is_there = spec.default_text, have[name].default_text
                        differences.append(Difference(f"{role}-default", where, expected, is_there))
    return differences


def resolve(signature: Signature, bound: Mapping[str, int]) -> Signature:
    """Replace each bound dimension's name by its size in all shapes."""

    def resolved(specs: Mapping[str, TensorSpec]) -> dict[str, TensorSpec]:
        return {name: spec.resolve(bound) for name, spec in specs.items()}

    return replace(
        signature, inputs=resolved(signature.inputs), outputs=resolved(signature.outputs)
    )


def _spec_differences(
    where: str,
    role: str,
    want: TensorSpec,
    have: TensorSpec,
    bound: Mapping[str, int],
    sizes: dict[str, int],
) -> list[Difference]:
    same_dtype = want.dtype == have.dtype
    # The first tensor that names a dimension binds it, also where the dtype is wrong.
    if _same_shape(want, have, sizes) and same_dtype:
        return []
    rule = f"{role}-shape" if same_dtype else f"{role}-dtype"
    return [Difference(rule, where, str(want.resolve(bound)), str(have))]


def _same_shape(want: TensorSpec, have: TensorSpec, sizes: dict[str, int]) -> bool:
    if want.shape is None or have.shape is None:
        return want.shape is have.shape
    if len(want.shape) != len(have.shape):
        return False
    return all(
        _same_size(size, found, sizes) for size, found in zip(want.shape, have.shape, strict=True)
    )


def _same_size(size: Size, found: Size, sizes: dict[str, int]) -> bool:
    if size == found:
        return True  # the same size, or in another copy of the contract the same name
    if not isinstance(size, str) or not isinstance(found, int) or found < 1:
        return False
    # The first tensor that names an unbound dimension binds it for the rest.
    return sizes.setdefault(size, found) == found
