"""The three ways of measuring: the validation split, a holdout, photographs over time.

A threshold comes from the validation split, or from a person; never from what is measured with it
elsewhere. The split serves the other two modes once more, as the reference for drift.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export import duplicates
from export.errors import DataSetError, SettingsError
from export.evaluation import data_sets, drift, periods, temporal
from export.evaluation import threshold as thresholds
from export.evaluation.answers import Answers, ClassifierSource
from export.evaluation.arguments import TEMPORAL, VALIDATION
from export.evaluation.assessment import Assessment, assess, labels_of
from export.evaluation.cutoff import ThresholdError
from export.evaluation.data_sets import TrainingData
from export.evaluation.image_statistics import ImageStatistics, measure_images
from export.evaluation.threshold import Threshold
from export.file_names import escaped
from serving_config.jpeg_orientation import SEARCHED_BYTES, UPRIGHT, jpeg_orientation

log = logging.getLogger(__name__)

_EXIF_BYTES = SEARCHED_BYTES + 2**16  # a segment may begin at the last byte that is searched

SUSPECT = 0.95
"""Accuracy on a holdout above which something is more likely wrong than the model that good."""


@dataclass(frozen=True)
class Measured:
    """One evaluation.

    Attributes:
        answers: What was answered.
        assessment: How good that is.
        document: The result that the command line prints, without minimums.
    """

    answers: Answers
    assessment: Assessment
    document: dict[str, Any]


def measure(source: ClassifierSource, arguments: argparse.Namespace) -> Measured:
    """Measure in the mode that was asked for.

    Args:
        source: What answers.
        arguments: As :mod:`export.evaluation.arguments` describes them.

    Raises:
        ExportError: Something could not be measured; the message says why.
    """
    if arguments.mode == VALIDATION:
        return _validation(source, arguments)
    return _other(source, arguments)


def _validation(source: ClassifierSource, arguments: argparse.Namespace) -> Measured:
    if not arguments.model:
        raise SettingsError(
            "--mode validation needs --model PATH: its run.json says which photographs were held "
            "out (with --server too, the server is asked)"
        )
    data = data_sets.training_data(arguments.model, arguments.data)
    given = _given(arguments, source.class_names)
    found = source.answer(data.validation.paths)
    threshold = given or _chosen(arguments, found, data)
    assessed = assess(found, data.validation.label_of, threshold, arguments.seed)
    document = _document(arguments, source, found, assessed, threshold, data.directory)
    document["data"]["fingerprint"] = data.fingerprint
    document["leaks"] = _leaks(measure_images(data.training.paths), measure_images(found.paths))
    document["notes"].append(
        "the best epoch was chosen on these photographs: a holdout says more about others"
    )
    if arguments.threshold is None:
        document["notes"].append(
            "the threshold was chosen on these photographs, so figures that use it flatter it"
        )
    return Measured(found, assessed, document)


def _other(source: ClassifierSource, arguments: argparse.Namespace) -> Measured:
    if not arguments.data:
        raise SettingsError(f"--mode {arguments.mode} needs --data DIR, the photographs to measure")
    names = source.class_names or _ask_for_class_names(source, arguments.data)
    dated = None
    if arguments.mode == TEMPORAL:
        dated = periods.find(arguments.data, names, arguments.dates, arguments.period)
        photographs = dated.photographs
    else:
        photographs = data_sets.class_folders(arguments.data, names)
    threshold = _given(arguments, names)
    reference, why_not = _reference(source, arguments)
    found = source.answer(photographs.paths)
    notes = []
    if threshold is None:
        try:
            if reference:
                threshold = _chosen(arguments, reference.answers, reference.data)
        except ThresholdError as err:
            why_not = str(err)
        if threshold is None:
            notes.append(f"no threshold, so the likeliest class is answered: {why_not}")
    assessed = assess(found, photographs.label_of, threshold, arguments.seed)
    document = _document(arguments, source, found, assessed, threshold, arguments.data)
    document["notes"] += notes
    if reference:
        data = reference.data
        seen, here = (
            measure_images([*data.training.paths, *data.validation.paths]),
            measure_images(found.paths),
        )
        document["leaks"] = _leaks(seen, here)
        labels = labels_of(reference.answers, data.validation.label_of)
        document["drift"] = _drift(
            (reference.answers, labels, seen), (found, assessed.labels, here), arguments.seed
        )
    else:
        not_measured = {"measured": False, "found": None, "reason": why_not}
        document["leaks"] = document["drift"] = not_measured
    document["suspect"] = _suspect(assessed, document["leaks"])
    if dated:
        when = np.array([dated.period_of[path] for path in found.paths])
        shift = temporal.measure(assessed.labels, assessed.right, when, dated.names, arguments.seed)
        document["temporal"] = {
            "dates": dated.dates,
            "undated": [escaped(path) for path in dated.undated],
            **shift.to_json(),
        }
    return Measured(found, assessed, document)


def _ask_for_class_names(source: ClassifierSource, directory: Path) -> tuple[str, ...]:
    """Learn the class names from a server's first answer, when nothing else has them."""
    files = sorted(p for p in directory.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not files:
        raise DataSetError(f"no photographs at {directory}: expected a folder of class folders")
    return source.answer(files[:4], batch_size=1).class_names


@dataclass(frozen=True)
class _Reference:
    """The photographs a version was made from, and its answers on those held out."""

    data: TrainingData
    answers: Answers


def _reference(
    source: ClassifierSource, arguments: argparse.Namespace
) -> tuple[_Reference | None, str]:
    """Return what to compare with; or None, and why there is nothing."""
    if not arguments.model:
        return None, "without --model PATH nothing says which photographs were trained on"
    try:
        data = data_sets.training_data(arguments.model, arguments.training_data)
    except DataSetError as err:
        if arguments.training_data:
            raise  # asked for by name
        log.warning("leaks and drift cannot be checked: %s", err)
        return None, str(err)
    return _Reference(data, source.answer(data.validation.paths)), ""


def _given(arguments: argparse.Namespace, class_names: Sequence[str]) -> Threshold | None:
    if arguments.threshold is None:
        return None
    return thresholds.read(arguments.threshold, class_names, arguments.positive)


def _chosen(arguments: argparse.Namespace, found: Answers, data: TrainingData) -> Threshold:
    return thresholds.choose(
        labels_of(found, data.validation.label_of),
        found.probabilities,
        found.class_names,
        thresholds.Purpose(arguments.threshold_rule, arguments.positive, arguments.withheld_cost),
        chosen_on={"version": found.version, "fingerprint": data.fingerprint},
        seed=arguments.seed,
    )


def _document(
    arguments: argparse.Namespace,
    source: ClassifierSource,
    found: Answers,
    assessed: Assessment,
    threshold: Threshold | None,
    directory: Path,
) -> dict[str, Any]:
    notes = _lying(source, found.paths)
    if threshold and threshold.positive and threshold.interval:
        low, high = threshold.interval
        if low <= 0.5 <= high:
            notes.append(
                "0.5 lies within the threshold's own interval: the validation photographs do not "
                "show that another threshold is better"
            )
    return {
        "kind": "classifier",
        "mode": arguments.mode,
        "answered_by": source.name,
        "version": found.version,
        "data": {
            "directory": escaped(directory),
            "refused": {escaped(refused.path): refused.reason for refused in found.refused},
            "refused_share": len(found.refused) / (len(found.refused) + len(found.paths)),
        },
        "threshold": threshold.to_json() if threshold else None,
        **assessed.to_json(),
        "seconds": round(found.seconds, 2),
        "seed": arguments.seed,
        "notes": notes,
    }


def _lying(source: ClassifierSource, paths: Sequence[Path]) -> list[str]:
    """Say which photographs an older version does not see upright."""
    if source.turns_upright:
        return []
    lying = 0
    for path in paths:
        with path.open("rb") as file:
            lying += jpeg_orientation(file.read(_EXIF_BYTES)) != UPRIGHT
    if not lying:
        return []
    return [
        f"{lying} of {len(paths)} photographs are stored lying, and this version turns none "
        "upright (its contract has no parameter orientation: it is from before that); train again"
    ]


def _leaks(seen: ImageStatistics, here: ImageStatistics) -> dict[str, Any]:
    pairs = duplicates.find(here, seen)
    return {
        "measured": True,
        "found": bool(pairs),
        "exact": sum(pair.kind == duplicates.EXACT for pair in pairs),
        "near": sum(pair.kind == duplicates.NEAR for pair in pairs),
        "photographs": len({pair.first for pair in pairs}),
        "pairs": [
            {
                "holdout": escaped(pair.first),
                "training": escaped(pair.second),
                "kind": pair.kind,
                "correlation": round(pair.correlation, 3),
                "mirrored": pair.mirrored,
            }
            for pair in pairs
        ],
    }


def _drift(
    reference: tuple[Answers, Any, ImageStatistics],
    holdout: tuple[Answers, Any, ImageStatistics],
    seed: int,
) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    answered = [_with_statistics(*side) for side in (reference, holdout)]
    chosen = drift.same_classes(answered[0][1], answered[1][1], random)
    if len(chosen[0]) < drift.FEWEST:
        reason = (
            f"{len(chosen[0])} photographs a side with the same number of each class; at least "
            f"{drift.FEWEST} are needed"
        )
        return {"measured": False, "found": None, "reason": reason}
    sides = [
        {name: values[rows] for name, values in features.items()}
        for (features, _), rows in zip(answered, chosen, strict=True)
    ]
    return drift.compare(sides[0], sides[1], seed).to_json()


def _with_statistics(
    answers: Answers, labels: Any, seen: ImageStatistics
) -> tuple[dict[str, Any], Any]:
    """Return features and classes of the photographs that could be both answered and measured."""
    row_of = {path: row for row, path in enumerate(seen.paths)}
    rows = [row for row, path in enumerate(answers.paths) if path in row_of]
    statistics = seen.statistics[[row_of[answers.paths[row]] for row in rows]]
    return drift.features(answers.logits[rows], answers.class_names, statistics), labels[rows]


def _suspect(assessed: Assessment, leaked: dict[str, Any]) -> dict[str, Any]:
    accuracy = assessed.figures.accuracy
    found = accuracy.value > SUSPECT
    message = ""
    if found:
        message = f"accuracy {accuracy.value:.4f} on photographs the model has never seen: "
        if not leaked["measured"]:
            message += "whether it has seen them could not be checked"
        elif leaked["found"]:
            message += (
                f"it has seen {leaked['photographs']} of them, or nearly (leaks names them); "
                "remove these and measure again"
            )
        else:
            message += (
                "no leak was found, so they may be easy, or of the same series as the training data"
            )
    return {"found": found, "limit": SUSPECT, "message": message}
