"""The signature contract: the one place that says what a model takes and gives.

``contracts/<model>.json`` holds every signature key, tensor name, dtype, shape, range and meaning.
The exporter, the servers' tests, the Python client and (from the same file) Java compare what they
find with it, so a renamed input or a lost output is an error message before it is an outage.

Standard library only: a client must be able to read a contract without TensorFlow or NumPy.

    ContractError
      ├── ContractFileError      the JSON itself cannot be used
      └── ContractMismatchError  a model, a server or a tensor differs from the contract
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from serving_config.signature import (
    DTYPE_OF_ENUM,
    Difference,
    Ranking,
    Shape,
    Signature,
    TensorSpec,
    Tolerance,
    name_differences,
    signatures_from_proto,
)
from serving_config.version_files import CONTRACT_FILE, extra

__all__ = [
    "CONTRACTS_DIR",
    "CONTRACT_VERSION",
    "Contract",
    "ContractError",
    "ContractFileError",
    "ContractMismatchError",
    "Difference",
    "Ranking",
    "Shape",
    "Signature",
    "TensorSpec",
    "Tolerance",
    "load",
    "loads",
    "signatures_from_proto",
]

CONTRACT_VERSION = 2
"""Version of the JSON format this module writes; 2 added ``tolerance`` and ``ranking``."""

_READABLE_VERSIONS = (1, 2)

CONTRACTS_DIR = Path(__file__).parent / "contracts"


class ContractError(ValueError):
    """Base of everything that can be wrong with, or against, a contract."""


class ContractFileError(ContractError):
    """A contract file is missing, is not JSON, or does not follow the format."""


class ContractMismatchError(ContractError):
    """Something differs from its contract.

    Attributes:
        differences: Every difference found, in contract order.
    """

    def __init__(self, subject: str, differences: Sequence[Difference]) -> None:
        """Compose the message from ``differences``, one a line."""
        self.differences = tuple(differences)
        lines = "\n".join(f"  - {d}" for d in self.differences)
        super().__init__(f"{subject} breaks its contract:\n{lines}")


@dataclass(frozen=True)
class Contract:
    """A model's signatures, and for a published version also its class names.

    Attributes:
        model: The model's name, ``classifier`` or ``detector``.
        signatures: Signature by key.
        dimensions: Meaning of each named dimension.
        bound: Size of each named dimension that is already known.
        class_names: Names in column order; empty in an unpublished contract.
        parameters: What else was fixed at export, for instance thresholds.
        summary: One sentence.
    """

    model: str
    signatures: Mapping[str, Signature]
    dimensions: Mapping[str, str] = field(default_factory=dict)
    bound: Mapping[str, int] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""

    def bind(self, class_names: Sequence[str], **sizes: int) -> Contract:
        """Fix the class names (and with them the dimension ``C``) and other named dimensions.

        Raises:
            ContractError: Fewer than two classes for a classifier, an empty or repeated name, or
                a dimension that the contract does not name.
        """
        names = tuple(class_names)
        if not names or any(not name for name in names) or len(set(names)) != len(names):
            raise ContractError(
                f"class names must be non-empty and distinct, received {list(names)}"
            )
        if "C" in self.dimensions:
            sizes["C"] = len(names)
        if unknown := sorted(set(sizes) - set(self.dimensions)):
            raise ContractError(
                f"contract {self.model!r} has no dimension {', '.join(unknown)}; "
                f"it names {', '.join(self.dimensions) or 'none'}"
            )
        return replace(self, class_names=names, bound={**self.bound, **sizes})

    def signature(self, key: str) -> Signature:
        """Return the signature with this key; empty means ``serving_default``.

        Raises:
            ContractMismatchError: There is none; the message lists those that exist.
        """
        key = key or "serving_default"
        if key not in self.signatures:
            raise ContractMismatchError(
                f"the signature {key!r}",
                [Difference("signature key", "one of the contract's", key, tuple(self.signatures))],
            )
        return self.signatures[key]

    def resolve(self, shape: Shape) -> Shape:
        """Replace each bound dimension's name in ``shape`` by its size."""
        return tuple(self.bound.get(s, s) if isinstance(s, str) else s for s in shape)

    def differences(self, found: Mapping[str, Signature]) -> list[Difference]:
        """Compare a model's signatures with this contract.

        A shape must agree axis by axis: -1 stays -1 (a fixed batch is a difference), a bound
        dimension has its size, an unbound one has one and the same size wherever it is named.

        Args:
            found: The signatures a SavedModel or a server declares, or those of another copy of
                the contract.

        Returns:
            The differences in contract order; empty when there are none.
        """
        differences = name_differences("", "signature", self.signatures, found)
        sizes = dict(self.bound)
        for key, signature in self.signatures.items():
            if key not in found:
                continue
            for role, want, have in (
                ("input", signature.inputs, found[key].inputs),
                ("output", signature.outputs, found[key].outputs),
            ):
                differences += name_differences(key, role, want, have)
                for name, spec in want.items():
                    if name in have and not self._agrees(spec, have[name], sizes):
                        expected = TensorSpec(
                            spec.dtype, None if spec.shape is None else self.resolve(spec.shape)
                        )
                        differences.append(
                            Difference(f'{key} {role} "{name}"', str(expected), str(have[name]))
                        )
        return differences

    @staticmethod
    def _agrees(want: TensorSpec, have: TensorSpec, sizes: dict[str, int]) -> bool:
        if want.dtype != have.dtype:
            return False
        if want.shape is None or have.shape is None:
            return want.shape is have.shape
        if len(want.shape) != len(have.shape):
            return False
        for size, found in zip(want.shape, have.shape, strict=True):
            if size == found:
                continue  # the same size, or in another copy of the contract the same name
            if isinstance(size, str):
                # The first tensor that names an unbound dimension binds it for the rest.
                if (
                    not isinstance(found, int)
                    or found < 1
                    or sizes.setdefault(size, found) != found
                ):
                    return False
            else:
                return False
        return True

    def check(self, found: Mapping[str, Signature], subject: str) -> None:
        """Raise unless ``found`` agrees with this contract.

        Args:
            found: The signatures a SavedModel or a server declares.
            subject: What is being compared, for the message.

        Raises:
            ContractMismatchError: With every difference.
        """
        if differences := self.differences(found):
            raise ContractMismatchError(subject, differences)

    def check_class_names(self, found: Sequence[str], subject: str) -> None:
        """Raise unless ``found`` are this contract's class names in this order.

        A contract without class names (one that is not published) accepts any.

        Raises:
            ContractMismatchError: The names or their order differ.
        """
        if self.class_names and tuple(found) != self.class_names:
            raise ContractMismatchError(
                subject,
                [Difference("class order", str(list(self.class_names)), str(list(found)))],
            )

    def to_json(self) -> str:
        """Return the contract in the format that :func:`load` reads, ending in a newline."""
        document: dict[str, Any] = {
            "model": self.model,
            "contract_version": CONTRACT_VERSION,
            "summary": self.summary,
            "dimensions": dict(self.dimensions),
            "signatures": {
                key: _signature_to_json(signature) for key, signature in self.signatures.items()
            },
        }
        if self.bound:
            document["bound"] = dict(self.bound)
        if self.class_names:
            document["class_names"] = list(self.class_names)
        if self.parameters:
            document["parameters"] = dict(self.parameters)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def load(model_or_path: str | Path) -> Contract:
    """Read a contract.

    Args:
        model_or_path: A model's name (``"classifier"``), a contract file, or a published version's
            directory.

    Raises:
        ContractFileError: There is no such contract, or it cannot be read as one.
    """
    path = Path(model_or_path)
    if path.is_dir():
        path = extra(path, CONTRACT_FILE)
    elif isinstance(model_or_path, str) and not path.suffix and path.name == model_or_path:
        path = CONTRACTS_DIR / f"{model_or_path}.json"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        known = ", ".join(sorted(p.stem for p in CONTRACTS_DIR.glob("*.json")))
        raise ContractFileError(
            f"no contract at {path}: {err.strerror or err}; contracts by name: {known}"
        ) from err
    return loads(text, source=str(path))


