"""The report of a classifier."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ExportError
from export.evaluation import metrics
from export.evaluation.metrics import Figures
from export.report import (
    activation_sections,
    answer_sections,
    evaluation_section,
    record,
    training_sections,
)
from export.report.held_out import HeldOut, NothingToAskError, ask
from export.report.page import Finding, Page, Section
from serving_config.contract import Contract

log = logging.getLogger(__name__)


def make(
    version: Path,
    contract: Contract,
    data_dir: Path | None,
    evaluated: Mapping[str, Any] | None,
    seed: int,
) -> Page:
    """Compose the page of one published classifier.

    Args:
        version: ``MODELS/classifier/<version>``.
        contract: Its contract.
        data_dir: Where its data set is; None for where it was.
        evaluated: What :func:`export.report.evaluation_section.read` gave, or None.
        seed: Chooses the photographs that are shown.

    Returns:
        The page. What cannot be shown is said in its place.
    """
    run = record.read(version)
    findings = []
    try:
        held_out = ask(version, contract, run, data_dir)
    except ExportError as err:
        log.warning("no predictions in the report: %s", err)
        if not isinstance(err, NothingToAskError):  # the version itself does not answer
            findings.append(Finding("alarm", f"The exported graph could not be asked: {err}"))
        answered = answer_sections.unavailable(str(err))
        activations = _no_activations(str(err))
    else:
        figures = metrics.measure(held_out.truth, held_out.predicted, held_out.class_names, seed)
        findings.append(_accuracy(held_out, figures))
        answered = answer_sections.sections(held_out, figures, seed)
        try:
            activations = activation_sections.section(version, run, held_out, seed)
        except ExportError as err:
            activations = _no_activations(str(err))
    findings += training_sections.findings(run)
    evaluation = []
    if evaluated:
        findings += evaluation_section.findings(evaluated)
        evaluation = [evaluation_section.classifier(evaluated)]
    return Page(
        title=f"{contract.model.capitalize()}, version {version.name}",
        subtitle="What this version learnt and how, measured on the graph that is served.",
        findings=findings,
        facts=training_sections.facts(version, run, contract.class_names),
        sections=[*answered, *evaluation, *training_sections.sections(run), activations],
    )


def _no_activations(reason: str) -> Section:
    return Section(activation_sections.ANCHOR, activation_sections.HEADING, missing=[reason])


def _accuracy(held_out: HeldOut, figures: Figures) -> Finding:
    hits = int(np.trace(figures.confusion))
    text = (
        f"{hits} of {held_out.origin} are classified right by the exported graph: accuracy "
        f"{figures.accuracy} (95 % interval)."
    )
    return Finding("note", text)
