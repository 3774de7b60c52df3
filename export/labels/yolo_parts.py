"""Which images of a YOLO data set belong to which part, as ``data.yaml`` or lists say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from export.errors import DataSetError
from export.labels import text_files
from export.labels.annotations import Collected, UnreadableError
from export.labels.folder import Folder
from export.labels.part_names import part_named, part_word
from export.labels.yolo_names import NamesFile

Parts = dict[Path, list[str]]
"""Names of parts by image; two where they overlap."""


def find(folder: Folder, names_file: NamesFile, collected: Collected) -> Parts:
    """Return the parts of each image; empty where no file states any.

    Args:
        folder: The data set.
        names_file: Its ``data.yaml``, or another file that states no parts.
        collected: Where problems go.

    Raises:
        DataSetError: A list cannot be read.
    """
    parts: Parts = defaultdict(list)
    for part, entry in stated(names_file):
        if (place := _place(folder, names_file, entry)) is None:
            collected.problem(names_file.path, f"{part}: there is no {entry!r}")
            continue
        members = _listed(folder, place, collected) if place.is_file() else _below(folder, place)
        for path in members:
            if part not in parts[path]:
                parts[path].append(part)
    if parts:
        return dict(parts)
    for path in folder.ending(".txt"):
        listed = part_named(path.stem)
        if listed and not folder.image_beside(path):
            for image in _listed(folder, path, collected):
                if listed not in parts[image]:
                    parts[image].append(listed)
    return dict(parts)


def stated(names_file: NamesFile) -> Iterator[tuple[str, str]]:
    """Yield the parts that the file states, each with the folder or the list it names."""
    for key, value in names_file.settings.items():
        part = part_word(key) if isinstance(key, str) else None
        if part:
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, str) and entry.strip():
                    yield part, entry.strip()


def _place(folder: Folder, names_file: NamesFile, entry: str) -> Path | None:
    """Return the folder or list that an entry means; the data set may have been moved since."""
    stated = PurePosixPath(entry.replace("\\", "/"))
    home = names_file.path.parent
    base = names_file.settings.get("path")
    if isinstance(base, str) and (home / base / stated).exists() and _is_in(folder, home / base):
        return home / base / stated
    # Of another machine, or with the ../ that Roboflow writes: what its end says, below us.
    parts = [part for part in stated.parts if part not in ("..", ".", "/")]
    if not parts and _is_in(folder, home):
        return home
    for start in range(len(parts)):
        for root in (home, folder.root):
            place = root.joinpath(*parts[start:])
            if place.exists() and _is_in(folder, place):
                return place
    return None


def _is_in(folder: Folder, place: Path) -> bool:
    return place.resolve().is_relative_to(folder.root.resolve())


def _below(folder: Folder, place: Path) -> list[Path]:
    home = place.resolve()
    # The image itself may be a link to one that lies elsewhere.
    within = {
        parent: home == parent.resolve() or home in parent.resolve().parents
        for parent in {path.parent for path in folder.images}
    }
    return [path for path in folder.images if within[path.parent]]


def _listed(folder: Folder, path: Path, collected: Collected) -> Iterator[Path]:
    try:
        lines = text_files.lines(path)
    except UnreadableError as err:
        raise DataSetError(str(err)) from err
    known = set(folder.images)
    for number, line in lines:
        try:
            image = folder.image(line, [path.parent])
        except DataSetError as err:
            collected.problem(path, str(err), number)
            continue
        if image in known:
            yield image
        else:
            collected.problem(path, f"no such image {line!r}", number)
