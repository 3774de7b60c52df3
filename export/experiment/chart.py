"""The curves of every run and the accuracy each variant came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe and Ito's palette, told apart by colour-blind people; the line styles do it in grey too.
_LOOKS = (
    {"color": "#999999", "linestyle": ":"},
    {"color": "#D55E00", "linestyle": "--"},
    {"color": "#56B4E9", "linestyle": "-."},
    {"color": "#0072B2", "linestyle": "-"},
)

Row = dict[str, Any]


def draw(path: Path, rows: Mapping[str, Sequence[Row]], titles: Mapping[str, str]) -> None:
    """Write the picture.

    Args:
        path: The PNG file.
        rows: The runs of each variant, as in ``results.jsonl``; at most four variants.
        titles: Of each variant.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    curves, ends = figure.subplots(1, 2, width_ratios=(3, 2))
    looks = dict(zip(rows, _LOOKS[-len(rows) :], strict=True))
    for name, runs in rows.items():
        _curves(curves, runs, titles[name], looks[name])
    curves.set(xlabel="epoch", ylabel="validation accuracy", title="every run, epoch by epoch")
    curves.xaxis.set_major_locator(MaxNLocator(integer=True))
    curves.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    for position, (name, runs) in enumerate(rows.items()):
        _ends(ends, position, [run["accuracy"] for run in runs], looks[name]["color"])
    ends.set_yticks(range(len(rows)), [titles[name].replace(", ", ",\n") for name in rows])
    ends.invert_yaxis()
    ends.margins(x=0.18, y=0.2)
    ends.set(xlabel="validation accuracy of the weights kept", title="mean and spread of the seeds")
    ends.grid(alpha=0.3, axis="x")
    figure.savefig(path, dpi=110)


def _curves(axis: Axes, runs: Sequence[Row], title: str, look: Mapping[str, Any]) -> None:
    for number, run in enumerate(runs):
        accuracy = [e["val_accuracy"] for phase in run["phases"] for e in phase["history"]]
        epochs = range(1, len(accuracy) + 1)
        axis.plot(epochs, accuracy, linewidth=1.6, label=title if number == 0 else None, **look)
        # On the last epoch of the head: what follows has the base unfrozen.
        marks = [phase["first_epoch"] - 1 for phase in run["phases"][1:]]
        axis.plot(
            marks,
            [accuracy[epoch - 1] for epoch in marks],
            "D",
            markersize=7,
            color="black",
            markerfacecolor="white",
            zorder=5,
            label="top of the base unfrozen" if marks and number == 0 else None,
        )


def _ends(axis: Axes, position: int, accuracies: Sequence[float], color: str) -> None:
    mean = sum(accuracies) / len(accuracies)
    axis.plot([min(accuracies), max(accuracies)], [position] * 2, color=color, linewidth=5)
    axis.plot(accuracies, [position] * len(accuracies), "o", color="black", markersize=4)
    axis.annotate(
        f"{mean:.3f}",
        (mean, position),
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        fontweight="bold",
    )
