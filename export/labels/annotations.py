"""What annotation files say: the one form that every reader of a layout gives.

The readers yield what a file says; :mod:`export.labels.checking` decides what of it can be used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from export.errors import DataSetError
from export.file_names import escaped

Box = tuple[float, float, float, float]

TRAINING, VALIDATION, TEST = "training", "validation", "test"
PARTS = (TRAINING, VALIDATION, TEST)


def box_around_turned(x: float, y: float, width: float, height: float, radians: float) -> Box:
    """Return the upright box around one that is turned about its centre (x, y)."""
    sine, cosine = abs(math.sin(radians)), abs(math.cos(radians))
    across, down = width * cosine + height * sine, width * sine + height * cosine
    return x - across / 2, y - down / 2, x + across / 2, y + down / 2


@dataclass(frozen=True)
class Problem:
    """Something in a data set that is not used, or not as it is written.

    Attributes:
        path: The file that says it, or that is broken.
        reason: What is wrong there.
        line: Where in the file, from 1; None where it has no lines.
    """

    path: Path
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        where = escaped(self.path) + (f":{self.line}" if self.line else "")
        return f"{where}: {self.reason}"


class UnreadableError(DataSetError):
    """A file of labels cannot be read; the message is one sentence with file and line.

    Attributes:
        problem: The same, for where the rest of the data set is used.
    """

    def __init__(self, path: Path, reason: str, line: int | None = None) -> None:
        """Keep the problem."""
        self.problem = Problem(path, reason, line)
        super().__init__(str(self.problem))


@dataclass(frozen=True)
class LabelledBox:
    """One object as an annotation file states it.

    Attributes:
        label: The class name, without spaces around it.
        box: xmin, ymin, xmax, ymax, 0-based, in the unit of the image's ``in_fractions``; upright,
            or as the image is stored where the stated size is that of the stored image.
        ignored: True for VOC's ``difficult`` and COCO's ``iscrowd``: neither trained on, nor
            counted as missed.
        line: Where the file states it, from 1.
    """

    label: str
    box: Box
    ignored: bool = False
    line: int | None = None


@dataclass(frozen=True)
class LabelledImage:
    """One image as an annotation file states it.

    Attributes:
        path: The image file.
        source: The annotation file, for messages; the image itself where it has none.
        objects: Its objects; none is a valid answer.
        stated_size: Width and height in pixels that the file gives the image; None: it gives none.
        in_fractions: Whether boxes are fractions of width and height; else they are pixels.
        unread: Objects that the file states besides and that nobody can read, each a problem.
    """

    path: Path
    source: Path
    objects: tuple[LabelledBox, ...]
    stated_size: tuple[int, int] | None = None
    in_fractions: bool = False
    unread: int = 0


@dataclass(frozen=True)
class Listing:
    """What a reader found.

    Attributes:
        parts: Images of each part that the data set states, by a name of :data:`PARTS`; all of
            them as ``training`` where it states no split.
        class_names: As declared by the data set, in its order; None to take those that occur.
        problems: What the reader itself could not use.
        notes: What it understood that nobody wrote down, for people.
    """

    parts: Mapping[str, tuple[LabelledImage, ...]]
    class_names: tuple[str, ...] | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Collected:
    """What a reader gathers while it goes through files."""

    parts: dict[str, list[LabelledImage]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, part: str | None, image: LabelledImage) -> None:
        """Add an image to a part; None stands for no stated split."""
        self.parts.setdefault(part or TRAINING, []).append(image)

    def problem(self, path: Path, reason: str, line: int | None = None) -> None:
        """Note what cannot be used."""
        self.problems.append(Problem(path, reason, line))

    def listing(self, class_names: tuple[str, ...] | None = None) -> Listing:
        """Return it as a reader's answer."""
        parts = {name: tuple(self.parts[name]) for name in PARTS if name in self.parts}
        parts.setdefault(TRAINING, ())
        return Listing(parts, class_names, tuple(self.problems), tuple(self.notes))
