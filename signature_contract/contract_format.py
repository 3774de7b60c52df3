"""The contract's JSON format, read and written.

``contract.schema.json`` beside this file says the same for other tools; docs/compatibility.md says
what the versions of the format promise each other. Java reads it by the same rules and in the same
words: one folder of documents holds both to it (``tests/signature_contract/documents``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from signature_contract.contract_errors import ContractFileError
from signature_contract.signature import (
    CLASSES_DIMENSION,
    DTYPE_OF_ENUM,
    WITHOUT_RANGE,
    Ranking,
    Shape,
    Signature,
    Size,
    TensorSpec,
    Tolerance,
)
from signature_contract.tensor_values import frozen, shown

CONTRACT_VERSION = "2.1"
"""Version of the JSON format that this module writes.

2 added ``tolerance`` and ``ranking``; 2.1 ``tags``, ``default``, ``null`` as a shape, rankings
without a count, and all of TensorFlow's dtypes.
"""

_MAJOR, _MINOR = map(int, CONTRACT_VERSION.split("."))
_OLDEST_MAJOR = 1
_SERVE = ("serve",)
_MOST = 1e300  # no number of a contract is as large
_LONGEST = 60  # of a value in a message
_WIDTH = 80  # of a list on one line


def from_json(text: str, source: str) -> dict[str, Any]:
    """Parse a contract.

    Args:
        text: The JSON document.
        source: Where it came from, for messages.

    Returns:
        The fields of a :class:`signature_contract.contract.Contract` by name.

    Raises:
        ContractFileError: The text is not JSON or does not follow the format; the message names
            the place.
    """
    try:
        document = json.loads(
            text, object_pairs_hook=_refuse_repeated_keys, parse_constant=_refuse_constant
        )
        return _encodable(_Reader.of(document).fields())
    except ContractFileError as err:
        raise ContractFileError(f"{source}: {err}") from None
    except json.JSONDecodeError as err:
        raise ContractFileError(
            f"{source}:{err.lineno}:{err.colno}: it is not JSON: {err.msg}"
        ) from err
    except ValueError as err:  # a number with thousands of digits
        raise ContractFileError(f"{source}: it is not JSON: {err}") from err
    except RecursionError:
        raise ContractFileError(f"{source}: it is nested too deep") from None


def _encodable(fields: dict[str, Any]) -> dict[str, Any]:
    """Refuse text that no file can hold: JSON can escape half of a surrogate pair."""
    try:
        to_json(fields).encode()
    except UnicodeEncodeError:
        raise ContractFileError("it holds half of a surrogate pair, which is no text") from None
    return fields


def to_json(fields: Mapping[str, Any]) -> str:
    """Write what :func:`from_json` reads.

    Args:
        fields: The fields of a :class:`signature_contract.contract.Contract` by name.

    Returns:
        The JSON document, ending in a newline.
    """
    signatures: Mapping[str, Signature] = fields["signatures"]
    document: dict[str, Any] = {
        "model": fields["model"],
        "contract_version": fields["format_version"],
        "summary": fields["summary"],
    }
    if tuple(fields["tags"]) != _SERVE:
        document["tags"] = list(fields["tags"])
    document["dimensions"] = dict(fields["dimensions"])
    document["signatures"] = {
        key: _signature_to_json(signature) for key, signature in signatures.items()
    }
    for name, kind in (("bound", dict), ("class_names", list), ("parameters", dict)):
        if fields[name]:
            document[name] = kind(fields[name])
    document |= fields["unknown"]
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return re.sub(r"\[\n\s+([^\[\]{}]*?)\n\s+\]", _on_one_line, text) + "\n"


def _on_one_line(found: re.Match[str]) -> str:
    """Put a short list of values on one line; text holds no line breaks of its own here."""
    line = "[" + re.sub(r",\n\s+", ", ", found[1]) + "]"
    return line if len(line) <= _WIDTH else found[0]


def _signature_to_json(signature: Signature) -> dict[str, Any]:
    document: dict[str, Any] = {
        "summary": signature.summary,
        "inputs": {name: _spec_to_json(spec) for name, spec in signature.inputs.items()},
        "outputs": {name: _spec_to_json(spec) for name, spec in signature.outputs.items()},
    }
    if ranking := signature.ranking:
        roles = {"scores": ranking.scores, "count": ranking.count, "threshold": ranking.threshold}
        stated = {role: name for role, name in roles.items() if name}
        document["ranking"] = {**stated, **ranking.unknown}
    return {**document, **signature.unknown}


def _spec_to_json(spec: TensorSpec) -> dict[str, Any]:
    shape = None if spec.shape is None else list(spec.shape)
    document: dict[str, Any] = {"dtype": spec.dtype, "shape": shape}
    if spec.axes:
        document["axes"] = list(spec.axes)
    if spec.value_range:
        document["range"] = list(spec.value_range)
    if stated := spec.stated_tolerance:
        numbers = {"absolute": stated.absolute, "relative": stated.relative}
        document["tolerance"] = {**numbers, **stated.unknown}
    if spec.has_default:
        document["default"] = spec.default
    document["meaning"] = spec.meaning
    return {**document, **spec.unknown}


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ContractFileError(f"the key {shown(key)} appears twice in one object")
        document[key] = value
    return document


def _refuse_constant(name: str) -> Any:
    raise ContractFileError(f"it is not JSON: it holds {name}")


def _refuse(where: str, expected: str, found: Any) -> ContractFileError:
    text = shown(found)
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return ContractFileError(f"{where}: expected {expected}, found {text}")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refuse(where, "an object", value)
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _refuse(where, "a list", value)
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _refuse(where, "a text", value)
    return value


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise _refuse(where, "a name", value)
    return value


def _names(value: Any, where: str) -> tuple[str, ...]:
    names = tuple(_name(item, f"{where}[{i}]") for i, item in enumerate(_list(value, where)))
    for name in names:
        if names.count(name) > 1:
            raise ContractFileError(f"{where}: {shown(name)} appears twice")
    return names


def _texts(value: Any, where: str) -> dict[str, str]:
    return {name: _text(item, f'{where} "{name}"') for name, item in _object(value, where).items()}


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_MOST < value < _MOST  # JSON can write what no dtype holds
    )


class _Reader:
    """Reads one document: what it may hold depends on its version."""

    def __init__(self, document: dict[str, Any], later_version: str) -> None:
        self._document = document
        self._later_version = later_version
        self._dimensions: dict[str, str] = {}

    @classmethod
    def of(cls, value: Any) -> _Reader:
        """Read the version first: it says how to read the rest."""
        document = _object(value, "the contract")
        if "contract_version" not in document:
            raise ContractFileError("the contract lacks contract_version")
        major, minor = _version(document["contract_version"])
        is_later = (major, minor) > (_MAJOR, _MINOR)
        return cls(document, later_version=f"{major}.{minor}" if is_later else "")

    def fields(self) -> dict[str, Any]:
        entry, unknown = self._keys(
            self._document,
            "the contract",
            required=("model", "contract_version", "signatures"),
            optional=("summary", "tags", "dimensions", "bound", "class_names", "parameters"),
        )
        self._dimensions = _texts(entry.get("dimensions", {}), "dimensions")
        signatures = {
            _name(key, "signatures"): self._signature(key, value)
            for key, value in _object(entry["signatures"], "signatures").items()
        }
        if not signatures:
            raise ContractFileError("signatures: expected at least one, found none")
        tags = _names(entry.get("tags", list(_SERVE)), "tags")
        class_names = _names(entry.get("class_names", []), "class_names")
        return {
            "model": _name(entry["model"], "model"),
            "summary": _text(entry.get("summary", ""), "summary"),
            "tags": tags,
            "dimensions": self._dimensions,
            "signatures": signatures,
            "bound": self._bound(entry.get("bound", {}), len(class_names)),
            "class_names": class_names,
            "parameters": _object(entry.get("parameters", {}), "parameters"),
            "format_version": self._later_version or CONTRACT_VERSION,
            "unknown": unknown,
        }

    def _keys(
        self, value: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Split an object into what is known and what only a later version knows."""
        document = _object(value, where)
        for name in required:
            if name not in document:
                raise ContractFileError(f"{where} lacks {name}")
        known = (*required, *optional)
        unknown = {name: item for name, item in document.items() if name not in known}
        if unknown and not self._later_version:
            raise ContractFileError(
                f"{where} has unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}"
            )
        return document, unknown

    def _bound(self, value: Any, classes: int) -> dict[str, int]:
        bound = dict(_object(value, "bound"))
        for name, size in bound.items():
            where = f'bound "{name}"'
            if name not in self._dimensions:
                raise ContractFileError(f"{where}: there is no such dimension")
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                raise _refuse(where, "a size", size)
        if classes and CLASSES_DIMENSION in self._dimensions:
            size = bound.setdefault(CLASSES_DIMENSION, classes)
            if size != classes:
                where = f'bound "{CLASSES_DIMENSION}"'
                raise _refuse(where, f"{classes}, one for each of class_names", size)
        return bound

    def _signature(self, key: str, value: Any) -> Signature:
        where = f'signature "{key}"'
        entry, unknown = self._keys(
            value, where, required=("inputs", "outputs"), optional=("summary", "ranking")
        )
        inputs = self._specs(entry["inputs"], key, "input")
        outputs = self._specs(entry["outputs"], key, "output")
        if not outputs:
            raise ContractFileError(f"{key} outputs: expected at least one, found none")
        ranking = None
        if "ranking" in entry:
            ranking = self._ranking(entry["ranking"], f"{key} ranking", outputs)
        summary = _text(entry.get("summary", ""), f"{where} summary")
        return Signature(inputs, outputs, summary, ranking, unknown)

    def _specs(self, value: Any, key: str, role: str) -> dict[str, TensorSpec]:
        return {
            name: self._spec(item, f'{key} {role} "{name}"', role == "input")
            for name, item in _object(value, f"{key} {role}s").items()
        }

    def _spec(self, value: Any, where: str, is_input: bool) -> TensorSpec:
        entry, unknown = self._keys(
            value,
            where,
            required=("dtype", "shape"),
            optional=("axes", "range", "meaning", "default" if is_input else "tolerance"),
        )
        dtype = entry["dtype"]
        if not isinstance(dtype, str) or dtype not in DTYPE_OF_ENUM.values():
            raise _refuse(f"{where} dtype", f"one of {', '.join(DTYPE_OF_ENUM.values())}", dtype)
        shape = self._shape(entry["shape"], f"{where} shape")
        default = entry.get("default")
        if "default" in entry and default is None:
            raise _refuse(f"{where} default", "a value", None)
        return TensorSpec(
            dtype=dtype,
            shape=shape,
            axes=_axes(entry["axes"], shape, f"{where} axes") if "axes" in entry else (),
            value_range=(
                _range(entry["range"], dtype, f"{where} range") if "range" in entry else None
            ),
            meaning=_text(entry.get("meaning", ""), f"{where} meaning"),
            stated_tolerance=(
                self._tolerance(entry["tolerance"], f"{where} tolerance")
                if "tolerance" in entry
                else None
            ),
            default=frozen(default),
            unknown=unknown,
        )

    def _shape(self, value: Any, where: str) -> Shape | None:
        if value is None:
            return None
        return tuple(
            self._size(size, f"{where}[{axis}]") for axis, size in enumerate(_list(value, where))
        )

    def _size(self, value: Any, where: str) -> Size:
        if isinstance(value, str):
            if value not in self._dimensions:
                raise ContractFileError(f"{where}: there is no dimension {shown(value)}")
            return value
        if not isinstance(value, int) or isinstance(value, bool) or value < -1:
            raise _refuse(where, "-1, a size or a dimension's name", value)
        return value

    def _tolerance(self, value: Any, where: str) -> Tolerance:
        entry, unknown = self._keys(value, where, required=("absolute",), optional=("relative",))
        for name in ("absolute", "relative"):
            number = entry.get(name, 0.0)
            if not _is_number(number) or not 0 <= number < _MOST:
                raise _refuse(f"{where} {name}", "a number of at least 0", number)
        return Tolerance(entry["absolute"], entry.get("relative", 0.0), unknown)

    def _ranking(self, value: Any, where: str, outputs: Mapping[str, TensorSpec]) -> Ranking:
        entry, unknown = self._keys(value, where, ("scores",), ("count", "threshold"))
        for role, axes in (("scores", 2), ("count", 1)):
            name = entry.get(role, "" if role == "count" else None)
            if role == "count" and role not in entry:
                continue
            if not isinstance(name, str) or name not in outputs:
                raise _refuse(f"{where} {role}", f"one of {', '.join(outputs)}", name)
            shape = outputs[name].shape
            if shape is not None and len(shape) != axes:
                raise ContractFileError(
                    f"{where} {role}: expected an output of {axes} axes, found {outputs[name]}"
                )
        threshold = _text(entry.get("threshold", ""), f"{where} threshold")
        return Ranking(entry["scores"], entry.get("count", ""), threshold, unknown)


