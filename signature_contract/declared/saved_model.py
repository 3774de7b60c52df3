"""The signatures of a SavedModel, read from ``saved_model.pb`` or ``saved_model.pbtxt``.

Of the binary file only what is asked for is read: the graph, with the weights that it may hold, is
stepped over. 100 MB take some milliseconds and no memory to speak of.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError

import protos
from signature_contract.contract_errors import TargetError
from signature_contract.declared.declaration import Declaration
from signature_contract.signature import signatures_from_proto

BINARY_FILE = "saved_model.pb"
TEXT_FILE = "saved_model.pbtxt"
SPLIT_FILE = "saved_model.cpb"
SERVE = ("serve",)
"""The tags that servers look for unless they are told others."""

# saved_model.proto and meta_graph.proto: the numbers of the fields that are read here.
_META_GRAPHS = 2
_META_INFO = 1
_SIGNATURES = 5

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


def is_saved_model(path: Path) -> bool:
    """Tell whether a folder is a SavedModel."""
    return any((path / name).is_file() for name in (BINARY_FILE, TEXT_FILE, SPLIT_FILE))


def read_saved_model(path: Path, tags: Sequence[str] = SERVE) -> Declaration:
    """Read what one graph of a SavedModel declares.

    Args:
        path: The SavedModel's folder.
        tags: The whole set of the graph's tags.

    Raises:
        TargetError: The folder is no SavedModel, its file is damaged, or no graph has these tags.
    """
    graphs = meta_graphs(path)
    for graph in graphs:
        if set(graph.meta_info_def.tags) == set(tags):
            return Declaration(str(path), signatures_from_proto(graph.signature_def), tuple(tags))
    found = " and ".join(", ".join(graph.meta_info_def.tags) or "none" for graph in graphs)
    raise TargetError(
        f"{path}: expected a graph with the tags {', '.join(tags)}, found "
        + (f"graphs with {found}; name one with --tags" if graphs else "no graph at all")
    )


def meta_graphs(path: Path) -> list[Any]:
    """Return the ``MetaGraphDef`` messages of a SavedModel, without their graphs.

    Raises:
        TargetError: The folder is no SavedModel, or its file is damaged.
    """
    binary, text = path / BINARY_FILE, path / TEXT_FILE
    try:
        if binary.is_file():
            return _binary(binary)
        if text.is_file():
            return _text(text)
    except OSError as err:
        raise TargetError(f"{path} cannot be read: {err.strerror or err}") from err
    if (path / SPLIT_FILE).is_file():
        raise TargetError(
            f"{path / SPLIT_FILE} is a SavedModel split into chunks, which this tool does not "
            f"read; save it as {BINARY_FILE} (without experimental_image_format)"
        )
    if not path.exists():
        raise TargetError(f"there is no {path}")
    raise TargetError(f"{path} is no SavedModel: it holds neither {BINARY_FILE} nor {TEXT_FILE}")


def _binary(file: Path) -> list[Any]:
    if not file.stat().st_size:
        raise TargetError(f"{file} is empty")
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        view = memoryview(data)
        try:
            return [
                _meta_graph(view, start, end)
                for number, _, start, end in _fields(view, 0, len(view))
                if number == _META_GRAPHS
            ]
        except (DecodeError, ValueError) as err:
            raise TargetError(f"{file} is damaged, or no SavedModel: {err}") from err
        finally:
            view.release()


def _meta_graph(view: memoryview, start: int, end: int) -> Any:
    graph = protos.MetaGraphDef()
    for number, first, _, last in _fields(view, start, end):
        if number in (_META_INFO, _SIGNATURES):
            graph.MergeFromString(bytes(view[first:last]))
    return graph


def _fields(view: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the fields of a message in protobuf's wire format.

    Yields:
        The field's number, where it begins, where its content begins, and where both end.

    Raises:
        ValueError: The bytes are no message.
    """
    position = start
    while position < end:
        first = position
        tag, position = _varint(view, position, end)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            content = position
            _, position = _varint(view, position, end)
        elif kind == _BYTES:
            size, content = _varint(view, position, end)
            position = content + size
        elif kind in _SIZES:
            content = position
            position += _SIZES[kind]
        else:
            raise ValueError(f"no field begins at byte {first}")
        if not number or position > end:
            raise ValueError(f"the field at byte {first} does not fit into the file")
        yield number, first, content, position


def _varint(view: memoryview, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError(f"it ends in the middle of a number at byte {position}")


def _text(file: Path) -> list[Any]:
    try:
        text = file.read_text(encoding="utf-8")
        # Most of a graph is of no interest and not in our messages.
        model = text_format.Parse(text, protos.SavedModel(), allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError) as err:
        raise TargetError(f"{file} is damaged, or no SavedModel: {err}") from err
    return list(model.meta_graphs)
