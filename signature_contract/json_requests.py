"""Requests as the JSON of TensorFlow Serving's REST API, for any model.

A request has ``"instances"``, a list of rows, or ``"inputs"``, whole tensors; either may leave out
the name where the signature demands one input alone. ``"signature_name"`` names the signature.
Bytes are ``{"b64": "…"}``.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from signature_contract.contract import Signature
from signature_contract.contract_errors import ContractError

_KEYS = ("instances", "inputs", "signature_name")
_LONGEST = 80  # of a value in a message


class RequestError(ContractError):
    """A document is no request, or not one of its signature."""


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
            RequestError: It is not JSON, or no request.
        """
        return cls.of_document(parse(text))

    @classmethod
    def of_document(cls, document: Any) -> JsonRequest:
        """Read a request from a JSON value.

        Raises:
            RequestError: It is no request.
        """
        if not isinstance(document, dict) or ("instances" in document) == ("inputs" in document):
            raise RequestError(
                'expected {"instances": [a row, …]} or {"inputs": {name: tensor, …}}, received '
                f"{_short(document)}"
            )
        if unknown := sorted(document.keys() - set(_KEYS)):
            raise RequestError(f"expected only {', '.join(_KEYS)}, received {', '.join(unknown)}")
        rows = "instances" in document
        content = document["instances" if rows else "inputs"]
        if rows and (not isinstance(content, list) or not content):
            raise RequestError(
                f'expected at least one row under "instances", received {_short(content)}'
            )
        key = document.get("signature_name", "")
        if not isinstance(key, str):
            raise RequestError(f'expected a text as "signature_name", received {_short(key)}')
        return cls(key, rows, content)

    def inputs(self, signature: Signature) -> dict[str, Any]:
        """Return what stands for each input, by its name.

        Args:
            signature: What the model takes.

        Raises:
            RequestError: Names are missing, or rows differ in their names.
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
                raise RequestError(
                    f"expected every row with the inputs of the first ({', '.join(first)}), "
                    f"received {_short(row)} as row {number}"
                )
        return {name: [_plain(row[name]) for row in self.content] for name in first}


def parse(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        RequestError: It is no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as err:
        raise RequestError(f"expected a request as JSON, received something else: {err}") from err


def _only_input(signature: Signature) -> str:
    demanded = [name for name, spec in signature.inputs.items() if not spec.has_default]
    if len(demanded) != 1:
        raise RequestError(
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
        raise RequestError(f'expected a value or {{"b64": text}}, received {_short(value)}')
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error as err:
        raise RequestError(f'expected Base64 under "b64", received {_short(value)}: {err}') from err


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
