"""What the report of a detector shows: predictions over the truth, the worst, mAP."""

from __future__ import annotations

from collections.abc import Sequence

from export import served_version
from export.detector import evaluation, pictures
from export.detector.coco_metrics import CocoResult
from export.detector.detection_arrays import DetectionArrays
from export.detector.settings import SHOWN_SCORE
from export.errors import DataSetError
from export.labels import data_sets, recorded
from export.labels.preparation import Reading
from export.labels.samples import Sample
from export.report import detection_sheet, evaluation_section
from export.report.kind import Answered, ReportKind, Subject
from export.report.page import Finding, Picture, Section
from export.report.style import picture_names

_SHOWN, _WORST = 8, 5

_SAMPLES = ("samples", "Predictions over the truth")
_WORST_IMAGES = ("worst", "Worst images")
_PRECISION = ("precision", "Average precision")


def _ask(subject: Subject) -> Answered:
    samples = _samples(subject)
    names = subject.contract.class_names
    with served_version.start(subject.version) as server:
        result, found = evaluation.evaluate(samples, subject.contract, server)
    return Answered(
        [*_drawn(samples, found, names), _precision(result)],
        [_accuracy(result, len(samples))],
    )


def _unavailable(reason: str) -> Answered:
    headings = (_SAMPLES, _WORST_IMAGES, _PRECISION)
    return Answered([Section(*heading, missing=[reason]) for heading in headings])


def _samples(subject: Subject) -> tuple[Sample, ...]:
    run = subject.record
    directory = subject.data_dir or run.data_dir
    if directory is None or not directory.is_dir():
        where = "not recorded" if directory is None else f"no longer at {directory}"
        raise DataSetError(f"The data set is {where}; name its place with --data.")
    reading = Reading(
        subject.contract.class_names,
        validation_fraction=float(run.settings.get("validation_fraction", 0.2)),
        seed=int(run.settings.get("seed", subject.seed)),
        need_objects=False,
    )
    data = data_sets.load(directory, None, reading)
    split = recorded.read(subject.version)
    return recorded.choose(data, directory, split, "validation")[1]


def _accuracy(result: CocoResult, images: int) -> Finding:
    return Finding(
        "note",
        f"mAP at IoU 0.5 is {result.map50:.4f}, averaged over IoU 0.5 to 0.95 "
        f"{result.map50_95:.4f}, over {images} validation images, answered by a server.",
    )


def _drawn(
    samples: Sequence[Sample], found: Sequence[DetectionArrays], class_names: Sequence[str]
) -> list[Section]:
    names = picture_names(class_names)
    pairs = list(zip(samples, found, strict=True))
    step = max(1, len(pairs) // _SHOWN)
    chosen = pairs[::step][:_SHOWN]
    sheet = Picture(
        "sample_predictions.png",
        detection_sheet.draw(chosen, names, SHOWN_SCORE),
        f"{len(chosen)} validation images with the true boxes and the detections of score "
        f"{SHOWN_SCORE:g} or more drawn over them.",
        "Broken green lines: the truth. Unbroken red lines: what was found, with class and score.",
    )
    return [Section(*_SAMPLES, pictures=[sheet]), _worst(pairs, names)]


def _worst(pairs: Sequence[tuple[Sample, DetectionArrays]], names: Sequence[str]) -> Section:
    quality = [pictures.f1(sample, detections, SHOWN_SCORE) for sample, detections in pairs]
    worst = [i for i in sorted(range(len(pairs)), key=quality.__getitem__) if quality[i] < 1]
    worst = worst[:_WORST]
    if not worst:
        text = f"None: every box of all {len(pairs)} images was found at score {SHOWN_SCORE:g}."
        return Section(*_WORST_IMAGES, [text])
    files = ", ".join(f"{pairs[i][0].path.name} (F1 {quality[i]:.2f})" for i in worst)
    picture = Picture(
        "worst_images.png",
        detection_sheet.draw([pairs[i] for i in worst], names, SHOWN_SCORE),
        f"The {len(worst)} validation images with the lowest F1: {files}.",
    )
    return Section(*_WORST_IMAGES, [f"Lowest F1: {files}."], [picture])


def _precision(result: CocoResult) -> Section:
    return Section(*_PRECISION, tables=[evaluation_section.average_precision(result.to_json())])


REPORT = ReportKind(
    ask=_ask,
    unavailable=_unavailable,
    evaluation=evaluation_section.detector,
)
