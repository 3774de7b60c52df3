"""The pictures that the demo leaves: what was trained, and what it says of photographs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

mpl.use("Agg")  # files only; there may be no screen

# Okabe and Ito's palette, which colour-blind people can tell apart.
_RIGHT, _WRONG, _BLUE, _ORANGE = "#009E73", "#D55E00", "#0072B2", "#E69F00"


@dataclass(frozen=True)
class Prediction:
    """What a model says of one photograph.

    Attributes:
        path: The file.
        truth: Name of the folder it lies in.
        label: The class that the model names.
        probability: Of that class, 0 to 1.
    """

    path: Path
    truth: str
    label: str
    probability: float


def draw_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write a contact sheet: each photograph with truth, prediction and confidence.

    Args:
        path: The PNG file.
        predictions: Up to twelve are shown well.
    """
    columns = min(4, len(predictions))
    rows = -(-len(predictions) // columns)
    figure = Figure(figsize=(3 * columns, 3.3 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    for axis, prediction in zip(axes, predictions, strict=False):
        right = prediction.label == prediction.truth
        with Image.open(prediction.path) as picture:
            axis.imshow(picture.convert("RGB"))
        axis.set_title(
            f"{'✓' if right else '✗'} {prediction.label} {prediction.probability:.1%}\n"
            f"truth: {prediction.truth}",
            color=_RIGHT if right else _WRONG,
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
