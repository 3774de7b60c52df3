"""What the report of a classifier shows: samples, errors, calibration, what the base sees."""

from __future__ import annotations

import numpy as np

from export.errors import ExportError
from export.evaluation import metrics
from export.evaluation.metrics import Figures
from export.report import activation_sections, answer_sections, evaluation_section
from export.report.held_out import HeldOut, ask
from export.report.kind import Answered, ReportKind, Subject
from export.report.page import Finding, Section


def _ask(subject: Subject) -> Answered:
    held_out = ask(subject.version, subject.contract, subject.record, subject.data_dir)
    seed = subject.seed
    figures = metrics.measure(held_out.truth, held_out.predicted, held_out.class_names, seed)
    try:
        activations = activation_sections.section(subject.version, subject.record, held_out, seed)
    except ExportError as err:
        activations = _no_activations(str(err))
    return Answered(
        answer_sections.sections(held_out, figures, seed),
        [_accuracy(held_out, figures)],
        [activations],
    )


def _unavailable(reason: str) -> Answered:
    return Answered(answer_sections.unavailable(reason), closing=[_no_activations(reason)])


def _no_activations(reason: str) -> Section:
    return Section(activation_sections.ANCHOR, activation_sections.HEADING, missing=[reason])


def _accuracy(held_out: HeldOut, figures: Figures) -> Finding:
    hits = int(np.trace(figures.confusion))
    text = (
        f"{hits} of {held_out.origin} are classified right by the exported graph: accuracy "
        f"{figures.accuracy} (95 % interval). Always naming {_largest(held_out, figures)}."
    )
    return Finding("note", text)


def _largest(held_out: HeldOut, figures: Figures) -> str:
    counts = figures.confusion.sum(axis=1)
    name = held_out.class_names[int(counts.argmax())]
    return f"{name!r} would be right on {int(counts.max())}, {counts.max() / counts.sum():.3f}"


REPORT = ReportKind(
    ask=_ask,
    unavailable=_unavailable,
    evaluation=evaluation_section.classifier,
)
