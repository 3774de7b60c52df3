"""Names of a contract as names of a programming language."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable

_JAVA_WORDS = frozenset(
    [
        "abstract",
        "assert",
        "boolean",
        "break",
        "byte",
        "case",
        "catch",
        "char",
        "class",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extends",
        "final",
        "finally",
        "float",
        "for",
        "goto",
        "if",
        "implements",
        "import",
        "instanceof",
        "int",
        "interface",
        "long",
        "native",
        "new",
        "package",
        "private",
        "protected",
        "public",
        "return",
        "short",
        "static",
        "strictfp",
        "super",
        "switch",
        "synchronized",
        "this",
        "throw",
        "throws",
        "transient",
        "try",
        "void",
        "volatile",
        "while",
        "true",
        "false",
        "null",
        "var",
        "record",
        "yield",
        "sealed",
        "permits",
    ]
)


def words(name: str) -> list[str]:
    """Split a name where its case changes and at whatever no identifier can hold."""
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", parts) if word]


def class_name(name: str) -> str:
    """Return ``RankerModel`` for ``ranker_model``."""
    joined = "".join(word.capitalize() for word in words(name)) or "Model"
    return f"Model{joined}" if joined[0].isdigit() else joined


def class_names(names: Iterable[str], ending: str = "") -> dict[str, str]:
    """Return a class name for each name, all different."""
    found: dict[str, str] = {}
    for name in names:
        chosen, number = class_name(name), 2
        while f"{chosen}{ending}" in found.values():
            chosen, number = f"{class_name(name)}{number}", number + 1
        found[name] = f"{chosen}{ending}"
    return found


def python_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a Python identifier for each name, all different."""
    reserved = {*keyword.kwlist, *keyword.softkwlist, *taken}
    return _different(names, "_".join, reserved, "_")


def java_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a Java identifier for each name, all different."""

    def camel(parts: list[str]) -> str:
        return "".join([*parts[:1], *(part.capitalize() for part in parts[1:])])

    return _different(names, camel, {*_JAVA_WORDS, *taken}, "")


def _different(
    names: Iterable[str], join: Callable[[list[str]], str], reserved: set[str], gap: str
) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        base = join(words(name)) or "value"
        base = f"value{gap}{base}" if base[0].isdigit() else base
        chosen, number = (f"{base}_" if base in reserved else base), 2
        while chosen in found.values():
            chosen, number = f"{base}{gap}{number}", number + 1
        found[name] = chosen
    return found
