"""The curves of all phases on one axis of epochs, with each unfreezing marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from export.report.record import RecordedPhase, Step
from export.report.style import BLUE, GREY, INK, ORANGE, new_figure, tidy

_METRICS = (("accuracy", "accuracy"), ("map50", "mAP at IoU 0.5"), ("loss", "loss"))


_MOST_MARKED = 60  # epochs; with more, their marks would be one band


def panels(phases: Sequence[RecordedPhase]) -> list[tuple[str, str]]:
    """Return the metrics that there are, as (name in the history, name for people)."""
    seen = {name for phase in phases for epoch in phase.history for name in epoch}
    return [(key, text) for key, text in _METRICS if {key, f"val_{key}"} & seen]


def unfreezings(phases: Sequence[RecordedPhase]) -> list[tuple[float, str]]:
    """Return where in the epochs the base changed, and what to call it.

    Returns:
        Pairs of a place between two epochs (10.5: after epoch 10) and a label. A phase after the
        first that records no steps is one unfreezing.
    """
    marks: list[tuple[float, str]] = []
    for phase in phases:
        if phase.steps:
            marks += [(step.first_epoch - 0.5, _label(step)) for step in phase.steps]
        elif phase is not phases[0] and phase.history:
            marks.append((phase.first_epoch - 0.5, f"{phase.name or 'top'} unfrozen"))
    return marks


def _label(step: Step) -> str:
    return f"top {step.unfrozen_layers} unfrozen"


def draw(phases: Sequence[RecordedPhase], kept_phase: int | None = None) -> Figure:
    """Draw one panel a metric: training and validation, epoch by epoch.

    Args:
        phases: At least one with a history that has a metric of :func:`panels`.
        kept_phase: Number of the phase whose weights were kept, named in its heading.

    Returns:
        The figure.
    """
    metrics = panels(phases)
    marks = unfreezings(phases)
    figure = new_figure(5.6 * len(metrics), 4.6)
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    last = max(phase.first_epoch + len(phase.history) - 1 for phase in phases)
    for axis, (key, text) in zip(axes, metrics, strict=True):
        for name, look in (
            (key, {"color": BLUE, "marker": "o", "linestyle": "-", "label": "training"}),
            (f"val_{key}", {"color": ORANGE, "marker": "s", "linestyle": "--"}),
        ):
            epochs, values = _series(phases, name)
            if epochs:
                axis.plot(
                    epochs,
                    values,
                    **{"label": "validation", **look},
                    markersize=4.5 if last <= _MOST_MARKED else 0,
                )
        for place, _ in marks:
            axis.axvline(place, color=GREY, linestyle=":", linewidth=1.4, zorder=1)
        axis.set(xlabel="epoch", ylabel=text, xlim=(0.5, last + 0.5))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if key != "loss":
            axis.set_ylim(axis.get_ylim()[0] - 0.02, 1.02)
        tidy(axis)
        axis.legend(frameon=True, framealpha=0.9, fontsize=9, loc="best")
        if marks:
            _name_marks(axis, marks)
    figure.suptitle(_heading(phases, kept_phase), fontsize=11, color=INK)
    return figure


def _series(phases: Sequence[RecordedPhase], name: str) -> tuple[list[int], list[float]]:
    points = [
        (phase.first_epoch + position, epoch[name])
        for phase in phases
        for position, epoch in enumerate(phase.history)
        if name in epoch
    ]
    return [epoch for epoch, _ in points], [value for _, value in points]


def _name_marks(axis: object, marks: Sequence[tuple[float, str]]) -> None:
    """Write the unfreezings above the panel, where no curve runs."""
    top = axis.secondary_xaxis("top")  # type: ignore[attr-defined]
    top.set_xticks([place for place, _ in marks], [text for _, text in marks])
    top.tick_params(labelsize=8, labelrotation=50, length=4, pad=1, colors=INK)
    for label in top.get_xticklabels():
        label.set(horizontalalignment="left", rotation_mode="anchor")
    top.spines["top"].set_visible(False)


def _heading(phases: Sequence[RecordedPhase], kept_phase: int | None) -> str:
    parts = []
    for phase in phases:
        count = len(phase.history)
        kept = ", kept" if phase.number == kept_phase and len(phases) > 1 else ""
        parts.append(f"{phase}: {count} epoch{'s' * (count != 1)}{kept}")
    return "  ·  ".join(parts)


def rows(phases: Sequence[RecordedPhase]) -> tuple[list[str], list[list[str]]]:
    """Return the curves as a table: its headings, and a row an epoch."""
    names = [
        name
        for key, _ in panels(phases)
        for name in (key, f"val_{key}")
        if _series(phases, name)[0]
    ]

    def row(phase: RecordedPhase, position: int, epoch: Mapping[str, float]) -> list[str]:
        values = [f"{epoch[name]:.4f}" if name in epoch else "" for name in names]
        return [str(phase.first_epoch + position), str(phase), *values]

    return ["epoch", "phase", *names], [
        row(phase, position, epoch)
        for phase in phases
        for position, epoch in enumerate(phase.history)
    ]
