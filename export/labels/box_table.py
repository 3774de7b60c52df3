"""A table of boxes (CSV): TensorFlow's, Roboflow's, Keras RetinaNet's; a row an object."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from export import photograph_files
from export.errors import DataSetError
from export.labels import text_files
from export.labels.annotations import (
    Collected,
    LabelledBox,
    LabelledImage,
    Listing,
    UnreadableError,
)
from export.labels.folder import Folder, note_unlisted
from export.labels.layout import Layout

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "filename": ("filename", "file_name", "file", "image", "image_name", "image_path", "path"),
    "xmin": ("xmin", "x_min", "x1", "left"),
    "ymin": ("ymin", "y_min", "y1", "top"),
    "xmax": ("xmax", "x_max", "x2", "right"),
    "ymax": ("ymax", "y_max", "y2", "bottom"),
    "class": ("class", "label", "class_name", "name", "category"),
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
}
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_BARE = {column: at for at, column in enumerate(("filename", *_EDGES, "class"))}
"""Keras RetinaNet's columns: its tables have no header."""
_NEEDED = ("filename", *_EDGES, "class")

Row = dict[str, str]


def is_it(folder: Folder) -> bool:
    """Tell whether a table of the folder has the columns of boxes."""
    return any(_is_table(path) for path in folder.ending(".csv", ".tsv"))


def read(folder: Folder) -> Listing:
    """Read the table of each part, or the one there is. Rows with a file alone have no object.

    Raises:
        DataSetError: A table cannot be read.
    """
    collected = Collected()
    tables = []
    for path in folder.ending(".csv", ".tsv"):
        try:
            if _columns(path):
                tables.append(path)
            elif part := folder.part_said_by(path):
                said = f"lacks a column of {', '.join(_NEEDED)}: it is not used"
                collected.notes.append(f"{folder.name(path)}, of the {part} images, {said}")
        except UnreadableError as err:
            if _begins_as_table(path):
                folder.complain(err, collected)
    # Beside tables with a header, one without is what some program answered.
    tables = [path for path in tables if not _has_no_header(path)] or tables
    if not tables:
        raise DataSetError(
            f"{folder.root} has no CSV table of boxes: expected a header with {', '.join(_NEEDED)}"
        )
    named = [path for path in tables if folder.part_said_by(path)]
    if named and len(named) < len(tables):
        others = ", ".join(folder.name(path) for path in tables if path not in named)
        collected.notes.append(f"{others}: not used beside the tables of parts")
    for path in named or tables:
        for image in _images(folder, path, collected):
            collected.add(folder.part_said_by(path), image)
    note_unlisted(folder, collected)
    return collected.listing()


def _is_table(path: Path) -> bool:
    try:
        return _columns(path) is not None
    except UnreadableError:
        return False


def _columns(path: Path) -> dict[str, int] | None:
    """Return the position of each known column; None where boxes cannot be read from it.

    Raises:
        UnreadableError: It is no text, or no table.
    """
    first = next(_rows(path), None)
    header = [cell.strip().lower() for cell in first[1]] if first else []
    if _is_bare(header):
        return dict(_BARE)
    found = {
        column: header.index(name)
        for column, names in _COLUMNS.items()
        if (name := next((name for name in names if name in header), None)) is not None
    }
    return found if all(column in found for column in _NEEDED) else None


def is_bare_only(folder: Folder) -> bool:
    """Tell whether no table of boxes has a header: beside another layout it is no labels."""
    tables = [path for path in folder.ending(".csv", ".tsv") if _is_table(path)]
    return all(map(_has_no_header, tables))


def _has_no_header(path: Path) -> bool:
    first = next(_rows(path), None)
    return first is not None and _is_bare([cell.strip().lower() for cell in first[1]])


def _begins_as_table(path: Path) -> bool:
    """Tell whether a table that is in no encoding we know has the columns of boxes."""
    head = text_files.read_bytes(path).partition(b"\n")[0].decode("latin-1").lower()
    return all(any(name in head for name in _COLUMNS[column]) for column in _NEEDED)


def _is_bare(first: list[str]) -> bool:
    """Tell whether a table begins with a row of Keras RetinaNet's, without a header."""
    if len(first) != len(_BARE) or not photograph_files.looks_like_one(Path(first[0])):
        return False
    if not any(first[1:]):  # an image without objects
        return True
    try:
        return all(text_files.number(cell) is not None for cell in first[1:5])
    except ValueError:
        return False


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with the number of the line that each ends in."""
    text = text_files.decode(path, text_files.read_bytes(path))
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as err:
        raise UnreadableError(path, f"broken CSV: {err}", reader.line_num) from err


def _images(folder: Folder, path: Path, collected: Collected) -> Iterator[LabelledImage]:
    columns = _columns(path) or {}
    by_name: dict[str, tuple[list[LabelledBox], tuple[int, int] | None]] = {}
    unread: Counter[str] = Counter()
    rows = list(_rows(path))
    for line, cells in rows if _is_bare(rows[0][1]) else rows[1:]:
        row = {name: cells[at].strip() for name, at in columns.items() if at < len(cells)}
        try:
            item = _object(row, line)
        except ValueError as err:
            collected.problem(path, str(err), line)
            if name := row.get("filename"):
                by_name.setdefault(name, ([], _size(row)))
                unread[name] += 1
            continue
        size = _size(row)
        objects, stated = by_name.setdefault(row["filename"], ([], size))
        if size != stated:
            collected.problem(path, f"{row['filename']} has another size than before", line)
            continue
        objects += [item] if item else []
    for name, (objects, size) in by_name.items():
        try:
            image = folder.image(name, [path.parent, path.parent / "images"])
        except DataSetError as err:
            collected.problem(path, str(err))
            continue
        yield LabelledImage(image, path, tuple(objects), size, unread=unread[name])


def _size(row: Row) -> tuple[int, int] | None:
    return text_files.size(row.get("width"), row.get("height"))


def _object(row: Row, line: int) -> LabelledBox | None:
    if not row.get("filename"):
        raise ValueError("the row names no file")
    label = row.get("class", "")
    if not label and not any(row.get(edge) for edge in _EDGES):
        return None
    if not label:
        raise ValueError("the box has no class")
    edges = []
    for edge in _EDGES:
        try:
            edges.append(text_files.number(row.get(edge, "")))
        except ValueError as err:
            raise ValueError(f"the {edge} of {label}: {err}") from None
    return LabelledBox(label, (edges[0], edges[1], edges[2], edges[3]), line=line)


LAYOUT = Layout(
    "csv",
    "a CSV table of boxes with the columns filename, xmin, ymin, xmax, ymax, class in any order",
    is_it,
    read,
)
