"""The page of one published version, whatever its kind: answers, evaluation, training."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from export.errors import DataSetError, ExportError
from export.report import evaluation_section, training_sections
from export.report.kind import ReportKind, Subject
from export.report.page import Finding, Page

log = logging.getLogger(__name__)


def make(subject: Subject, kind: ReportKind, evaluated: Mapping[str, Any] | None) -> Page:
    """Compose the page.

    Args:
        subject: What it is about.
        kind: What such a model is asked, and how its answers are shown.
        evaluated: What :func:`export.report.evaluation_section.read` gave, or None.

    Returns:
        The page. What cannot be shown is said in its place.
    """
    findings = []
    try:
        answered = kind.ask(subject)
    except ExportError as err:
        log.warning("no predictions in the report: %s", err)
        if not isinstance(err, DataSetError):  # the version itself does not answer
            findings.append(Finding("alarm", f"The exported graph could not be asked: {err}"))
        answered = kind.unavailable(str(err))
    findings += answered.findings + training_sections.findings(subject.record)
    evaluation = []
    if evaluated:
        findings += evaluation_section.findings(evaluated)
        evaluation = [kind.evaluation(evaluated)]
    contract, version = subject.contract, subject.version
    return Page(
        title=f"{contract.model.capitalize()}, version {version.name}",
        subtitle="What this version learnt and how, measured on the graph that is served.",
        findings=findings,
        facts=training_sections.facts(version, subject.record, contract.class_names),
        sections=[
            *answered.sections,
            *evaluation,
            *training_sections.sections(subject.record),
            *answered.closing,
        ],
    )
