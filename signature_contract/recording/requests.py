"""Requests that people have: arrays, JSON as REST takes it, files for inputs of text."""

from __future__ import annotations

import base64
import binascii
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from signature_contract import tensor_messages
from signature_contract.contract import Contract, Signature
from signature_contract.contract_errors import ContractError
from signature_contract.golden import Array, GoldenCase

_IMAGES = frozenset((".jpg", ".jpeg", ".png", ".gif", ".bmp"))
_DEFAULT_KEY = "serving_default"


class RequestFileError(ContractError):
    """A file of requests cannot be used."""


def read_requests(path: Path, contract: Contract) -> list[GoldenCase]:
    """Read requests, each compared with its signature.

    Args:
        path: A file, or a folder whose files are read in the order of their names:

            - ``.npz``: one request, an array an input; or several, ``<case>/<input>`` or
              ``<signature>/<case>/<input>``;
            - ``.json``: what REST's predict takes, ``inputs`` or ``instances`` with an optional
              ``signature_name``, or a list of those;
            - ``.jpg``, ``.png``, ``.gif``, ``.bmp``: one request, the file's bytes, to the one
              signature that takes a single tensor of text.
        contract: The contract.

    Raises:
        RequestFileError: A file cannot be read, or a request contradicts its signature.
    """
    if not path.exists():
        raise RequestFileError(f"no requests at {path}")
    files = (
        sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    )
    files = [file for file in files if not file.name.startswith(".")]
    cases: dict[tuple[str, str], GoldenCase] = {}
    for file in files:
        for case in _read(file, contract):
            _check(case, contract, file)
            name, number = case.name, 2
            while (case.signature, name) in cases:
                name, number = f"{case.name}_{number}", number + 1
            cases[case.signature, name] = GoldenCase(case.signature, name, case.inputs, {})
    if not cases:
        raise RequestFileError(f"{path} holds no requests: no .npz, .json or image file")
    return list(cases.values())


def _read(file: Path, contract: Contract) -> Iterator[GoldenCase]:
    suffix = file.suffix.lower()
    if suffix == ".npz":
        yield from _npz(file, contract)
    elif suffix == ".json":
        yield from _json(file, contract)
    elif suffix in _IMAGES:
        yield _encoded(file, contract)
    else:
        raise RequestFileError(f"{file}: expected .npz, .json or an image file, found {suffix!r}")


def _npz(file: Path, contract: Contract) -> Iterator[GoldenCase]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as err:
        raise RequestFileError(f"{file} is damaged, or no .npz file: {err}") from err
    requests: dict[tuple[str, str], dict[str, Array]] = {}
    for key, value in arrays.items():
        *place, name = key.split("/")
        signature = place[0] if len(place) > 1 else _only_key(contract, file)
        case = place[-1] if place else file.stem
        requests.setdefault((signature, case), {})[name] = value
    for (signature, case), inputs in requests.items():
        yield _case(signature, case, inputs, contract, file)


def _json(file: Path, contract: Contract) -> Iterator[GoldenCase]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise RequestFileError(f"{file} cannot be read as JSON: {err}") from err
    entries = document if isinstance(document, list) else [document]
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not {"inputs", "instances"} & entry.keys():
            raise RequestFileError(
                f'{file}: expected an object with "inputs" or "instances", as REST\'s predict '
                f"takes it, found {json.dumps(entry)[:60]}"
            )
        key = entry.get("signature_name") or _only_key(contract, file)
        case = file.stem if len(entries) == 1 else f"{file.stem}_{number}"
        signature = _signature(key, contract, file)
        if "inputs" in entry:
            inputs = _by_name(entry["inputs"], signature)
        else:
            inputs = _of_rows(entry["instances"], signature, file)
        yield _case(key, case, inputs, contract, file)


