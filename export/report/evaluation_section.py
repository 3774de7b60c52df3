"""What ``evaluate`` wrote, on the page: its figures, its threshold and its findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export.errors import ExportError
from export.report.page import Finding, Section, Table

ANCHOR, HEADING = "evaluation", "Evaluation"


class EvaluationFileError(ExportError):
    """The file is not what ``evaluate --json`` writes."""


def read(path: Path, kind: str, keys: Sequence[str]) -> dict[str, Any]:
    """Read a file that ``python -m export evaluate`` wrote.

    Args:
        path: The file.
        kind: What it must be of, by name.
        keys: What it must hold.

    Raises:
        EvaluationFileError: It cannot be read, or is of something else.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise EvaluationFileError(f"no evaluation at {path}: {err.strerror}") from err
    except ValueError as err:
        raise EvaluationFileError(f"{path} is no JSON: {err}") from err
    found = document.get("kind", document.get("model")) if isinstance(document, dict) else None
    if found != kind:
        raise EvaluationFileError(
            f"{path} must be what `python -m export evaluate {kind} … --json {path.name}` writes; "
            f"it is of {found or 'something else'}"
        )
    if lacking := [key for key in keys if key not in document]:
        raise EvaluationFileError(f"{path} lacks {', '.join(lacking)}: is it whole?")
    return document


def findings(document: Mapping[str, Any]) -> list[Finding]:
    """Return what the evaluation warns of, and whether its minimums were met."""
    found = [Finding("alarm", f"Evaluation: {text}") for text in document.get("failed", ())]
    if document.get("minimums") and not found:
        count = len(document["minimums"])
        found.append(Finding("good", f"Evaluation: all {count} stated minimums are met."))
    suspect, leaks, drift = (document.get(key) or {} for key in ("suspect", "leaks", "drift"))
    if suspect.get("found"):
        found.append(Finding("alarm", f"Evaluation: {suspect['message']}."))
    if leaks.get("found"):
        text = f"{leaks['photographs']} photographs are in the training data, too, or nearly."
        found.append(Finding("alarm", f"Evaluation: {text}"))
    if drift.get("found"):
        changed = ", ".join(drift["changed"]) or "all features jointly"
        found.append(Finding("alarm", f"Evaluation: drift in {changed}."))
    temporal = document.get("temporal") or {}
    if temporal.get("beyond_chance"):
        text = f"accuracy fell from {temporal['earliest']} to {temporal['latest']}"
        found.append(Finding("alarm", f"Evaluation: {text} beyond chance (p = {temporal['p']:g})."))
    return found


def classifier(document: Mapping[str, Any]) -> Section:
    """Return the section of a classifier's evaluation."""
    text = [
        f"Mode {document['mode']}: {document['photographs']} photographs of "
        f"{document['data']['directory']}, answered by {document['answered_by']}."
    ]
    if threshold := document.get("threshold"):
        text.append(
            f"Decision threshold {threshold['value']:.4g}, rule {threshold['rule']}: "
            f"{threshold['meaning']}."
        )
    text += [f"{note[:1].upper()}{note[1:]}." for note in document.get("notes", ())]
    overall = [
        [name.replace("_", " "), _estimate(document[name])]
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "likeliest_class_accuracy")
        if name in document
    ]
    classes = [
        [
            name,
            str(row["support"]),
            *(_estimate(row[figure]) for figure in ("precision", "recall", "f1")),
        ]
        for name, row in document["classes"].items()
    ]
    tables = [
        Table("Figures with 95 % intervals", ["figure", "value"], overall),
        Table(
            "Each class with 95 % intervals",
            ["class", "photographs", "precision", "recall", "F1"],
            classes,
        ),
    ]
    if temporal := document.get("temporal"):
        rows = [
            [name, str(period["photographs"]), _estimate(period["accuracy"])]
            for name, period in temporal["periods"].items()
        ]
        tables.append(Table("Accuracy over time", ["period", "photographs", "accuracy"], rows))
    if minimums := document.get("minimums"):
        rows = [
            [str(row["figure"]), str(row["message"]), "met" if row["met"] else "missed"]
            for row in minimums
        ]
        tables.append(Table("Minimums", ["figure", "asked and found", "result"], rows))
    return Section(ANCHOR, HEADING, text, tables=tables)


def detector(document: Mapping[str, Any]) -> Section:
    """Return the section of a detector's evaluation."""
    text = f"Part {document['part']}: {document['images']} images, version {document['version']}."
    return Section(ANCHOR, HEADING, [text], tables=[average_precision(document)])


def average_precision(figures: Mapping[str, Any]) -> Table:
    """Return a table of each class's average precision.

    Args:
        figures: As :meth:`export.detector.coco_metrics.CocoResult.to_json` gives them.
    """
    rows = [
        [name, _number(row["ap50"]), _number(row["ap50_95"])]
        for name, row in figures["per_class"].items()
    ]
    rows.append(["mean", _number(figures["map50"]), _number(figures["map50_95"])])
    headings = ["class", "AP at IoU 0.5", "AP at IoU 0.5 to 0.95"]
    return Table("Average precision", headings, rows)


def _estimate(part: Mapping[str, Any]) -> str:
    low, high = part["interval"]
    if part["value"] is None:
        withheld = f" (withheld: {part['withheld']})" if "withheld" in part else ""
        return f"[{low:.4f}, {high:.4f}]{withheld}"
    return f"{part['value']:.4f} [{low:.4f}, {high:.4f}]"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"
