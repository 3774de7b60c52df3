"""Signatures compared: those that a model declares with those that a contract states.

A shape must agree axis by axis: -1 stays -1 (a fixed batch is a difference), a bound dimension has
its size, an unbound one has one and the same size wherever it is named.
"""

from __future__ import annotations

from collections.abc import Mapping

from serving_config.difference import Difference, name_differences
from serving_config.signature import Shape, Signature, TensorSpec


def signature_differences(
    wanted: Mapping[str, Signature], found: Mapping[str, Signature], bound: Mapping[str, int]
) -> list[Difference]:
    """Compare signatures by key, names, dtypes and shapes.

    Args:
        wanted: The contract's signature by key.
        found: The signatures a SavedModel or a server declares, or those of another copy of the
            contract.
        bound: Size of each named dimension that is already known.

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
                if name in have and not _agrees(spec, have[name], sizes):
                    expected = TensorSpec(
                        spec.dtype, None if spec.shape is None else resolve(spec.shape, bound)
                    )
                    differences.append(
                        Difference(f'{key} {role} "{name}"', str(expected), str(have[name]))
                    )
    return differences


def resolve(shape: Shape, bound: Mapping[str, int]) -> Shape:
    """Replace each bound dimension's name in ``shape`` by its size."""
    return tuple(bound.get(size, size) if isinstance(size, str) else size for size in shape)


def _agrees(want: TensorSpec, have: TensorSpec, sizes: dict[str, int]) -> bool:
    if want.dtype != have.dtype:
        return False
    if want.shape is None or have.shape is None:
        return want.shape is have.shape
    if len(want.shape) != len(have.shape):
        return False
    return all(
        _same_size(size, found, sizes) for size, found in zip(want.shape, have.shape, strict=True)
    )


def _same_size(size: int | str, found: int | str, sizes: dict[str, int]) -> bool:
    if size == found:
        return True  # the same size, or in another copy of the contract the same name
    if not isinstance(size, str) or not isinstance(found, int) or found < 1:
        return False
    # The first tensor that names an unbound dimension binds it for the rest.
    return sizes.setdefault(size, found) == found
