"""The last frozen layer: where it answers, and which channels the classes share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.report import channels
from export.report.activations import ActivationReader, FrozenLayer
from export.report.channels import Array, SharedChannels
from export.report.held_out import HeldOut
from export.report.page import Picture, Section, Table
from export.report.record import RunRecord
from export.report.style import picture_names, png

ANCHOR, HEADING = "activations", "What the last frozen layer sees"

_EACH_CLASS = 12  # photographs a class that its channels are measured on
_MOST_CLASSES = 15  # drawn side by side
_MOST_ROWS = 6


@dataclass(frozen=True)
class _Measured:
    """What the layer answered about some photographs.

    Attributes:
        held_out: The photographs, those that were not asked about included.
        present: Labels of the classes that are shown, ascending.
        positions: The photographs that were asked about.
        labels: int [n], of each, the position of its class in ``present``.
        layer: Which layer it was.
        maps: float32 [n, height, width, channels], its answers.
        shared: Which channels the classes share.
    """

    held_out: HeldOut
    present: list[int]
    positions: list[int]
    labels: Array
    layer: FrozenLayer
    maps: Array
    shared: SharedChannels

    @property
    def class_names(self) -> list[str]:
        """Names of the classes as pictures show them."""
        names = picture_names(self.held_out.class_names)
        return [names[label] for label in self.present]

    @property
    def shares(self) -> str:
        """How many of the strongest channels are shared, as a clause."""
        several = int((self.shared.shared_by >= 2).sum())
        everybody = int((self.shared.shared_by == len(self.present)).sum())
        if len(self.present) == 1:
            return "none can be shared, for all photographs are of one class"
        if len(self.present) == 2:
            return f"{everybody} are shared by both"
        return (
            f"{several} are shared by two classes or more, {everybody} by all {len(self.present)}"
        )


def section(version: Path, record: RunRecord, held_out: HeldOut, seed: int) -> Section:
    """Return the section of the activation maps and the shared channels.

    Args:
        version: A published classifier's directory.
        record: Of its run: names the backbone, and how much of it stayed frozen.
        held_out: The photographs.
        seed: Chooses among them.

    Raises:
        ExportError: The inner layers cannot be reached; the message is for the page.
    """
    backbone = record.settings.get("backbone")
    if not isinstance(backbone, str):
        return Section(ANCHOR, HEADING, missing=["The run's record does not name its base."])
    frozen = record.kept.frozen_layers if record.kept else None
    measured = _measure(ActivationReader(version, backbone, frozen), held_out, seed)
    return Section(
        ANCHOR, HEADING, _text(measured), [_maps(measured), _overlap(measured)], _tables(measured)
    )


def _measure(reader: ActivationReader, held_out: HeldOut, seed: int) -> _Measured:
    present = _most_photographed(held_out)
    wanted = _EACH_CLASS * len(held_out.class_names)
    positions = [p for p in held_out.sample(wanted, seed) if held_out.truth[p] in present]
    labels = np.searchsorted(present, held_out.truth[positions])
    maps = reader.read([held_out.photographs[position].path for position in positions])
    shared = channels.measure(maps, labels, len(present))
    return _Measured(held_out, present, positions, labels, reader.layer, maps, shared)


def _text(measured: _Measured) -> list[str]:
    layer, (height, width, count) = measured.layer, measured.maps.shape[1:]
    strongest = int(measured.shared.strongest.sum(axis=1).max())
    behind = (
        "the last frozen one"
        if layer.name == layer.last_frozen
        else f"the last activation up to {layer.last_frozen}, the last frozen one"
    )
    text = [
        f"Layer {layer.name}, number {layer.position} of {layer.layers} in the base, {behind}: "
        f"{count} channels of {height} by {width} places. A channel is strong for a class when its "
        "answer differs much between the places of its photographs; measured on "
        f"{len(measured.positions)}.",
        f"Each class has its {strongest} strongest channels. Of them {measured.shares}: features "
        "that serve classes the base was never trained on. The rest tell the classes apart.",
    ]
    classes, shown = len(measured.held_out.class_names), len(measured.present)
    if shown < classes:
        text.append(f"Of {classes} classes, the {shown} with the most photographs.")
    return text


def _maps(measured: _Measured) -> Picture:
    labels, names = measured.labels, measured.class_names
    rows = range(len(measured.present))
    first = [int(np.flatnonzero(labels == row)[0]) for row in rows][:_MOST_ROWS]
    photographs = measured.held_out.photographs
    return Picture(
        "activation_maps.png",
        png(
            channels.draw_maps(
                [photographs[measured.positions[row]].path for row in first],
                [names[labels[row]] for row in first],
                measured.maps[first],
                measured.shared,
            )
        ),
        f"Activation maps of {measured.layer.name} for one photograph of each of {len(first)} "
        "classes: all channels together, then the channels that most classes share.",
        "Light is where the channel answers; the line encloses at least half of its strongest "
        "answer in this column. A channel that follows the object serves it; one that lights up "
        "the background serves the background.",
    )


def _overlap(measured: _Measured) -> Picture:
    return Picture(
        "shared_channels.png",
        png(channels.draw_shared(measured.shared, measured.class_names)),
        f"Which of the strongest channels the classes share: {measured.shares}. The table below "
        "has the channels.",
        "Left: how alike two classes look to this layer. Two that share nearly everything can be "
        "told apart only by the head. Right: how strongly each class drives the shared channels.",
    )


def _tables(measured: _Measured) -> list[Table]:
    shared, names = measured.shared, measured.held_out.class_names
    rows = [
        [
            str(channel),
            str(shared.shared_by[channel]),
            ", ".join(
                names[measured.present[row]] for row in np.flatnonzero(shared.strongest[:, channel])
            ),
        ]
        for channel in shared.most_shared(20)
        if shared.shared_by[channel] >= 2
    ]
    if not rows:
        return []
    headings = ["channel", "classes", "which"]
    return [Table("The most shared channels", headings, rows, folded=True)]


def _most_photographed(held_out: HeldOut) -> list[int]:
    counts = np.bincount(held_out.truth, minlength=len(held_out.class_names))
    most = np.argsort(-counts, kind="stable")[:_MOST_CLASSES]
    return sorted(int(label) for label in most if counts[label])
