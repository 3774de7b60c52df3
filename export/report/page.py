"""The page: sections of text, tables and pictures, put into one HTML file.

The file needs nothing but itself: pictures are inside it, it has no script, and its content
security policy forbids the browser to fetch anything. Every text goes through Jinja2's escaping, so
that a class called ``<b>`` is shown and not obeyed.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2

PAGE_FILE = "report.html"


@dataclass(frozen=True)
class Picture:
    """A PNG of the report.

    Attributes:
        name: File name, as ``confusion_matrix.png``.
        png: The file.
        alt: What it shows, for those who cannot see it.
        caption: What to look for in it.
    """

    name: str
    png: bytes
    alt: str
    caption: str = ""

    @property
    def data_uri(self) -> str:
        """The file as text for ``src``."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as the file's header states them."""
        width, height = struct.unpack(">II", self.png[16:24])
        return width, height


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading.

    Attributes:
        caption: What it holds.
        headings: One a column.
        rows: Texts, as many a row as there are headings.
        folded: Whether it opens on demand: the figures behind a picture.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: Its ``id``.
        heading: Its title.
        text: Paragraphs before the pictures.
        pictures: The pictures.
        tables: The tables after them.
        missing: Why a picture that belongs here is not there, one sentence each.
    """

    anchor: str
    heading: str
    text: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class Finding:
    """One line of the summary.

    Attributes:
        level: ``good``, ``note`` or ``alarm``.
        text: What was found.
    """

    level: str
    text: str


@dataclass(frozen=True)
class Page:
    """Everything that is shown.

    Attributes:
        title: Of the file and its first heading.
        subtitle: One line below.
        findings: The summary.
        facts: Name and value, short.
        sections: In order.
    """

    title: str
    subtitle: str
    findings: Sequence[Finding] = ()
    facts: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = field(default_factory=tuple)

    @property
    def sorted_findings(self) -> list[Finding]:
        """The summary with alarms first."""
        return sorted(self.findings, key=lambda finding: finding.level != "alarm")

    @property
    def pictures(self) -> list[Picture]:
        """All pictures, in the order of the page."""
        return [picture for section in self.sections for picture in section.pictures]


def render(page: Page) -> str:
    """Return the page as HTML text."""
    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (here / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(page=page, style=style)


def write(page: Page, directory: Path) -> Path:
    """Write the page and its pictures.

    Args:
        page: The page.
        directory: Made if missing; files of the same names are replaced.

    Returns:
        The HTML file's path.

    Raises:
        OSError: It cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for picture in page.pictures:
        (directory / picture.name).write_bytes(picture.png)
    target = directory / PAGE_FILE
    target.write_text(render(page), encoding="utf-8")
    return target