def loads(text: str, source: str = "contract") -> Contract:
    """Parse a contract from JSON text.

    Args:
        text: The JSON document.
        source: Where it came from, for messages.

    Raises:
        ContractFileError: The text is not JSON or does not follow the format; the message names
            the place.
    """
    try:
        document = json.loads(text, object_pairs_hook=_refuse_repeated_keys)
        return _contract_from_json(document)
    except ContractFileError as err:
        raise ContractFileError(f"{source}: {err}") from None
    except json.JSONDecodeError as err:
        raise ContractFileError(f"{source}:{err.lineno}:{err.colno}: {err.msg}") from err


def _signature_to_json(signature: Signature) -> dict[str, Any]:
    document: dict[str, Any] = {
        "summary": signature.summary,
        "inputs": {name: _spec_to_json(spec) for name, spec in signature.inputs.items()},
        "outputs": {name: _spec_to_json(spec) for name, spec in signature.outputs.items()},
    }
    if ranking := signature.ranking:
        document["ranking"] = {"scores": ranking.scores, "count": ranking.count}
        if ranking.threshold:
            document["ranking"]["threshold"] = ranking.threshold
    return document


def _spec_to_json(spec: TensorSpec) -> dict[str, Any]:
    document: dict[str, Any] = {"dtype": spec.dtype, "shape": list(spec.shape or ())}
    if spec.axes:
        document["axes"] = list(spec.axes)
    if spec.value_range:
        document["range"] = list(spec.value_range)
    if stated := spec.stated_tolerance:
        document["tolerance"] = {"absolute": stated.absolute, "relative": stated.relative}
    document["meaning"] = spec.meaning
    return document


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ContractFileError(f"the key {key!r} appears twice in one object")
        document[key] = value
    return document


