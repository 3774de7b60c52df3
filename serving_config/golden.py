"""Golden vectors: inputs and the outputs that the trained Keras model gave for them.

Every published version carries ``assets.extra/golden.npz``. The same cases run through each runtime
(reloaded SavedModel, ``saved_model_cli``, server, Python client, TensorFlow Java), which must agree
with them by the rule of :mod:`serving_config.comparison`, within the contract's tolerances.

The file is a plain ``.npz`` that NumPy reads without pickle. A key is
``<signature>/<case>/<tensor>``; a batch of encoded images is one uint8 vector an image, with the
position as a fourth part: ``serving_bytes/pair/image_bytes/0``. Text is stored as NumPy ``str``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serving_config.comparison import Comparison, compare
from serving_config.contract import Contract
from serving_config.version_files import GOLDEN_FILE, extra

Array = np.ndarray[Any, Any]
Tensors = Mapping[str, Array]


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
            if signature.inputs[name].dtype == "string":
                for position, item in enumerate(value):
                    key = f"{case}/{name}/{position}"
                    arrays[key] = np.frombuffer(item, np.uint8)
            else:
                arrays[f"{case}/{name}"] = value
        for name, value in case.outputs.items():
            arrays[f"{case}/{name}"] = _as_text(value) if value.dtype == object else value
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # keys are not its keywords


def load(path: Path, contract: Contract) -> list[GoldenCase]:
    """Read the cases of a version.

    Args:
        path: The ``.npz`` file, or a published version's directory.
        contract: The contract whose signatures the cases belong to.

    Raises:
        FileNotFoundError: There is no such file.
        KeyError: A case lacks one of its signature's tensors.
    """
    if path.is_dir():
        path = extra(path, GOLDEN_FILE)
    with np.load(path, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    names = dict.fromkeys(tuple(key.split("/")[:2]) for key in arrays)
    return [_case(arrays, contract, signature, name) for signature, name in names]


def _case(arrays: Tensors, contract: Contract, key: str, case: str) -> GoldenCase:
    signature = contract.signature(key)
    inputs: dict[str, Array] = {}
    for name, spec in signature.inputs.items():
        stem = f"{key}/{case}/{name}"
        if spec.dtype == "string":
            items: list[bytes] = []
            while f"{stem}/{len(items)}" in arrays:
                items.append(arrays[f"{stem}/{len(items)}"].tobytes())
            inputs[name] = np.array(items, dtype=object)
        else:
            inputs[name] = arrays[stem]
    outputs = {}
    for name, spec in signature.outputs.items():
        value = arrays[f"{key}/{case}/{name}"]
        outputs[name] = (
            np.char.encode(value, "utf-8").astype(object) if spec.dtype == "string" else value
        )
    return GoldenCase(key, case, inputs, outputs)


def _as_text(value: Array) -> Array:
    flat = [item.decode("utf-8") if isinstance(item, bytes) else str(item) for item in value.flat]
    return np.array(flat, dtype=np.str_).reshape(value.shape)
