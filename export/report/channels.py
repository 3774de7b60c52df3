"""Which channels of a layer different classes share, and a picture of where they look.

Transfer works because a base's channels serve classes it was never trained on. What a channel says
about a photograph is how differently it answers its places: one that answers everywhere the same
(saturated, or always off) says nothing, however large its value. So a channel's strength for a
class is the standard deviation of its map, averaged over the class's photographs. Its strongest
channels are those with the most; a channel among the strongest of several classes is shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from export.report.style import AMOUNTS, INK, ORANGE, new_figure, plain
from serving_config import image_files

Array = np.ndarray[Any, Any]

STRONGEST_SHARE = 0.05
"""Share of a layer's channels that counts as a class's strongest."""

_FEWEST_STRONGEST = 8
_SHOWN_CHANNELS = 20
_MAP_COLUMNS = 4  # shared channels a row of the maps
_SIDE = 220  # pixels
_DARK = 0.12  # what is left of a photograph where a channel does not answer


@dataclass(frozen=True)
class SharedChannels:
    """How the classes use one layer.

    Attributes:
        strength: float32 [classes, channels]: standard deviation over a photograph's places,
            averaged over the class's photographs.
        strongest: bool [classes, channels]: whether the channel is among the class's strongest.
        overlap: float [classes, classes]: the share of the row's strongest channels that are among
            the column's strongest too; the diagonal is 1.
    """

    strength: Array
    strongest: Array
    overlap: Array

    @property
    def shared_by(self) -> Array:
        """How many classes have each channel among their strongest, int [channels]."""
        count: Array = self.strongest.sum(axis=0)
        return count

    def most_shared(self, count: int) -> Array:
        """Return the channels that most classes share, the strongest of equals first."""
        relative = self.strength / np.maximum(self.strength.max(axis=1, keepdims=True), 1e-12)
        order: Array = np.lexsort((-relative.sum(axis=0), -self.shared_by))
        return order[:count]


def measure(maps: Array, labels: Array, classes: int) -> SharedChannels:
    """Find out which channels the classes share.

    Args:
        maps: float32 [n, height, width, channels], not negative.
        labels: int [n], each class at least once.
        classes: Number of classes.

    Returns:
        The classes' use of the channels.
    """
    spread = maps.std(axis=(1, 2))
    strength = np.stack([spread[labels == label].mean(axis=0) for label in range(classes)])
    channels = strength.shape[1]
    count = min(channels, max(_FEWEST_STRONGEST, round(channels * STRONGEST_SHARE)))
    strongest = np.zeros(strength.shape, bool)
    np.put_along_axis(strongest, np.argsort(-strength, axis=1)[:, :count], True, axis=1)
    strongest &= strength > 0  # a channel that says nothing belongs to nobody
    each = np.maximum(strongest.sum(axis=1, keepdims=True), 1)
    overlap = (strongest.astype(np.int64) @ strongest.T.astype(np.int64)) / each
    return SharedChannels(strength, strongest, overlap)


def draw_shared(shared: SharedChannels, names: Sequence[str]) -> Figure:
    """Draw the overlap of the classes, and beside it their most shared channels.

    Args:
        shared: Of C classes.
        names: C names that can be drawn.

    Returns:
        The figure.
    """
    classes = len(names)
    chosen = shared.most_shared(_SHOWN_CHANNELS)
    size = 10 if classes <= 6 else 8
    square = max(2.6, 0.46 * classes)
    figure = new_figure(square + 8.4 + 0.13 * max(map(len, names)), square + 1.2)
    left, right = figure.subplots(1, 2, width_ratios=[square, 6.2])
    labels = [plain(name) for name in names]
    left.imshow(shared.overlap, cmap=AMOUNTS, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(classes, classes):
        value = shared.overlap[row, column]
        color = "white" if value > 0.5 else INK
        left.text(
            column, row, f"{value:.0%}", ha="center", va="center", color=color, fontsize=size - 1
        )
    for edge in np.arange(classes - 1) + 0.5:
        left.axhline(edge, color="white", linewidth=0.8)
        left.axvline(edge, color="white", linewidth=0.8)
    left.set_title("share of the row's strongest\nthat the column has, too", fontsize=10)
    left.set_xticks(range(classes), labels, fontsize=size)
    if max(map(len, names)) * size * 0.009 > square / classes:  # inches: they would touch
        for label in left.get_xticklabels():
            label.set(rotation=40, horizontalalignment="right", rotation_mode="anchor")
    left.set_yticks(range(classes), labels, fontsize=size)
    relative = shared.strength[:, chosen] / np.maximum(
        shared.strength.max(axis=1, keepdims=True), 1e-12
    )
    image = right.imshow(relative, cmap=AMOUNTS, vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(shared.strongest[:, chosen]):
        color = "white" if relative[row, column] > 0.5 else INK
        right.text(column, row, "●", ha="center", va="center", color=color, fontsize=size - 2)
    right.set_title(
        f"the {len(chosen)} most shared channels\n(● among the class's strongest)", fontsize=10
    )
    right.set_xticks(range(len(chosen)), [str(c) for c in chosen], fontsize=8, rotation=90)
    right.set_yticks(range(classes), labels, fontsize=size)
    right.set_xlabel("channel", fontsize=9)
    bar = figure.colorbar(image, ax=right, pad=0.02, format="{x:.0%}")
    bar.set_label("of the class's strongest channel", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure


def draw_maps(
    paths: Sequence[Path], names: Sequence[str], maps: Array, shared: SharedChannels
) -> Figure:
    """Draw where the most shared channels answer, one photograph a row.

    Each map is a light on the photograph: as bright as the channel answers there, and a line around
    the places where it answers at least half as strongly as anywhere in the picture's column.

    Args:
        paths: One photograph a class that is shown.
        names: Their classes, in letters that can be drawn.
        maps: float32 [len(paths), height, width, channels], not negative.
        shared: Names the channels.

    Returns:
        The figure: the photograph, all channels together, and each of the most shared ones.
    """
    chosen = shared.most_shared(_MAP_COLUMNS)
    titles = ["photograph", "all channels"] + [
        f"channel {channel}\nstrongest of {shared.shared_by[channel]} "
        f"{'class' if shared.shared_by[channel] == 1 else 'classes'}"
        for channel in chosen
    ]
    columns = np.concatenate([maps.mean(axis=-1, keepdims=True), maps[..., chosen]], axis=-1)
    columns /= np.maximum(columns.max(axis=(0, 1, 2)), 1e-12)
    figure = new_figure(1.75 * len(titles) + 0.8, 1.75 * len(paths) + 0.6)
    axes = figure.subplots(len(paths), len(titles), squeeze=False)
    for row, (path, name) in enumerate(zip(paths, names, strict=True)):
        pixels = Image.fromarray(image_files.decode(path.read_bytes()))
        # As the network sees it: a square, whatever the aspect ratio was.
        photograph = np.asarray(pixels.resize((_SIDE, _SIDE))) / 255
        axes[row, 0].imshow(photograph)
        for axis, small in zip(axes[row, 1:], np.moveaxis(columns[row], -1, 0), strict=True):
            light = np.asarray(
                Image.fromarray(small.astype(np.float32)).resize(
                    (_SIDE, _SIDE), Image.Resampling.BILINEAR
                )
            )
            axis.imshow(photograph * (_DARK + (1 - _DARK) * light[..., None]))
            if light.min() < 0.5 < light.max():
                axis.contour(light, levels=[0.5], colors=[ORANGE], linewidths=1.6)
        for axis in axes[row]:
            axis.set_xticks([])
            axis.set_yticks([])
        axes[row, 0].set_ylabel(plain(name), fontsize=9, rotation=0, ha="right", va="center")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    return figure
