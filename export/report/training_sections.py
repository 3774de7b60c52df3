"""What the run's record tells, for classifier and detector alike: summary, curves, BatchNorm."""

from __future__ import annotations

from pathlib import Path

from export.report import batch_norm_chart, curves
from export.report.page import Finding, Picture, Section, Table
from export.report.record import BatchNormShifts, RunRecord
from export.report.style import png


def findings(record: RunRecord) -> list[Finding]:
    """Return what a person must know of the run before looking at any picture."""
    found = []
    if record.batch_norm:
        found += [Finding("alarm", f"BatchNorm: {text}") for text in record.batch_norm.alarms]
    tuning = record.fine_tuning
    if tuning:
        lacking = "; ".join(tuning.missing) or "no reason recorded"
        if tuning.decision == "refused":
            found.append(Finding("note", f"Fine-tuning was refused: {lacking}."))
        elif tuning.decision == "forced":
            found.append(Finding("alarm", f"Fine-tuning was forced against the policy: {lacking}."))
        if tuning.rolled_back:
            reason = f": {tuning.reason}" if tuning.reason else "."
            text = f"Fine-tuning was rolled back, the frozen base's weights were kept{reason}"
            found.append(Finding("alarm", text))
    found += [Finding("note", text) for text in record.notes]
    found += [Finding("note", text) for text in record.missing]
    return found


def facts(version: Path, record: RunRecord, class_names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the version's identity and what it was made of."""
    kept = record.kept
    rows = [("path", str(version)), ("classes", f"{len(class_names)}: {', '.join(class_names)}")]
    if name := record.settings.get("backbone"):
        size = record.settings.get("image_size")
        rows.append(("base", f"{name}, {size} by {size} pixels" if size else str(name)))
    if record.weights:
        digest = str(record.weights.get("sha256") or "")
        text = f"{record.weights.get('source')}: {record.weights.get('description', '')}"
        rows.append(("weights", f"{text} (sha256 {digest[:12]}…)" if digest else text))
    if kept and record.kept_phase is not None:
        frozen = "" if kept.frozen_layers is None else f", {kept.frozen_layers} layers frozen"
        rows.append(("published weights", f"of {kept}{frozen}"))
    if kept and kept.accuracy is not None:
        loss = "" if kept.loss is None else f", loss {kept.loss:.4f}"
        rows.append(("validation while training", f"accuracy {kept.accuracy:.4f}{loss}"))
    if record.data_dir:
        rows.append(("data", str(record.data_dir)))
    if record.training or record.validation:
        counts = f"{len(record.training)} trained on, {len(record.validation)} held out"
        skipped = f", {len(record.skipped)} skipped" if record.skipped else ""
        rows.append(("images", counts + skipped))
    if record.fingerprint:
        rows.append(("fingerprint", record.fingerprint))
    if record.versions:
        rows.append(("libraries", ", ".join(f"{n} {v}" for n, v in record.versions.items())))
    if record.seconds is not None:
        rows.append(("duration", f"{record.seconds:.0f} s"))
    return rows


def sections(record: RunRecord) -> list[Section]:
    """Return the curves and the BatchNorm shift."""
    return [_curves(record), _batch_norm(record)]


def _curves(record: RunRecord) -> Section:
    anchor, heading = "curves", "Training curves"
    if not curves.panels(record.phases):
        missing = "The run's record has no epochs, so there are no curves."
        return Section(anchor, heading, missing=[missing])
    text, missing_parts = [], []
    marks = curves.unfreezings(record.phases)
    if len(record.phases) == 1:
        tuning = record.fine_tuning
        why = f" (fine-tuning: {tuning.decision})" if tuning else ""
        missing_parts.append(f"There was no phase 2{why}, so no unfreezing is marked.")
    for phase in record.phases:
        rate = "" if phase.learning_rate is None else f", learning rate {phase.learning_rate:g}"
        batch = "" if phase.batch_size is None else f", batches of {phase.batch_size}"
        took = "" if phase.seconds is None else f", {phase.seconds:.0f} s"
        text.append(f"{str(phase).capitalize()}: {len(phase.history)} epochs{rate}{batch}{took}.")
        for step in phase.steps:
            rate = "" if step.learning_rate is None else f", learning rate {step.learning_rate:g}"
            text.append(
                f"Before epoch {step.first_epoch}: the top {step.unfrozen_layers} layers of the "
                f"base unfrozen{rate}."
            )
    ends = [
        f"{metric} {phase.history[-1][f'val_{key}']:.3f} after {phase}"
        for key, metric in curves.panels(record.phases)
        for phase in record.phases
        if phase.history and f"val_{key}" in phase.history[-1]
    ]
    unfrozen = "".join(f"; before epoch {place + 0.5:g}: {label}" for place, label in marks)
    picture = Picture(
        "training_curves.png",
        png(curves.draw(record.phases, record.kept_phase)),
        f"Curves of training and validation by epoch. Validation {', '.join(ends)}{unfrozen}.",
        "Circles: training; squares: validation. A dotted line, named above the panel, is an "
        "unfreezing. A curve that falls right after one says that it came too early.",
    )
    headings, rows = curves.rows(record.phases)
    table = Table("The curves in figures", headings, rows, folded=True)
    return Section(anchor, heading, text, [picture], [table], missing_parts)


def _batch_norm(record: RunRecord) -> Section:
    anchor, heading = "batch-norm", "BatchNorm shift"
    shifts = record.batch_norm
    if shifts is None or not any(shifts.by_phase.values()):
        missing = (
            "The run did not record the moving statistics of its BatchNorm layers."
            if shifts is None
            else "The record names no BatchNorm layer; the base has none, or none was watched."
        )
        return Section(anchor, heading, missing=[missing])
    over = batch_norm_chart.over_threshold(shifts)
    layers = len({name for each in shifts.by_phase.values() for name in each})
    limit = f"{shifts.threshold:.0%}"
    if over:
        count = f"{len(over)} shifts are" if len(over) > 1 else "One shift is"
        consequence = (
            "the base no longer normalises as it was trained to."
            if shifts.alarms
            else "no alarm, because the base began with random weights and had to learn them."
        )
        verdict = f"{count} over {limit}: {consequence}"
    else:
        verdict = f"No layer moved by more than {limit}, so the base kept what it had learnt."
    picture = Picture(
        "batch_norm_shift.png",
        png(batch_norm_chart.draw(shifts)),
        f"Relative shift of the moving statistics of {layers} BatchNorm layers, with the alarm's "
        f"line at {limit}. {verdict}",
        "The base runs with training=False, so its moving means and variances must stay where they "
        "were. Circles: phase 1; squares: phase 2.",
    )
    return Section(anchor, heading, [verdict], [picture], [_shift_table(shifts)])


def _shift_table(shifts: BatchNormShifts) -> Table:
    phases = sorted(shifts.by_phase)
    layers = dict.fromkeys(name for phase in phases for name in shifts.by_phase[phase])

    def cell(phase: int, name: str) -> str:
        if name not in shifts.by_phase[phase]:
            return ""
        shift = shifts.by_phase[phase][name]
        return f"{shift:.3%}" + ("" if shift <= shifts.threshold else " ⚠ over the line")

    return Table(
        "The shift of each layer",
        ["layer", *(f"phase {phase}" for phase in phases)],
        [[name, *(cell(phase, name) for phase in phases)] for name in layers],
        folded=True,
    )
