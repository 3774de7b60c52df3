"""How every picture of the report looks, so that they look like one report.

Colours are Okabe and Ito's, which people with the common colour blindnesses tell apart; wherever a
colour means something, a shape, a dash or a mark means it too. Figures are made without pyplot and
without changing matplotlib's global settings, so drawing here changes nothing for a caller.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

# M. Okabe and K. Ito, "Color Universal Design" (2008).
ORANGE, SKY, GREEN, BLUE, RED = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"
# Darker shades of the two, for text: 4.5:1 against white at least.
GREEN_TEXT, RED_TEXT = "#00704F", "#A84600"
INK, GREY, PAPER = "#222222", "#767676", "#FFFFFF"

AMOUNTS = LinearSegmentedColormap.from_list("amounts", ["#FFFFFF", "#9CC9E6", BLUE, "#00314D"])
"""From nothing to much; dark and light tell it too."""

DPI = 120
LONGEST_LABEL = 24
"""Characters of a class name in a picture; the page has the whole name."""

_FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
FONT_FILE, BOLD_FONT_FILE = _FONTS / "DejaVuSans.ttf", _FONTS / "DejaVuSans-Bold.ttf"
"""Fonts that come with matplotlib, so that every machine draws the same."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure whose parts make room for each other's labels.

    Args:
        width: In inches at :data:`DPI`.
        height: Likewise.
    """
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor=PAPER)


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file, the same bytes for the same figure."""
    target = io.BytesIO()
    figure.savefig(
        target,
        format="png",
        dpi=DPI,
        bbox_inches="tight",  # as large as what is in it: nothing cut, no empty border
        pad_inches=0.12,
        metadata={"Software": None},
    )
    return target.getvalue()


def tidy(axis: Any, *, grid: str = "both") -> None:
    """Take the frame away and put a faint grid behind (``both``, ``x``, ``y`` or ``none``)."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)
    if grid != "none":
        axis.grid(axis=grid, color="#DDDDDD", linewidth=0.8)
    axis.set_axisbelow(True)


def picture_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return names that can be drawn: short, on one line, in letters that the font has.

    Args:
        class_names: As the contract has them; any text.

    Returns:
        As many names, all different. A name in a script that the font lacks becomes ``class 3``
        (counted from 1), and one that another's short form already has gets its number.
    """
    drawn: list[str] = []
    for number, name in enumerate(class_names, 1):
        text = shorten(" ".join(name.split()), LONGEST_LABEL)
        if not text or not drawable(text):
            text = f"class {number}"
        if text in drawn:
            text = f"{shorten(text, LONGEST_LABEL - 5)} #{number}"
        drawn.append(text)
    return tuple(drawn)


def shorten(text: str, longest: int) -> str:
    """Cut a text in its middle: names often differ at their ends."""
    if len(text) <= longest:
        return text
    head = (longest - 1 + 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def drawable(text: str) -> bool:
    """Return whether the font has every character of a text."""
    return all(character.isprintable() for character in text) and _characters().issuperset(
        map(ord, text)
    )


@cache
def _characters() -> frozenset[int]:
    return frozenset(FT2Font(str(FONT_FILE)).get_charmap())


def plain(text: str) -> str:
    """Keep matplotlib from reading a name with dollar signs as a formula."""
    return text.replace("$", r"\$")
