"""Which photographs set int8's ranges, and on which every form is measured."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.errors import DataSetError
from export.evaluation import data_sets
from export.evaluation.data_sets import LabelledPhotographs
from signature_contract.version_files import RUN_FILE, extra

if TYPE_CHECKING:
    from export.labels.samples import Sample

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EdgePhotographs:
    """Two parts of a data set that share no file.

    Attributes:
        representative: Files whose activations set int8's ranges, classes in turn.
        evaluation: File and truth of what every form is measured on, as
            :mod:`export.edge.kind` reads it.
        source: Where they come from, for the report.
    """

    representative: tuple[Path, ...]
    evaluation: tuple[tuple[Path, Any], ...]
    source: str


def choose(
    version: Path, class_names: Sequence[str], data: Path | None, representative: int
) -> EdgePhotographs:
    """Find the photographs.

    The version's own data set is split as its training split it: ranges from the training part,
    figures on the held-out part. Other photographs in class folders are divided in halves.

    Args:
        version: ``MODELS/classifier/<version>``.
        class_names: The model's, in label order.
        data: The data set where it is now, or other class folders; None for where it was.
        representative: How many files at most for the ranges.

    Raises:
        DataSetError: There are none; the message says how to name some.
    """
    try:
        own = data_sets.training_data(version, data)
    except DataSetError as err:
        if data is None:
            raise DataSetError(f"{err}. Name class folders to measure on with --data DIR") from err
        log.info("%s is not what the version was trained on (%s)", data, err)
    else:
        return EdgePhotographs(
            tuple(_classes_in_turn(own.training))[:representative],
            tuple(own.validation.label_of.items()),
            "ranges from the run's training split, figures on its validation split",
        )
    other = data_sets.class_folders(data, class_names)
    files = list(_classes_in_turn(other))
    ranges = files[: len(files) // 2]
    return EdgePhotographs(
        tuple(ranges[:representative]),
        tuple((path, other.label_of[path]) for path in files[len(files) // 2 :]),
        "ranges from one half of --data, figures on the other; the run's own split is not used",
    )


def choose_detection(
    version: Path, class_names: Sequence[str], data: Path | None, representative: int
) -> EdgePhotographs:
    """Find a detector's images and their boxes: the data set and the split it was trained with.

    Arguments are those of :func:`choose`; ``data`` is a folder of labelled images.

    Raises:
        DataSetError: There are none, or nothing says how they were split.
    """
    from export.labels import data_sets as detection_sets  # loads Pillow
    from export.labels import recorded
    from export.labels.preparation import Reading

    split = recorded.read(version)
    home = data or (split.directory if split else None)
    if split is None or home is None:
        raise DataSetError(
            f"{extra(version, RUN_FILE)} does not say which images the detector was trained on; "
            "train it again, this release records them"
        )
    found = detection_sets.load(home, None, Reading(class_names, need_objects=False))
    training = recorded.choose(found, home, split, "training")[1]
    validation = recorded.choose(found, home, split, "validation")[1]
    return EdgePhotographs(
        tuple(sample.path for sample in training)[:representative],
        tuple((sample.path, _boxes(sample)) for sample in validation),
        "ranges from the training split of the data set, figures (mAP at IoU 0.5, as accuracy) on "
        "its validation split",
    )


def _boxes(sample: Sample) -> dict[str, Any]:
    size = [sample.width, sample.height] * 2
    corners = (sample.boxes / size)[:, [1, 0, 3, 2]]
    return {
        "boxes": corners.tolist(),
        "classes": sample.classes.tolist(),
        "ignored": sample.ignored.tolist(),
    }


def _classes_in_turn(photographs: LabelledPhotographs) -> Iterator[Path]:
    """Yield one file of each class, then the next of each: any beginning holds all classes."""
    by_class: dict[int, list[Path]] = {}
    for path, label in photographs.label_of.items():
        by_class.setdefault(label, []).append(path)
    for turn in zip_longest(*by_class.values()):
        yield from (path for path in turn if path is not None)
