"""The command's arguments checked, and the data set read, before anything heavy is loaded.

A mistake on the command line, in a label or in an image is told without TensorFlow, and nothing is
put on record before.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.detector.settings import DetectorSettings, LossSettings
from export.errors import DataSetError, SettingsError, WeightsError
from export.labels import arguments as label_options
from export.labels import command as labels
from export.labels import data_sets
from export.labels.preparation import Reading
from export.labels.samples import DetectionData
from export.publish import check_place

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intake:
    """What a training was asked for, all of it possible as far as can be told without TensorFlow.

    Attributes:
        settings: The run's settings.
        data_dir: The data set's folder.
        data: What was read from it.
        min_map: Least validation mAP@0.5 to publish; None: whatever it comes to.
    """

    settings: DetectorSettings
    data_dir: Path
    data: DetectionData
    min_map: float | None = None


def check(arguments: argparse.Namespace) -> Intake:
    """Check the arguments of :mod:`export.detector.arguments` and read the data set.

    Raises:
        SettingsError: An option cannot work.
        ExportError: The data set, the weights or the place for versions cannot.
    """
    settings = settings_from(arguments)
    class_names = label_options.classes(arguments.classes)
    least = arguments.min_map
    if least is not None and not 0 <= least <= 1:
        raise SettingsError(f"--min-map takes a share from 0 to 1, received {least}")
    if settings.weights not in ("auto", "none") and not Path(settings.weights).exists():
        raise WeightsError(
            f"no weights file at {settings.weights} (--weights auto, none or a file)"
        )
    check_place(arguments.out)
    reading = Reading(
        class_names, settings.on_bad_input, settings.validation_fraction, settings.seed
    )
    data = data_sets.load(arguments.data, arguments.format, reading)
    for line in labels.describe(data):
        log.info("%s", line)
    check_chosen(class_names, data)
    return Intake(settings, arguments.data, data, least)


def check_chosen(class_names: Sequence[str] | None, data: DetectionData) -> None:
    """Refuse a class that was chosen and that no box to train on has.

    Raises:
        DataSetError: With the classes that have boxes.
    """
    used = {int(label) for sample in data.training for label in sample.classes}
    absent = [name for label, name in enumerate(class_names or ()) if label not in used]
    if absent:
        there = [name for label, name in enumerate(data.class_names) if label in used]
        raise DataSetError(
            f"--classes names {', '.join(absent)}, which no box to train on has; of those named, "
            f"{', '.join(there) or 'none'} has boxes"
            + "".join(f"; {note}" for note in data.notes if note.startswith("boxes of classes"))
        )


def settings_from(arguments: argparse.Namespace) -> DetectorSettings:
    """Return the settings that parsed arguments ask for.

    Raises:
        SettingsError: One is out of range.
    """

    def chosen(names: Iterable[str]) -> dict[str, Any]:
        return {name: value for name, value in vars(arguments).items() if name in names}

    return DetectorSettings(
        **chosen(DetectorSettings.__dataclass_fields__),
        augment=not arguments.no_augment,
        loss=LossSettings(**chosen(LossSettings.__dataclass_fields__)),
    )
