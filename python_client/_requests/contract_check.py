"""Is the model on a server the contract's? What it declares, and one small answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from python_client._answers.served_model import ModelMetadata
from python_client._requests.model_address import ModelAddress
from python_client.tensors import Array
from signature_contract.answer_form import lists_classes
from signature_contract.contract import Contract, Signature, TensorSpec

_OPEN_SIZE = 8  # of a probe's axis that may have any size, other than the first
_MOST_VALUES = 1_000_000  # of a probe that is still cheap


class Probe(NamedTuple):
    """A request whose answer shows the order of the classes.

    Attributes:
        signature: The signature key.
        inputs: Array by input name; inputs with a default value are left out.
    """

    signature: str
    inputs: Mapping[str, Array]


def check_signatures(
    address: ModelAddress, contract: Contract | None, metadata: ModelMetadata
) -> None:
    """Compare what a server declares with the contract.

    Raises:
        ContractBrokenError: They differ; with every difference.
        InputError: There is no contract.
    """
    if contract is None:
        raise address.input_error(
            f'expected a contract to check model "{address.model}" against, there is none'
            "\n  fix: pass contract=NAME_OR_PATH when you make the client"
        )
    if differences := contract.differences(metadata.signatures):
        raise address.broken(metadata.version, differences)


def probe(contract: Contract) -> Probe | None:
    """Make the smallest request whose answer shows the class order, where there is a cheap one.

    That is a signature that answers the class names and takes only numbers, of a known rank: what
    a text has to say for a model to take it, no contract knows.

    Returns:
        The request, or None where the contract knows no class names or no signature will do.
    """
    if not contract.class_names:
        return None
    probes = [
        Probe(key, {name: _smallest(spec) for name, spec in _demanded(contract, key).items()})
        for key, signature in contract.signatures.items()
        if any(map(lists_classes, signature.outputs.values()))
        and all(map(_is_cheap, _demanded(contract, key).values()))
    ]
    return min(probes, key=_count, default=None)


def _demanded(contract: Contract, key: str) -> dict[str, TensorSpec]:
    """Return the inputs that a request must have."""
    signature: Signature = contract.resolved(key)
    return {name: spec for name, spec in signature.inputs.items() if not spec.has_default}


def _is_cheap(spec: TensorSpec) -> bool:
    return (
        spec.shape is not None
        and math.prod(_sizes(spec)) <= _MOST_VALUES
        and _numpy_dtype(spec) is not None
    )


def _sizes(spec: TensorSpec) -> list[int]:
    sizes = [_OPEN_SIZE if isinstance(size, str) or size < 0 else size for size in spec.shape or ()]
    if spec.shape and spec.shape[0] == -1:
        sizes[0] = 1
    return sizes


def _smallest(spec: TensorSpec) -> Array:
    low, high = spec.value_range or (0, 0)
    return np.full(_sizes(spec), min(max(0, low), high), dtype=_numpy_dtype(spec))


def _numpy_dtype(spec: TensorSpec) -> np.dtype[np.generic] | None:
    """Return NumPy's dtype of numbers; None for text and for what NumPy lacks."""
    name = "float32" if spec.dtype == "bfloat16" else spec.dtype
    try:
        dtype = np.dtype(name)
    except TypeError:
        return None
    return dtype if dtype.kind in "biufc" else None


def _count(one: Probe) -> int:
    return sum(array.size for array in one.inputs.values())
