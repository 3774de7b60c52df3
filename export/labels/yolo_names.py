"""Which file says how YOLO's classes are called, and what it says."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from export.errors import DataSetError
from export.labels import text_files
from export.labels.annotations import UnreadableError
from export.labels.folder import Folder

_OURS = re.compile(r"(?m)(^|[{,?])\s*[\"']?names[\"']?\s*(:|$)")
_LISTS = ("classes.txt", "obj.names", "_darknet.labels", "classes.names")


@dataclass(frozen=True)
class NamesFile:
    """The file with the names of the classes.

    Attributes:
        path: The file.
        names: Of the classes, in the order of their numbers.
        settings: All that ``data.yaml`` says; empty for a plain list.
    """

    path: Path
    names: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)


def find(folder: Folder) -> NamesFile:
    """Find the file: a YAML with ``names``, Darknet's ``.data``, else a plain list.

    Raises:
        DataSetError: There is none, several disagree, or it cannot be read.
    """
    found = [named for path in folder.ending(".yaml", ".yml") if (named := _from_yaml(path))]
    if not found:
        plain = folder.named(*_LISTS) or folder.ending(".names")
        outermost = min((len(path.parts) for path in plain), default=sys.maxsize)
        # A clone of Darknet's, farther within, has data files of its own.
        data = [path for path in folder.ending(".data") if len(path.parts) <= outermost]
        outermost = min((len(path.parts) for path in data), default=0)
        data = [path for path in data if len(path.parts) == outermost]
        found = [named for path in data if (named := _from_data(folder, path))]
        found = found or [_from_list(path) for path in plain]
    if not found:
        raise DataSetError(
            f"{folder.root} has YOLO's text files and no names of classes: looked for a YAML file "
            f"with names:, such as data.yaml, and for {', '.join(_LISTS)}"
        )
    if len({named.names for named in found}) > 1:
        raise DataSetError(
            f"{folder.root} has several files with names of classes that disagree: "
            f"{', '.join(folder.name(named.path) for named in found)}; leave one of them there"
        )
    return found[0]


def _from_yaml(path: Path) -> NamesFile | None:
    """Read the names of a YAML file; None where it has none."""
    content = text_files.read_bytes(path)
    try:
        text = text_files.decode(path, content)
    except UnreadableError:
        if b"names" in content:
            raise
        return None
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as err:
        if not _OURS.search(text):  # another program's, in YAML that it alone can read
            return None
        mark, reason = getattr(err, "problem_mark", None), getattr(err, "problem", err)
        line = mark.line + 1 if mark else None
        raise UnreadableError(path, f"broken YAML: {reason}", line) from err
    except (ValueError, RecursionError) as err:
        raise UnreadableError(path, f"broken YAML: {err}") from err
    if not isinstance(document, dict) or "names" not in document:
        return None
    return NamesFile(path, _names(path, document["names"]), document)


def _names(path: Path, stated: Any) -> tuple[str, ...]:
    if isinstance(stated, dict):
        if sorted(map(str, stated)) != sorted(map(str, range(len(stated)))):
            shown = text_files.shown(list(stated))
            raise UnreadableError(path, f"expected names: by number from 0, found {shown}")
        by_number = {int(number): name for number, name in stated.items()}
        stated = [by_number[number] for number in range(len(by_number))]
    if not isinstance(stated, list) or not stated:
        shown = text_files.shown(stated)
        raise UnreadableError(path, f"expected names: to list the classes, found {shown}")
    # YAML takes an unquoted "no", "on" or "null" for something else than a name.
    names = tuple(text_files.text(name) for name in stated)
    if not all(names):
        wrong = stated[names.index("")]
        raise UnreadableError(path, f"{wrong!r} is no name of a class; put it in quotes")
    return _without_repeats(path, names)


def _from_data(folder: Folder, path: Path) -> NamesFile | None:
    """Read Darknet's ``obj.data``: where the names are, and the lists of each part."""
    settings = {}
    try:
        lines = text_files.lines(path)
    except UnreadableError:  # weights and other things are called so, too
        return None
    for _, line in lines:
        key, equals, value = line.partition("=")
        if equals:
            settings[key.strip()] = value.strip()
    wanted = settings.get("names", "").replace("\\", "/").rpartition("/")[2].lower()
    lists = folder.named(wanted) if wanted else []
    if not lists:
        return None
    nearest = min(lists, key=lambda one: len(one.relative_to(folder.root).parts))
    return NamesFile(path, _from_list(nearest).names, settings)


def _from_list(path: Path) -> NamesFile:
    text = text_files.decode(path, text_files.read_bytes(path)).rstrip()
    names = tuple(line.strip() for line in text.splitlines())
    if not any(names):
        raise UnreadableError(path, "expected the name of a class in each line, found none")
    if not all(names):  # numbers of classes count the lines
        raise UnreadableError(
            path, "expected the name of a class in each line, found none", names.index("") + 1
        )
    return NamesFile(path, _without_repeats(path, names))


def _without_repeats(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise UnreadableError(path, f"several classes have the name {', '.join(repeated)}")
    return names
