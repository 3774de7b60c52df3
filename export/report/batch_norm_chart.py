"""How far the moving statistics of each BatchNorm layer moved, against the line of the alarm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from export.report.record import BatchNormShifts
from export.report.style import BLUE, INK, ORANGE, RED, new_figure, shorten, tidy

_MARKERS = {1: ("o", BLUE), 2: ("s", ORANGE)}
_MOST_NAMED = 8
_LONGEST_LAYER = 34


def over_threshold(shifts: BatchNormShifts) -> list[tuple[int, str, float]]:
    """Return (phase, layer, shift) of every layer over the threshold, the largest shift first."""
    found = [
        (phase, name, shift)
        for phase, layers in shifts.by_phase.items()
        for name, shift in layers.items()
        if not shift <= shifts.threshold  # not a number is over it, too
    ]
    return sorted(found, key=lambda item: -item[2])


def draw(shifts: BatchNormShifts) -> Figure:
    """Draw one point a layer and phase, from the base's input (left) to its output.

    Args:
        shifts: With at least one layer.

    Returns:
        The figure. Up to eight layers over the line are named; infinite shifts only there.
    """
    layers = list(dict.fromkeys(n for each in shifts.by_phase.values() for n in each))
    place = {name: position for position, name in enumerate(layers, 1)}
    figure = new_figure(9.6, 4.4)
    axis = figure.subplots()
    _draw_points(axis, shifts, place)
    _draw_alarm(axis, shifts.threshold)
    _scale(axis, shifts)
    axis.set_xlim(0, len(layers) + 1)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="BatchNorm layer, from input to output", ylabel="relative shift")
    tidy(axis)
    axis.legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    if lines := _named(over_threshold(shifts), place):
        figure.text(0.05, -0.01, "\n".join(lines), fontsize=9, va="top", linespacing=1.5)
    return figure


def _draw_points(axis: Axes, shifts: BatchNormShifts, place: Mapping[str, int]) -> None:
    for phase, each in sorted(shifts.by_phase.items()):
        marker, color = _MARKERS.get(phase, ("D", INK))
        axis.plot(
            [place[name] for name in each],
            list(each.values()),
            linestyle="none",
            marker=marker,
            markersize=7 if phase == 1 else 5,
            markerfacecolor="none" if phase == 1 else color,
            markeredgecolor=color,
            label=f"phase {phase}",
            zorder=3,
            clip_on=False,
        )


def _draw_alarm(axis: Axes, threshold: float) -> None:
    axis.axhline(threshold, color=RED, linestyle="--", linewidth=1.5)
    axis.text(
        1.005,
        threshold,
        f"alarm\n{threshold:.0%}",
        color=RED,
        fontsize=9,
        va="center",
        transform=axis.get_yaxis_transform(),
    )


def _scale(axis: Axes, shifts: BatchNormShifts) -> None:
    finite = [s for each in shifts.by_phase.values() for s in each.values() if math.isfinite(s)]
    largest = max(finite, default=0.0)
    if largest > 10 * shifts.threshold:  # a straight scale would press the line to the floor
        axis.set_yscale("symlog", linthresh=shifts.threshold, linscale=0.8)
        axis.set_ylim(0, largest * 4)
    else:
        axis.set_ylim(0, max(largest * 1.25, 2 * shifts.threshold))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))


def _named(over: Sequence[tuple[int, str, float]], place: Mapping[str, int]) -> list[str]:
    lines = [
        f"{shift:.1%}  layer {place[name]}, {shorten(name, _LONGEST_LAYER)}, phase {phase}"
        for phase, name, shift in over[:_MOST_NAMED]
    ]
    if len(over) > _MOST_NAMED:
        lines.append(f"and {len(over) - _MOST_NAMED} more")
    return lines