def _version(value: Any) -> tuple[int, int]:
    """Return major and minor; the first two versions were whole numbers."""
    if value in (1, 2) and isinstance(value, int) and not isinstance(value, bool):
        return value, 0
    found = re.fullmatch(r"(\d{1,9})\.(\d{1,9})", value) if isinstance(value, str) else None
    if not found:
        raise _refuse("contract_version", f'a version such as "{CONTRACT_VERSION}"', value)
    major, minor = int(found[1]), int(found[2])
    if not _OLDEST_MAJOR <= major <= _MAJOR:
        raise ContractFileError(
            f"contract_version is {value}, and this toolkit reads {_OLDEST_MAJOR}.0 to "
            f"{_MAJOR}.x; install the one that the contract was written with, or a later one"
        )
    return major, minor


def _axes(value: Any, shape: Shape | None, where: str) -> tuple[str, ...]:
    axes = tuple(_text(item, f"{where}[{i}]") for i, item in enumerate(_list(value, where)))
    if shape is not None and len(axes) != len(shape):
        raise _refuse(where, f"a name for each of {len(shape)} axes", list(axes))
    return axes


def _range(value: Any, dtype: str, where: str) -> tuple[float, float]:
    if dtype in WITHOUT_RANGE:
        raise ContractFileError(f"{where}: values of {dtype} have no range")
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(map(_is_number, value))
        or not value[0] <= value[1]
    ):
        raise _refuse(where, "[lowest, highest]", value)
    return value[0], value[1]
