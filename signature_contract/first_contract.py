"""A first contract of a model, from what it declares. What only a person knows is marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from signature_contract.contract import Contract
from signature_contract.declared.declaration import Declaration
from signature_contract.signature import (
    WITHOUT_RANGE,
    Shape,
    Signature,
    TensorSpec,
)

TODO = "TODO"
"""Begins every text that a person should replace."""

_BATCH = "batch"


def first_contract(found: Declaration, model: str) -> Contract:
    """Write down what a model declares.

    A size that several tensors of the model share gets one name, bound to that size, so that it is
    stated once. The first axis is called batch where every tensor that has axes leaves it open.

    Args:
        found: What the model declares.
        model: The model's name.
    """
    known = {key: one for key, one in found.signatures.items() if one.can_be_named}
    names = _shared_sizes(known)
    batched = _is_batched(known)

    def described(specs: Mapping[str, TensorSpec], where: str) -> dict[str, TensorSpec]:
        return {
            name: _described(spec, f"{where} {name}", names, batched)
            for name, spec in specs.items()
        }

    return Contract(
        model=model,
        summary=f"{TODO}: one sentence on what the model is for",
        signatures={
            key: replace(
                signature,
                summary=f"{TODO}: when a caller uses this signature",
                inputs=described(signature.inputs, "input"),
                outputs=described(signature.outputs, "output"),
            )
            for key, signature in known.items()
        },
        dimensions={name: f"{TODO}: what there are {size} of" for size, name in names.items()},
        bound={name: size for size, name in names.items()},
        tags=found.tags or ("serve",),
    )


def left_out(found: Declaration) -> list[str]:
    """Return the keys of signatures that no contract can state: a dtype unknown, no output."""
    return [key for key, signature in found.signatures.items() if not signature.can_be_named]


def to_fill_in(contract: Contract) -> list[str]:
    """Return what a person should fill in, in the order of the file."""
    return list(_to_fill_in(contract))


def _to_fill_in(contract: Contract) -> Iterator[str]:
    if contract.summary.startswith(TODO):
        yield "summary of the model"
    for name, meaning in contract.dimensions.items():
        if meaning.startswith(TODO):
            yield f'meaning of dimension "{name}"'
    for key, signature in contract.signatures.items():
        if signature.summary.startswith(TODO):
            yield f'summary of signature "{key}"'
        for role, specs in (("input", signature.inputs), ("output", signature.outputs)):
            for name, spec in specs.items():
                if spec.meaning.startswith(TODO):
                    ranged = spec.value_range is None and spec.dtype not in WITHOUT_RANGE
                    what = "meaning, and the range if there is one," if ranged else "meaning"
                    yield f'{what} of {key} {role} "{name}"'


def _specs(signature: Signature) -> list[TensorSpec]:
    return [*signature.inputs.values(), *signature.outputs.values()]


def _shapes(signatures: Mapping[str, Signature]) -> list[Shape]:
    return [
        spec.shape
        for signature in signatures.values()
        for spec in _specs(signature)
        if spec.shape is not None
    ]


def _shared_sizes(signatures: Mapping[str, Signature]) -> dict[int, str]:
    """Return a name for each size above 1 that different tensors share."""
    tensors = {
        (name, spec.shape)
        for signature in signatures.values()
        for specs in (signature.inputs, signature.outputs)
        for name, spec in specs.items()
        if spec.shape is not None
    }
    counts = Counter(
        size for _, shape in tensors for size in set(shape) if isinstance(size, int) and size > 1
    )
    return {size: f"D{size}" for size, count in sorted(counts.items()) if count > 1}


def _is_batched(signatures: Mapping[str, Signature]) -> bool:
    shapes = [shape for shape in _shapes(signatures) if shape]
    return bool(shapes) and all(shape[0] == -1 for shape in shapes)


def _described(spec: TensorSpec, what: str, names: Mapping[int, str], batched: bool) -> TensorSpec:
    shape = spec.shape
    axes: tuple[str, ...] = ()
    if shape is not None:
        shape = tuple(names.get(size, size) if isinstance(size, int) else size for size in shape)
        if batched and shape:
            axes = (_BATCH, *(f"axis {number}" for number in range(1, len(shape))))
    return replace(spec, shape=shape, axes=axes, meaning=f"{TODO}: what {what} holds")
