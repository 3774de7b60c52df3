"""XML that knows its lines, in any encoding that expat or Python knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from export.labels.annotations import UnreadableError
from export.labels.text_files import decode, encoding_by_mark

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_DEEPEST = 100
_HEAD = 4096
_LONGEST_CHARACTER = 4  # bytes


@dataclass
class Element:
    """One element.

    Attributes:
        tag: Its name.
        attributes: By name.
        line: Where it begins, from 1.
        children: In order.
        text: All text directly in it, stripped.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> list[Element]:
        """Return the children of a name."""
        return [child for child in self.children if child.tag == tag]

    def find(self, path: str) -> Element | None:
        """Return the first descendant on a path such as ``size/width``."""
        found: Element | None = self
        for tag in path.split("/"):
            found = next(iter(found.all(tag)), None) if found else None
        return found

    def value(self, path: str) -> str:
        """Return the text of :meth:`find`; empty where there is no such element."""
        found = self.find(path)
        return found.text if found else ""

    def descendants(self, tag: str) -> Iterator[Element]:
        """Yield all elements of a name below this one, in order."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.descendants(tag)


def read(path: Path, content: bytes) -> Element:
    """Parse a file.

    Args:
        path: For messages.
        content: The whole file.

    Returns:
        Its outermost element.

    Raises:
        UnreadableError: It is no XML, or in an encoding that nobody knows; with the line.
    """
    text = _decoded(path, content)
    builder = _Builder(path)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: builder.start(
        tag, attributes, parser.CurrentLineNumber
    )
    parser.EndElementHandler = lambda _: builder.end()
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)
    except expat.ExpatError as err:
        reason = expat.errors.messages.get(err.code, str(err))
        raise UnreadableError(path, f"broken XML: {reason}", err.lineno) from err
    return builder.root


def root_tag(path: Path) -> str:
    """Return the name of a file's outermost element; empty where it is no XML."""
    try:
        with path.open("rb") as file:
            text = _begun(path, file.read(_HEAD))
    except (OSError, UnreadableError):
        return ""
    found = re.search(r"<([A-Za-z_][\w.:-]*)", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    return found[1] if found else ""


def _begun(path: Path, head: bytes) -> str:
    """Decode a file's first bytes, of which the last may be half a character."""
    for cut in range(_LONGEST_CHARACTER):
        try:
            return _decoded(path, head[: len(head) - cut])
        except UnreadableError:
            if len(head) < _HEAD:
                raise
    return _decoded(path, head)


def _decoded(path: Path, content: bytes) -> str:
    """Decode by mark or declaration; expat itself knows no encoding of several bytes but UTF."""
    encoding = "utf-8"
    declared = _DECLARED.match(content)
    if declared and not encoding_by_mark(content):
        encoding = declared[1].decode("ascii")
    elif content[:2] in (b"<\0", b"\0<"):  # UTF-16 without a mark
        encoding = "utf-16-le" if content[1] == 0 else "utf-16-be"
    return decode(path, content, encoding)


class _Builder:
    """Builds elements as expat meets them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[Element] = [Element("", {}, 0)]
        self._texts: list[list[str]] = [[]]

    @property
    def root(self) -> Element:
        return self._open[0].children[0]

    def start(self, tag: str, attributes: dict[str, str], line: int) -> None:
        if len(self._open) > _DEEPEST:
            raise UnreadableError(self._path, "broken XML: nested too deeply to be labels", line)
        element = Element(tag, attributes, line)
        self._open[-1].children.append(element)
        self._open.append(element)
        self._texts.append([])

    def data(self, text: str) -> None:
        self._texts[-1].append(text)

    def end(self) -> None:
        self._open.pop().text = "".join(self._texts.pop()).strip()
