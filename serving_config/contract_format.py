"""The contract's JSON format, read and written.

docs/compatibility.md says what the versions of the format promise each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from serving_config.contract_errors import ContractFileError
from serving_config.signature import DTYPE_OF_ENUM, Ranking, Signature, TensorSpec, Tolerance

CONTRACT_VERSION = 2
"""Version of the JSON format this module writes; 2 added ``tolerance`` and ``ranking``."""

_READABLE_VERSIONS = (1, 2)


def from_json(text: str, source: str) -> dict[str, Any]:
    """Parse a contract.

    Args:
        text: The JSON document.
        source: Where it came from, for messages.

    Returns:
        The fields of a :class:`serving_config.contract.Contract` by name.

    Raises:
        ContractFileError: The text is not JSON or does not follow the format; the message names
            the place.
    """
    try:
        return _fields(json.loads(text, object_pairs_hook=_refuse_repeated_keys))
    except ContractFileError as err:
        raise ContractFileError(f"{source}: {err}") from None
    except json.JSONDecodeError as err:
        raise ContractFileError(f"{source}:{err.lineno}:{err.colno}: {err.msg}") from err


def to_json(fields: Mapping[str, Any]) -> str:
    """Write what :func:`from_json` reads.

    Args:
        fields: The fields of a :class:`serving_config.contract.Contract` by name.

    Returns:
        The JSON document, ending in a newline.
    """
    signatures: Mapping[str, Signature] = fields["signatures"]
    document: dict[str, Any] = {
        "model": fields["model"],
        "contract_version": CONTRACT_VERSION,
        "summary": fields["summary"],
        "dimensions": dict(fields["dimensions"]),
        "signatures": {key: _signature_to_json(signature) for key, signature in signatures.items()},
    }
    for name, kind in (("bound", dict), ("class_names", list), ("parameters", dict)):
        if fields[name]:
            document[name] = kind(fields[name])
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


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


def _fields(document: Any) -> dict[str, Any]:
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
    return {
        "model": document["model"],
        "signatures": signatures,
        "dimensions": dimensions,
        "bound": document.get("bound", {}),
        "class_names": tuple(document.get("class_names", ())),
        "parameters": document.get("parameters", {}),
        "summary": document.get("summary", ""),
    }


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
        specs[name] = TensorSpec(
            dtype=entry["dtype"],
            shape=tuple(entry["shape"]),
            axes=tuple(entry.get("axes", ())),
            value_range=(
                _range_from_json(entry["range"], entry["dtype"], here) if "range" in entry else None
            ),
            meaning=entry.get("meaning", ""),
            stated_tolerance=(
                _tolerance_from_json(entry["tolerance"], f"{here} tolerance")
                if "tolerance" in entry
                else None
            ),
        )
    return specs


def _range_from_json(entry: Any, dtype: str, where: str) -> tuple[float, float]:
    if dtype == "string":
        raise ContractFileError(f"{where} has a range, and text has none; use it for numbers")
    if (
        not isinstance(entry, list)
        or len(entry) != 2
        or any(isinstance(bound, bool) or not isinstance(bound, int | float) for bound in entry)
        or not entry[0] <= entry[1]
    ):
        raise ContractFileError(f"{where} has range {entry!r}; use [lowest, highest]")
    return entry[0], entry[1]


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