def _contract_from_json(document: Any) -> Contract:
    _expect_keys(
        document,
        "the contract",
        required={"model", "contract_version", "signatures"},
        optional={"summary", "dimensions", "bound", "class_names", "parameters"},
    )
    version = document["contract_version"]
    if isinstance(version, bool) or version not in _READABLE_VERSIONS:
        raise ContractFileError(
            f"contract_version is {document['contract_version']!r}, "
            f"this toolkit reads {' and '.join(map(str, _READABLE_VERSIONS))}"
        )
    dimensions = document.get("dimensions", {})
    signatures = {}
    for key, entry in document["signatures"].items():
        _expect_keys(
            entry,
            f"signature {key!r}",
            required={"inputs", "outputs"},
            optional={"summary", "ranking"},
        )
        outputs = _specs_from_json(entry["outputs"], f"{key} output", dimensions)
        signatures[key] = Signature(
            inputs=_specs_from_json(entry["inputs"], f"{key} input", dimensions),
            outputs=outputs,
            summary=entry.get("summary", ""),
            ranking=(
                _ranking_from_json(entry["ranking"], f"{key} ranking", outputs)
                if "ranking" in entry
                else None
            ),
        )
    if not signatures:
        raise ContractFileError("a contract needs at least one signature")
    return Contract(
        model=document["model"],
        signatures=signatures,
        dimensions=dimensions,
        bound=document.get("bound", {}),
        class_names=tuple(document.get("class_names", ())),
        parameters=document.get("parameters", {}),
        summary=document.get("summary", ""),
    )


def _specs_from_json(
    entries: Any, where: str, dimensions: Mapping[str, str]
) -> dict[str, TensorSpec]:
    if not isinstance(entries, dict) or not entries:
        raise ContractFileError(f"{where}s must be a non-empty object")
    specs = {}
    for name, entry in entries.items():
        here = f"{where} {name!r}"
        _expect_keys(
            entry,
            here,
            required={"dtype", "shape"},
            optional={"axes", "range", "meaning", "tolerance"},
        )
        if entry["dtype"] not in DTYPE_OF_ENUM.values():
            raise ContractFileError(
                f"{here} has dtype {entry['dtype']!r}; known are "
                f"{', '.join(sorted(DTYPE_OF_ENUM.values()))}"
            )
        for size in entry["shape"]:
            if isinstance(size, str):
                if size not in dimensions:
                    raise ContractFileError(f"{here} names dimension {size!r}, not declared")
            elif not isinstance(size, int) or size < -1:
                raise ContractFileError(f"{here} has the size {size!r}; use -1, a count or a name")
        value_range = entry.get("range")
        specs[name] = TensorSpec(
            dtype=entry["dtype"],
            shape=tuple(entry["shape"]),
            axes=tuple(entry.get("axes", ())),
            value_range=(value_range[0], value_range[1]) if value_range else None,
            meaning=entry.get("meaning", ""),
            stated_tolerance=(
                _tolerance_from_json(entry["tolerance"], f"{here} tolerance")
                if "tolerance" in entry
                else None
            ),
        )
    return specs


def _tolerance_from_json(entry: Any, where: str) -> Tolerance:
    _expect_keys(entry, where, required={"absolute"}, optional={"relative"})
    for name, value in entry.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e300:
            raise ContractFileError(f"{where} has {name} {value!r}; use a number of at least 0")
    return Tolerance(entry["absolute"], entry.get("relative", 0.0))


def _ranking_from_json(entry: Any, where: str, outputs: Mapping[str, TensorSpec]) -> Ranking:
    _expect_keys(entry, where, required={"scores", "count"}, optional={"threshold"})
    for role, axes in (("scores", 2), ("count", 1)):
        name = entry[role]
        if not isinstance(name, str) or name not in outputs:
            raise ContractFileError(
                f"{where} has {role} {name!r}; outputs are {', '.join(outputs)}"
            )
        if len(outputs[name].shape or ()) != axes:
            raise ContractFileError(
                f"{where} has {role} {name!r} of {outputs[name]}; it needs {axes} axes"
            )
    threshold = entry.get("threshold", "")
    if not isinstance(threshold, str):
        raise ContractFileError(f"{where} has threshold {threshold!r}; use a parameter's name")
    return Ranking(entry["scores"], entry["count"], threshold)


def _expect_keys(document: Any, where: str, required: set[str], optional: set[str]) -> None:
    if not isinstance(document, dict):
        raise ContractFileError(f"{where} must be an object, is {type(document).__name__}")
    if missing := sorted(required - set(document)):
        raise ContractFileError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(set(document) - required - optional):
        raise ContractFileError(
            f"{where} has unknown {', '.join(unknown)}; known are "
            f"{', '.join(sorted(required | optional))}"
        )
