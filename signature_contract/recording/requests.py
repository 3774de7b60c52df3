"""Requests that people have: arrays, JSON as REST takes it, files for inputs of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from signature_contract import tensor_messages
from signature_contract.contract import Contract, Signature
from signature_contract.contract_errors import ContractError
from signature_contract.golden import NO_NPZ, Array, GoldenCase, plain
from signature_contract.json_requests import JsonRequest, RequestError, parse

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
        for case in _read_file(file, contract):
            _check(case, contract, file)
            name, number = case.name, 2
            while (case.signature, name) in cases:
                name, number = f"{case.name}_{number}", number + 1
            cases[case.signature, name] = GoldenCase(case.signature, name, case.inputs, {})
    if not cases:
        raise RequestFileError(f"{path} holds no requests: no .npz, .json or image file")
    return list(cases.values())


def _read_file(file: Path, contract: Contract) -> list[GoldenCase]:
    try:
        return list(_read(file, contract))
    except RequestError as err:
        raise RequestFileError(f"{file}: {err}") from err


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
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, *NO_NPZ) as err:
        raise RequestFileError(f"{file} is damaged, or no .npz file: {err}") from err
    requests: dict[tuple[str, str], dict[str, Array]] = {}
    for key, value in arrays.items():
        *place, name = map(plain, key.split("/"))
        signature = place[0] if len(place) > 1 else _only_key(contract, file)
        case = place[-1] if place else file.stem
        requests.setdefault((signature, case), {})[name] = value
    for (signature, case), inputs in requests.items():
        yield _case(signature, case, inputs, contract, file)


def _json(file: Path, contract: Contract) -> Iterator[GoldenCase]:
    try:
        document = parse(file.read_text(encoding="utf-8"))
    except OSError as err:
        raise RequestFileError(f"{file} cannot be read: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise RequestFileError(f"{file}: expected UTF-8 text, found other bytes") from err
    entries = document if isinstance(document, list) else [document]
    for number, entry in enumerate(entries):
        request = JsonRequest.of_document(entry)
        key = request.signature or _only_key(contract, file)
        case = file.stem if len(entries) == 1 else f"{file.stem}_{number}"
        inputs = request.inputs(_signature(key, contract, file))
        yield _case(key, case, inputs, contract, file)


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
