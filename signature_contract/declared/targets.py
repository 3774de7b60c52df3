"""What a person names a model by: a folder, a file, or an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from signature_contract.contract_errors import TargetError
from signature_contract.declared.declaration import Declaration
from signature_contract.declared.saved_model import SERVE, is_saved_model, read_saved_model
from signature_contract.declared.server import Address, parse_address, read_server
from signature_contract.declared.tflite import read_tflite


def target_of(text: str | Path, model: str = "") -> Path | Address:
    """Tell what a target is.

    Args:
        text: A SavedModel's folder (or the folder of its numbered versions), a ``.tflite`` file,
            ``HOST:PORT[/MODEL[/VERSION]]`` or ``http://HOST:PORT/v1/models/MODEL``. What exists on
            disk is never an address.
        model: The model's name on a server, where the address has none.

    Raises:
        TargetError: It is none of these.
    """
    path = Path(text)
    if path.exists():
        return _newest(path.resolve())
    address = parse_address(str(text))
    if address is None:
        raise TargetError(
            f"there is no {text}; expected a SavedModel's folder, a .tflite file, HOST:PORT/MODEL, "
            "or http://HOST:PORT/v1/models/MODEL"
        )
    return address if address.model else replace(address, model=model)


def _newest(path: Path) -> Path:
    """Return the newest version below a model's folder, or the path itself."""
    if not path.is_dir() or is_saved_model(path):
        return path
    versions = [entry for entry in path.iterdir() if entry.name.isdecimal() and entry.is_dir()]
    return max(versions, key=lambda entry: int(entry.name), default=path)


def read_declaration(place: Path | Address, tags: Sequence[str] = SERVE) -> Declaration:
    """Read what a model says of itself.

    Args:
        place: From :func:`target_of`.
        tags: The tags of a SavedModel's graph.

    Raises:
        TargetError: It cannot be read, or says nothing.
    """
    if isinstance(place, Address):
        return read_server(place)
    return read_saved_model(place, tags) if place.is_dir() else read_tflite(place)


def model_name(place: Path | Address) -> str:
    """Return a model's name: on a server, of a file, or of the folder of its versions."""
    if isinstance(place, Address):
        return place.model
    if place.is_file():
        return place.stem
    return place.parent.name if place.name.isdecimal() else place.name
