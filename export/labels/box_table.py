"""A table of boxes (CSV): TensorFlow's, Roboflow's, Keras RetinaNet's; a row an object."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Table:
    """A table of boxes.

    Attributes:
        path: The file.
        columns: Position of each known column.
        rows: Its rows, with the number of the line that each ends in; without the header.
        has_header: Whether it has one; Keras RetinaNet's have none.
    """

    path: Path
    columns: Mapping[str, int]
    rows: list[tuple[int, list[str]]]
    has_header: bool


def is_it(folder: Folder) -> bool:
    """Tell whether a table of the folder has the columns of boxes."""
    return bool(_tables(folder))


def is_bare_only(folder: Folder) -> bool:
    """Tell whether no table of boxes has a header: beside another layout it is no labels."""
    return not any(table.has_header for table in _tables(folder))


def read(folder: Folder) -> Listing:
    """Read the table of each part, or the one there is. Rows with a file alone have no object.

    Raises:
        DataSetError: A table cannot be read.
    """
    collected = Collected()
    tables = _of_truth(folder, _tables(folder, collected), collected)
    if not tables:
        raise DataSetError(
            f"{folder.root} has no CSV table of boxes: expected a header with "
            f"{', '.join(_NEEDED)}, or rows of a file, four edges and a class"
        )
    named = [table for table in tables if folder.part_said_by(table.path)]
    if named and len(named) < len(tables):
        others = ", ".join(folder.name(table.path) for table in tables if table not in named)
        collected.notes.append(f"{others}: not used beside the tables of parts")
    for table in named or tables:
        for image in _images(folder, table, collected):
            collected.add(folder.part_said_by(table.path), image)
    note_unlisted(folder, collected)
    return collected.listing()


def _tables(folder: Folder, collected: Collected | None = None) -> list[_Table]:
    """Read the tables of boxes.

    Args:
        folder: The data set.
        collected: Where it goes that another is none, or cannot be read; None: it is no matter.

    Raises:
        UnreadableError: That of a part cannot be read.
    """
    found = []
    for path in folder.ending(".csv", ".tsv"):
        try:
            table = _table(path)
        except UnreadableError as err:
            if collected and _begins_as_table(path):
                folder.complain(err, collected)
            continue
        if table:
            found.append(table)
        elif collected and (part := folder.part_said_by(path)):
            said = f"lacks a column of {', '.join(_NEEDED)}: it is not used"
            collected.notes.append(f"{folder.name(path)}, of the {part} images, {said}")
    return found


def _table(path: Path) -> _Table | None:
    """Read a table; None where boxes cannot be read from it.

    Raises:
        UnreadableError: It is no text, or no table.
    """
    rows = list(_rows(path))
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    if _is_bare(header):
        return _Table(path, _BARE, rows, has_header=False)
    columns = {
        column: header.index(name)
        for column, names in _COLUMNS.items()
        if (name := next((name for name in names if name in header), None)) is not None
    }
    if not all(column in columns for column in _NEEDED):
        return None
    return _Table(path, columns, rows[1:], has_header=True)


def _of_truth(folder: Folder, tables: Sequence[_Table], collected: Collected) -> list[_Table]:
    """Leave out tables without a header beside those with one: some program's answers."""
    whole = {folder.part_said_by(table.path) for table in tables if table.has_header}
    kept = []
    for table in tables:
        if table.has_header or not whole & {None, folder.part_said_by(table.path)}:
            kept.append(table)
        else:
            said = "has no header and is not used beside a table that has one"
            collected.notes.append(f"{folder.name(table.path)} {said}")
    return kept


def _begins_as_table(path: Path) -> bool:
    """Tell whether a table that is in no encoding we know has the columns of boxes."""
    head = text_files.read_bytes(path).partition(b"\n")[0].decode("latin-1").lower()
    return all(any(name in head for name in _COLUMNS[column]) for column in _NEEDED)


def _is_bare(first: Sequence[str]) -> bool:
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


def _images(folder: Folder, table: _Table, collected: Collected) -> Iterator[LabelledImage]:
    path = table.path
    by_name: dict[str, tuple[list[LabelledBox], tuple[int, int] | None]] = {}
    unread: Counter[str] = Counter()
    for line, cells in table.rows:
        row = {name: cells[at].strip() for name, at in table.columns.items() if at < len(cells)}
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
    "a CSV table of boxes with the columns filename, xmin, ymin, xmax, ymax, class in any order, "
    "or without a header in this one",
    is_it,
    read,
)
