"""What ``detect`` returns: small frozen values, boxes as fractions of the image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload


@dataclass(frozen=True)
class Box:
    """A rectangle, as fractions of the original image's height and width, 0..1.

    Attributes:
        ymin: Upper edge.
        xmin: Left edge.
        ymax: Lower edge, at least ``ymin``.
        xmax: Right edge, at least ``xmin``.
    """

    ymin: float
    xmin: float
    ymax: float
    xmax: float

    def pixels(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the edges in whole pixels, for an image of this size.

        ``ymin, xmin, ymax, xmax``, each rounded to the nearest line between two pixels, so that
        ``image[ymin:ymax, xmin:xmax]`` cuts the object out. A box thinner than half a pixel may
        come out empty.

        Args:
            height: Rows of the image, at least 1.
            width: Columns of the image, at least 1.

        Raises:
            ValueError: A size is below 1.
        """
        if height < 1 or width < 1:
            raise ValueError(
                f"expected a height and a width of at least 1, received {height}, {width}"
            )
        sizes = (height, width, height, width)
        edges = (self.ymin, self.xmin, self.ymax, self.xmax)
        ymin, xmin, ymax, xmax = (
            math.floor(edge * size + 0.5) for edge, size in zip(edges, sizes, strict=True)
        )
        return ymin, xmin, ymax, xmax


@dataclass(frozen=True, repr=False)
class Detection:
    """One object in an image.

    Attributes:
        label: Name of its class; ``unnamed class 3`` where the contract does not know the names.
        class_id: Number of its class in the model, from 1.
        score: How sure the model is, 0..1.
        box: Where it is.
    """

    label: str
    class_id: int
    score: float
    box: Box

    def __repr__(self) -> str:
        b = self.box
        place = f"{b.ymin:.3f}, {b.xmin:.3f}, {b.ymax:.3f}, {b.xmax:.3f}"
        return f"<Detection {self.label} {self.score:.4f} [{place}]>"


@dataclass(frozen=True, repr=False)
class Detections(Sequence[Detection]):
    """The answer for one image: a sequence of :class:`Detection`, the surest first.

    Attributes:
        objects: What was found; empty when nothing was.
        version: Version of the model that answered, or None if the server did not say.
    """

    objects: tuple[Detection, ...]
    version: int | None = None

    def __len__(self) -> int:
        return len(self.objects)

    def __iter__(self) -> Iterator[Detection]:
        return iter(self.objects)

    @overload
    def __getitem__(self, index: int) -> Detection: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Detection, ...]: ...
    def __getitem__(self, index: int | slice) -> Detection | tuple[Detection, ...]:
        return self.objects[index]

    def __repr__(self) -> str:
        shown = ", ".join(f"{found.label} {found.score:.4f}" for found in self.objects[:3])
        more = f", {len(self) - 3} more" if len(self) > 3 else ""
        return f"<Detections {shown or 'none'}{more}>"
