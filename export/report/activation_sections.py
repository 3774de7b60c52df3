"""The last frozen layer: where it answers, and which channels the classes share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from export.report import channels
from export.report.activations import ActivationReader
from export.report.held_out import HeldOut
from export.report.page import Picture, Section, Table
from export.report.record import RunRecord
from export.report.style import picture_names, png

ANCHOR, HEADING = "activations", "What the last frozen layer sees"

_EACH_CLASS = 12  # photographs a class that its channels are measured on
_MOST_CLASSES = 15  # drawn side by side
_MOST_ROWS = 6


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
    present = _most_photographed(held_out)
    wanted = _EACH_CLASS * len(held_out.class_names)
    positions = [p for p in held_out.sample(wanted, seed) if held_out.truth[p] in present]
    labels = np.searchsorted(present, held_out.truth[positions])
    reader = ActivationReader(version, backbone, frozen)
    maps = reader.read([held_out.photographs[position].path for position in positions])
    shared = channels.measure(maps, labels, len(present))
    names = picture_names(held_out.class_names)
    class_names = [names[label] for label in present]
    first = [int(np.flatnonzero(labels == row)[0]) for row in range(len(present))][:_MOST_ROWS]

    layer, (height, width, count) = reader.layer, maps.shape[1:]
    strongest = int(shared.strongest.sum(axis=1).max())
    several = int((shared.shared_by >= 2).sum())
    everybody = int((shared.shared_by == len(present)).sum())
    behind = (
        "the last frozen one"
        if layer.name == layer.last_frozen
        else f"the last activation up to {layer.last_frozen}, the last frozen one"
    )
    where = (
        f"Layer {layer.name}, number {layer.position} of {layer.layers} in the base, {behind}: "
        f"{count} channels of {height} by {width} places. A channel is strong for a class when its "
        f"answer differs much between the places of its photographs; measured on {len(positions)}."
    )
    if len(present) == 1:
        shares = "none can be shared, for all photographs are of one class"
    elif len(present) == 2:
        shares = f"{everybody} are shared by both"
    else:
        shares = f"{several} are shared by two classes or more, {everybody} by all {len(present)}"
    sharing = (
        f"Each class has its {strongest} strongest channels. Of them {shares}: features that serve "
        "classes the base was never trained on. The rest tell the classes apart."
    )
    where_it_answers = Picture(
        "activation_maps.png",
        png(
            channels.draw_maps(
                [held_out.photographs[positions[row]].path for row in first],
                [class_names[labels[row]] for row in first],
                maps[first],
                shared,
            )
        ),
        f"Activation maps of {layer.name} for one photograph of each of {len(first)} classes: all "
        "channels together, then the channels that most classes share.",
        "Light is where the channel answers; the line encloses at least half of its strongest "
        "answer in this column. A channel that follows the object serves it; one that lights up "
        "the background serves the background.",
    )
    overlap = Picture(
        "shared_channels.png",
        png(channels.draw_shared(shared, class_names)),
        f"Which of the strongest channels the classes share: {shares}. The table below has the "
        "channels.",
        "Left: how alike two classes look to this layer. Two that share nearly everything can be "
        "told apart only by the head. Right: how strongly each class drives the shared channels.",
    )
    rows = [
        [
            str(channel),
            str(shared.shared_by[channel]),
            ", ".join(
                held_out.class_names[present[row]]
                for row in np.flatnonzero(shared.strongest[:, channel])
            ),
        ]
        for channel in shared.most_shared(20)
        if shared.shared_by[channel] >= 2
    ]
    tables = (
        [Table("The most shared channels", ["channel", "classes", "which"], rows, folded=True)]
        if rows
        else []
    )
    text = [where, sharing]
    if len(present) < len(held_out.class_names):
        text.append(
            f"Of {len(held_out.class_names)} classes, the {len(present)} with the most photographs."
        )
    return Section(ANCHOR, HEADING, text, [where_it_answers, overlap], tables)


def _most_photographed(held_out: HeldOut) -> list[int]:
    counts = np.bincount(held_out.truth, minlength=len(held_out.class_names))
    most = np.argsort(-counts, kind="stable")[:_MOST_CLASSES]
    return sorted(int(label) for label in most if counts[label])
