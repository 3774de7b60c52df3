"""The pictures that the demo leaves: what was trained, and what it says of photographs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from python_client import load_image

mpl.use("Agg")  # files only; there may be no screen

# Okabe and Ito's palette, which colour-blind people can tell apart.
_RIGHT, _WRONG, _BLUE, _ORANGE = "#009E73", "#D55E00", "#0072B2", "#E69F00"


def draw_predictions(
    path: Path, files: Sequence[Path], probabilities: Sequence[Mapping[str, float]]
) -> None:
    """Write a contact sheet: each photograph with truth, prediction and confidence.

    Args:
        path: The PNG file.
        files: Photographs, each in a folder with its class's name; up to twelve are shown well.
        probabilities: Of each photograph, by class name, 0 to 1.
    """
    columns = min(4, len(files))
    rows = -(-len(files) // columns)
    figure = Figure(figsize=(3 * columns, 3.3 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    for axis, file, shares in zip(axes, files, probabilities, strict=False):
        truth, label = file.parent.name, max(shares, key=lambda name: shares[name])
        axis.imshow(load_image(file))
        axis.set_title(
            f"{'✓' if label == truth else '✗'} {label} {shares[label]:.1%}\ntruth: {truth}",
            color=_RIGHT if label == truth else _WRONG,
            fontsize=11,
        )
    figure.savefig(path, dpi=110)


def draw_training(path: Path, run_file: Path) -> None:
    """Write the curves of both phases, with the unfreezing marked.

    Args:
        path: The PNG file.
        run_file: The version's ``assets.extra/run.json``.
    """
    phases = [
        phase["history"] for phase in json.loads(run_file.read_text(encoding="utf-8"))["phases"]
    ]
    epochs = [epoch for phase in phases for epoch in phase]
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axis, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        steps = range(1, len(epochs) + 1)
        axis.plot(steps, [e[name] for e in epochs], "o-", color=_BLUE, label="training")
        axis.plot(
            steps, [e[f"val_{name}"] for e in epochs], "s-", color=_ORANGE, label="validation"
        )
        if len(phases) > 1:
            unfreezing = len(phases[0]) + 0.5
            axis.axvline(unfreezing, color="0.4", linestyle="--", label="top of the base unfrozen")
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)
