"""The command that asks any model: a JSON request in, a JSON line out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from python_client._command_line.connection import addressed, connect
from python_client._command_line.json_answers import to_json
from python_client._command_line.json_lines import one_line, write
from python_client._model_client import ModelClient
from python_client.errors import InputError, InvalidArgumentError
from signature_contract.contract import Contract, ContractMismatchError
from signature_contract.json_requests import JsonRequest, RequestError

STDIN = "-"


def predict(client: ModelClient, options: argparse.Namespace) -> int:
    """Answer the requests one by one: one that cannot be answered does not hide the others.

    Without a contract, the signatures that the server declares say what dtype a number has.

    Returns:
        The exit code.
    """
    if client.contract is not None:
        return _each_request(client, client.contract, options)
    declared = client.metadata(**addressed(options)).contract()
    with connect(options, ModelClient, declared) as client_of_declared:
        return _each_request(client_of_declared, declared, options)


def _each_request(client: ModelClient, contract: Contract, options: argparse.Namespace) -> int:
    failed = False
    for file in options.files:
        named = {} if file == STDIN else {"file": file}
        try:
            write({**named, **_answer(client, contract, JsonRequest.of(_read(file)), options)})
        except (InputError, RequestError, InvalidArgumentError, ContractMismatchError) as err:
            failed = True
            write({**named, "error": one_line(err)})
    return int(failed)


def _answer(
    client: ModelClient, contract: Contract, request: JsonRequest, options: argparse.Namespace
) -> dict[str, Any]:
    key = options.signature or request.signature or "serving_default"
    inputs = request.inputs(contract.signature(key))
    outputs = client.predict(inputs, key, output_filter=options.output, **addressed(options))
    return to_json(outputs, request.rows)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise InputError(f"expected a file with a request as JSON: {reason}") from err
