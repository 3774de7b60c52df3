"""What was taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from export.report.style import AMOUNTS, INK, RED, new_figure, plain

Array = np.ndarray[Any, Any]

MOST_CLASSES = 30
"""A larger matrix shows the classes that are confused most."""


def most_confused(matrix: Array) -> Array:
    """Return the labels to show, ascending: all, or those with the most errors."""
    if len(matrix) <= MOST_CLASSES:
        return np.arange(len(matrix))
    errors = matrix.sum(0) + matrix.sum(1) - 2 * np.diag(matrix)
    return np.sort(np.argsort(-errors, kind="stable")[:MOST_CLASSES])


def draw(matrix: Array, names: Sequence[str]) -> Figure:
    """Draw counts, shaded by the share of their row; errors are framed.

    Args:
        matrix: int [C, C], row truth, column prediction, C at most :data:`MOST_CLASSES`.
        names: C names that can be drawn.

    Returns:
        The figure.
    """
    classes = len(matrix)
    cell = max(0.36, min(1.0, 7.0 / classes))
    longest = max(map(len, names))
    side = cell * classes + 1.0 + 0.075 * longest
    figure = new_figure(max(side + 1.0, 4.6), max(side, 4.0))
    axis = figure.subplots()
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    image = axis.imshow(share, cmap=AMOUNTS, vmin=0, vmax=1)
    size = 11 if classes <= 6 else 9 if classes <= 14 else 7
    for row, column in np.ndindex(classes, classes):
        value = int(matrix[row, column])
        if not value:
            continue
        color = "white" if share[row, column] > 0.5 else INK
        axis.text(column, row, f"{value}", ha="center", va="center", color=color, fontsize=size)
        if row != column:
            corner = (column - 0.46, row - 0.46)
            axis.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, edgecolor=RED, linewidth=1.6))
    labels = [plain(name) for name in names]
    axis.set_xticks(range(classes), labels, fontsize=size)
    if longest * size * 0.009 > cell:  # inches: they would touch
        for label in axis.get_xticklabels():
            label.set(rotation=40, horizontalalignment="right", rotation_mode="anchor")
    axis.set_yticks(range(classes), labels, fontsize=size)
    axis.set(xlabel="predicted", ylabel="truth")
    axis.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="#CCCCCC", linewidth=0.6)
    axis.tick_params(which="minor", length=0)
    bar = figure.colorbar(image, ax=axis, shrink=0.7, format="{x:.0%}")
    bar.set_label("share of the true class", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure
