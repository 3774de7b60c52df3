"""Golden vectors: inputs and the outputs that the trained Keras model gave for them.

Every published version carries ``assets.extra/golden.npz``. The same cases run through each runtime
(reloaded SavedModel, ``saved_model_cli``, server, Python client, TensorFlow Java), which must agree
with them by the rule of :mod:`signature_contract.comparison`, within the contract's tolerances.

The file is a plain ``.npz`` that NumPy reads without pickle. A key is
``<signature>/<case>/<tensor>``, ``/`` and ``%`` in a name written as ``%2F`` and ``%25``. Text is
stored as NumPy ``str`` where it is UTF-8 and an output; otherwise as one uint8 vector an element,
with its position as a fourth part: ``serving_bytes/pair/image_bytes/0``, and beside them, unless
they form a vector of at least one, the tensor's ``…/shape``. An output with the name of an input
has ``…/output`` behind it. bfloat16, which NumPy lacks, is stored as float32.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signature_contract.comparison import Comparison, compare
from signature_contract.contract import (
    Contract,
    ContractFileError,
    ContractMismatchError,
    Signature,
)
from signature_contract.version_files import GOLDEN_FILE, extra

Array = np.ndarray[Any, Any]
Tensors = Mapping[str, Array]


# What NumPy raises at a file that is no .npz, or is one of another kind.
NO_NPZ = (ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile)


@dataclass(frozen=True)
class GoldenCase:
    """One request and the answer to it.

    Attributes:
        signature: The signature key.
        name: The case's name, unique within its signature.
        inputs: Input by name; encoded images are an object array of ``bytes``, shape [batch].
        outputs: Output by name; text is an object array of ``bytes`` (UTF-8).
    """

    signature: str
    name: str
    inputs: Tensors
    outputs: Tensors

    def __str__(self) -> str:
        return f"{self.signature}/{self.name}"

    def compare(self, answer: Tensors, contract: Contract) -> Comparison:
        """Compare an answer to this request with the golden one.

        Args:
            answer: Output by name; text as ``bytes`` or ``str``.
            contract: The version's contract, for its tolerances.

        Returns:
            How far each output lies from the golden one, and what lies beyond the tolerance.
        """
        signature = contract.signature(self.signature)
        return compare(self.outputs, answer, signature, contract.parameters, str(self))


def save(path: Path, cases: Iterable[GoldenCase], contract: Contract) -> None:
    """Write cases to ``path``; ``contract`` tells which tensors are strings."""
    arrays: dict[str, Array] = {}
    for case in cases:
        signature = contract.signature(case.signature)
        for name, value in case.inputs.items():
            stem = _key(case.signature, case.name, name)
            if signature.inputs[name].dtype == "string":
                arrays.update(_byte_vectors(stem, value))
            else:
                arrays[stem] = value
        for name, value in case.outputs.items():
            stem = _output_key(signature, case.signature, case.name, name)
            if value.dtype != object:
                arrays[stem] = value
            elif (text := _as_text(value)) is not None:
                arrays[stem] = text
            else:
                arrays.update(_byte_vectors(stem, value))
    with path.open("wb") as file:  # a path without .npz would be given one
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # keys are no keywords


def load(path: Path, contract: Contract, *, answered: bool = True) -> list[GoldenCase]:
    """Read the cases of a version.

    Args:
        path: The ``.npz`` file, or a published version's directory.
        contract: The contract whose signatures the cases belong to.
        answered: Whether every case must have its answer.

    Raises:
        ContractFileError: There is no such file, it is damaged, a case belongs to no signature of
            the contract or lacks one of its tensors.
    """
    if path.is_dir():
        path = extra(path, GOLDEN_FILE)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except OSError as err:
        raise ContractFileError(f"no golden answers at {path}: {err.strerror or err}") from err
    except (*NO_NPZ, zlib.error) as err:
        raise ContractFileError(f"{path} is damaged, or no file of golden answers: {err}") from err
    try:
        names = dict.fromkeys(tuple(map(plain, key.split("/")[:2])) for key in arrays)
        return [_case(arrays, contract, key, name, answered) for key, name in names]
    except (KeyError, ValueError, ContractMismatchError) as err:
        raise ContractFileError(
            f"{path} holds no golden answers of the contract {contract.model!r}: {err}"
        ) from err


def _case(arrays: Tensors, contract: Contract, key: str, case: str, answered: bool) -> GoldenCase:
    signature = contract.signature(key)
    inputs: dict[str, Array] = {}
    for name, spec in signature.inputs.items():
        stem = _key(key, case, name)
        if spec.dtype == "string" and (text := _bytes_at(arrays, stem)) is not None:
            inputs[name] = text
        elif stem in arrays or not spec.has_default:
            inputs[name] = arrays[stem]
    outputs = {}
    for name, spec in signature.outputs.items() if answered else ():
        stem = _output_key(signature, key, case, name)
        if stem not in arrays and (text := _bytes_at(arrays, stem)) is not None:
            outputs[name] = text
        elif spec.dtype == "string":
            outputs[name] = _objects(
                [str(item).encode() for item in arrays[stem].flat], arrays[stem].shape
            )
        else:
            outputs[name] = arrays[stem]
    return GoldenCase(key, case, inputs, outputs)


def _key(*parts: str) -> str:
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def _output_key(signature: Signature, key: str, case: str, name: str) -> str:
    """Return where an output is stored; one that has an input's name stands below that."""
    stem = _key(key, case, name)
    return f"{stem}/output" if name in signature.inputs else stem


def plain(part: str) -> str:
    """Return a name as it is, from a part of a key."""
    return part.replace("%2F", "/").replace("%25", "%")


def _byte_vectors(stem: str, value: Array) -> dict[str, Array]:
    vectors: dict[str, Array] = {
        f"{stem}/{position}": np.frombuffer(item, np.uint8)
        for position, item in enumerate(value.flat)
    }
    if value.ndim != 1 or not value.size:
        vectors[f"{stem}/shape"] = np.array(value.shape, np.int64)
    return vectors


def _bytes_at(arrays: Tensors, stem: str) -> Array | None:
    """Return the text whose elements are stored one by one; None where there is none."""
    items: list[bytes] = []
    while f"{stem}/{len(items)}" in arrays:
        items.append(arrays[f"{stem}/{len(items)}"].tobytes())
    shape = arrays.get(f"{stem}/shape")
    if shape is None and not items:
        return None
    return _objects(items, (len(items),) if shape is None else tuple(map(int, shape)))


def _objects(items: Sequence[bytes], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def _as_text(value: Array) -> Array | None:
    """Return text as NumPy ``str``, which drops zeros at an end; None where it cannot hold it."""
    try:
        flat = [item.decode() if isinstance(item, bytes) else str(item) for item in value.flat]
    except UnicodeDecodeError:
        return None
    if any(item.endswith("\0") for item in flat):
        return None
    return np.array(flat, dtype=np.str_).reshape(value.shape)
