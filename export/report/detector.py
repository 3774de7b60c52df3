"""The report of a detector: predictions over the truth, mAP, and what the run recorded."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export import served_version
from export.detector import data_sets, evaluation, pictures
from export.detector.annotations import Sample
from export.detector.coco_metrics import CocoResult
from export.detector.detection_arrays import DetectionArrays
from export.errors import DataSetError, ExportError
from export.report import detection_sheet, evaluation_section, record, training_sections
from export.report.page import Finding, Page, Picture, Section
from export.report.record import RunRecord
from export.report.style import picture_names
from serving_config.contract import Contract

log = logging.getLogger(__name__)

_SHOWN, _WORST = 8, 5
_SCORE = 0.5


def make(
    version: Path,
    contract: Contract,
    data_dir: Path | None,
    evaluated: Mapping[str, Any] | None,
    seed: int,
) -> Page:
    """Compose the page of one published detector.

    Args:
        version: ``MODELS/detector/<version>``.
        contract: Its contract.
        data_dir: Where its data set is; None for where it was.
        evaluated: What :func:`export.report.evaluation_section.read` gave, or None.
        seed: Of the split, where neither data set nor record state one.

    Returns:
        The page. What cannot be shown is said in its place.
    """
    run = record.read(version)
    findings = []
    try:
        samples = _samples(run, data_dir, contract, seed)
        with served_version.start(version) as server:
            result, found = evaluation.evaluate(samples, contract.class_names, server)
    except ExportError as err:
        log.warning("no predictions in the report: %s", err)
        if not isinstance(err, DataSetError):  # the version itself does not answer
            findings.append(Finding("alarm", f"The exported graph could not be asked: {err}"))
        answered = [
            Section("samples", "Predictions over the truth", missing=[str(err)]),
            Section("worst", "Worst images", missing=[str(err)]),
            Section("precision", "Average precision", missing=[str(err)]),
        ]
    else:
        findings.append(_accuracy(result, len(samples)))
        answered = _answered(samples, found, result, contract.class_names)
    findings += training_sections.findings(run)
    measured = [evaluation_section.detector(evaluated)] if evaluated else []
    return Page(
        title=f"Detector, version {version.name}",
        subtitle="What this version learnt and how, measured on the graph that is served.",
        findings=findings,
        facts=training_sections.facts(version, run, contract.class_names),
        sections=[*answered, *measured, *training_sections.sections(run)],
    )


def _samples(
    run: RunRecord, data_dir: Path | None, contract: Contract, seed: int
) -> tuple[Sample, ...]:
    directory = data_dir or run.data_dir
    if directory is None or not directory.is_dir():
        where = "not recorded" if directory is None else f"no longer at {directory}"
        raise DataSetError(f"The data set is {where}; name its place with --data.")
    data = data_sets.load(
        directory,
        None,
        on_bad_input="skip",
        validation_fraction=float(run.settings.get("validation_fraction", 0.2)),
        seed=int(run.settings.get("seed", seed)),
        class_names=contract.class_names,
    )
    if not run.validation:
        return data.validation
    held_out = {directory / name for name in run.validation}
    recorded = tuple(s for s in (*data.training, *data.validation) if s.path in held_out)
    return recorded or data.validation


def _accuracy(result: CocoResult, images: int) -> Finding:
    return Finding(
        "note",
        f"mAP at IoU 0.5 is {result.map50:.4f}, averaged over IoU 0.5 to 0.95 "
        f"{result.map50_95:.4f}, over {images} validation images, answered by a server.",
    )


def _answered(
    samples: Sequence[Sample],
    found: Sequence[DetectionArrays],
    result: CocoResult,
    class_names: Sequence[str],
) -> list[Section]:
    names = picture_names(class_names)
    pairs = list(zip(samples, found, strict=True))
    step = max(1, len(pairs) // _SHOWN)
    chosen = pairs[::step][:_SHOWN]
    sheet = Picture(
        "sample_predictions.png",
        detection_sheet.draw(chosen, names, _SCORE),
        f"{len(chosen)} validation images with the true boxes and the detections of score "
        f"{_SCORE:g} or more drawn over them.",
        "Broken green lines: the truth. Unbroken red lines: what was found, with class and score.",
    )
    quality = [pictures.f1(sample, detections, _SCORE) for sample, detections in pairs]
    worst = [i for i in sorted(range(len(pairs)), key=quality.__getitem__) if quality[i] < 1]
    worst = worst[:_WORST]
    if worst:
        files = ", ".join(f"{samples[i].path.name} (F1 {quality[i]:.2f})" for i in worst)
        picture = Picture(
            "worst_images.png",
            detection_sheet.draw([pairs[i] for i in worst], names, _SCORE),
            f"The {len(worst)} validation images with the lowest F1: {files}.",
        )
        worst_section = Section("worst", "Worst images", [f"Lowest F1: {files}."], [picture])
    else:
        text = f"None: every box of all {len(pairs)} images was found at score {_SCORE:g}."
        worst_section = Section("worst", "Worst images", [text])
    table = evaluation_section.average_precision(result.to_json())
    return [
        Section("samples", "Predictions over the truth", pictures=[sheet]),
        worst_section,
        Section("precision", "Average precision", tables=[table]),
    ]
