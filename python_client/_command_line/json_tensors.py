"""Requests and answers as the JSON of TensorFlow Serving's REST API, for any model.

A request has ``"instances"``, a list of rows, or ``"inputs"``, whole tensors; either may leave out
the name where the signature demands one input alone. ``"signature_name"`` names the signature.
Bytes are ``{"b64": "…"}``. The answer has ``"predictions"``, row by row, or ``"outputs"``.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from python_client.errors import InputError
from python_client.tensors import Array
from signature_contract.contract import Signature

_KEYS = ("instances", "inputs", "signature_name")


@dataclass(frozen=True)
class JsonRequest:
    """A request read from JSON.

    Attributes:
        signature: The signature key; empty where none is named.
        rows: The request is a list of rows, and so is its answer.
        content: ``instances`` or ``inputs``.
    """

    signature: str
    rows: bool
    content: Any

    @classmethod
    def of(cls, text: str) -> JsonRequest:
        """Read the JSON of a request.

        Raises:
            InputError: It is not JSON, or no request.
        """
        try:
            document = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as err:
            raise InputError(f"expected a request as JSON, received something else: {err}") from err
        if not isinstance(document, dict) or ("instances" in document) == ("inputs" in document):
            raise InputError(
                'expected {"instances": [a row, …]} or {"inputs": {name: tensor, …}}, received '
                f"{_short(document)}"
            )
        if unknown := sorted(document.keys() - set(_KEYS)):
            raise InputError(f"expected only {', '.join(_KEYS)}, received {', '.join(unknown)}")
        rows = "instances" in document
        content = document["instances" if rows else "inputs"]
        if rows and (not isinstance(content, list) or not content):
            raise InputError(
                f'expected at least one row under "instances", received {_short(content)}'
            )
        key = document.get("signature_name", "")
        if not isinstance(key, str):
            raise InputError(f'expected a text as "signature_name", received {_short(key)}')
        return cls(key, rows, content)

    def inputs(self, signature: Signature) -> dict[str, Any]:
        """Return what stands for each input, by its name.

        Args:
            signature: What the model takes.

        Raises:
            InputError: Names are missing, or rows differ in their names.
        """
        if not self.rows:
            if _is_named(self.content):
                return {name: _plain(value) for name, value in self.content.items()}
            return {_only_input(signature): _plain(self.content)}
        if not any(map(_is_named, self.content)):
            return {_only_input(signature): _plain(self.content)}
        first = self.content[0]
        for number, row in enumerate(self.content):
            if not _is_named(row) or row.keys() != first.keys():
                raise InputError(
                    f"expected every row with the inputs of the first ({', '.join(first)}), "
                    f"received {_short(row)} as row {number}"
                )
        return {name: [_plain(row[name]) for row in self.content] for name in first}

    def answer(self, outputs: Mapping[str, Array]) -> dict[str, Any]:
        """Return an answer in the form of this request.

        Args:
            outputs: Array by output name.

        Raises:
            InputError: The answer has no rows, or not as many in every output.
        """
        values = {name: _to_json(name, array) for name, array in outputs.items()}
        only = next(iter(values.values())) if len(values) == 1 else None
        if not self.rows:
            return {"outputs": values if only is None else only}
        counts = {len(array) if array.ndim else None for array in outputs.values()}
        if len(counts) != 1 or None in counts:
            shapes = ", ".join(f"{name} {list(a.shape)}" for name, a in outputs.items())
            raise InputError(
                f'the answer is no list of rows ({shapes})\n  fix: ask with "inputs" in place of '
                '"instances"'
            )
        if only is not None:
            return {"predictions": only}
        rows = zip(*values.values(), strict=True)
        return {"predictions": [dict(zip(values, row, strict=True)) for row in rows]}


def _only_input(signature: Signature) -> str:
    demanded = [name for name, spec in signature.inputs.items() if not spec.has_default]
    if len(demanded) != 1:
        raise InputError(
            "expected the name of each input, received none\n  fix: name the inputs: "
            f"{', '.join(f'{name} ({spec})' for name, spec in signature.inputs.items()) or 'none'}"
        )
    return demanded[0]


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() != {"b64"}


def _plain(value: Any) -> Any:
    """Return a value with bytes in place of ``{"b64": …}``."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() != {"b64"} or not isinstance(value["b64"], str):
        raise InputError(f'expected a value or {{"b64": text}}, received {_short(value)}')
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error as err:
        raise InputError(f'expected Base64 under "b64", received {_short(value)}: {err}') from err


def _to_json(name: str, array: Array) -> Any:
    """Return nested lists; what JSON has no number for is a text."""
    if array.dtype in (np.float16, np.float32):
        array = array.astype(np.str_).astype(np.float64)  # the shortest digits that read back
    return _each(array.tolist(), name.endswith("_bytes"))


def _each(value: Any, as_base64: bool) -> Any:
    if isinstance(value, list):
        return [_each(item, as_base64) for item in value]
    if isinstance(value, bytes):
        return _text(value, as_base64)
    if isinstance(value, complex):
        return {"re": _each(value.real, as_base64), "im": _each(value.imag, as_base64)}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _text(value: bytes, as_base64: bool) -> Any:
    if not as_base64:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode("ascii")}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:80] + "…"