def _by_name(value: Any, signature: Signature) -> dict[str, Any]:
    """Return inputs by name; a signature's only one may stand for itself."""
    if isinstance(value, dict) and not _is_bytes(value):
        return {name: _values(item) for name, item in value.items()}
    return {name: _values(value) for name in list(signature.inputs)[:1]}


def _of_rows(rows: Any, signature: Signature, file: Path) -> dict[str, Any]:
    if not isinstance(rows, list) or not rows:
        raise RequestFileError(f'{file}: "instances" must be a list of at least one row')
    if all(isinstance(row, dict) and not _is_bytes(row) for row in rows):
        names = rows[0].keys()
        if any(row.keys() != names for row in rows):
            raise RequestFileError(f"{file}: every row must name the same inputs")
        return {name: [_values(row[name]) for row in rows] for name in names}
    return {name: [_values(row) for row in rows] for name in list(signature.inputs)[:1]}


def _values(value: Any) -> Any:
    """Put bytes in the place of ``{"b64": …}``."""
    if isinstance(value, list):
        return [_values(item) for item in value]
    if isinstance(value, dict) and _is_bytes(value):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, TypeError) as err:
            raise RequestFileError(f'"b64": {err}') from err
    return value


def _is_bytes(value: Mapping[str, Any]) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"}


def _encoded(file: Path, contract: Contract) -> GoldenCase:
    fitting = [
        (key, name)
        for key, signature in contract.signatures.items()
        for name, spec in signature.inputs.items()
        if spec.dtype == "string" and len(signature.inputs) == 1
    ]
    if len(fitting) != 1:
        found = ", ".join(key for key, _ in fitting) or "none"
        raise RequestFileError(
            f"{file}: expected one signature that takes a single tensor of text, found {found}; "
            "name it in a .json file"
        )
    ((key, name),) = fitting
    shape = contract.signature(key).inputs[name].shape
    value = np.empty((), dtype=object)
    value[()] = file.read_bytes()
    return GoldenCase(key, file.stem, {name: value.reshape((1,) * len(shape or (1,)))}, {})


def _only_key(contract: Contract, file: Path) -> str:
    if _DEFAULT_KEY in contract.signatures:
        return _DEFAULT_KEY
    if len(contract.signatures) == 1:
        return next(iter(contract.signatures))
    raise RequestFileError(
        f"{file}: which signature is it for? There are {', '.join(contract.signatures)}; name it "
        "(signature_name in JSON, <signature>/<case>/<input> in .npz)"
    )


def _signature(key: str, contract: Contract, file: Path) -> Signature:
    if key not in contract.signatures:
        raise RequestFileError(
            f"{file}: there is no signature {key!r}; there are {', '.join(contract.signatures)}"
        )
    return contract.resolved(key)


def _case(
    key: str, case: str, inputs: Mapping[str, Any], contract: Contract, file: Path
) -> GoldenCase:
    signature = _signature(key, contract, file)
    arrays = {}
    for name, value in inputs.items():
        wanted = signature.inputs[name].dtype if name in signature.inputs else None
        try:
            arrays[name] = tensor_messages.as_array(
                value, "float32" if wanted == "bfloat16" else wanted
            )
        except tensor_messages.TensorError as err:
            raise RequestFileError(f'{file}, {key}/{case} input "{name}": {err}') from err
    return GoldenCase(key, case, arrays, {})


def _check(case: GoldenCase, contract: Contract, file: Path) -> None:
    signature = contract.resolved(case.signature)
    received = {}
    for name, array in case.inputs.items():
        dtype = tensor_messages.dtype_name(array)
        if name in signature.inputs and signature.inputs[name].dtype == "bfloat16":
            dtype = "bfloat16" if dtype == "float32" else dtype
        received[name] = (dtype, array.shape)
    if differences := signature.input_differences(case.signature, received):
        lines = "\n".join(f"  - {difference}" for difference in differences)
        raise RequestFileError(f"{file}, {case} is no request of the contract:\n{lines}")
