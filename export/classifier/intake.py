"""The command's arguments checked, and the data set listed, before anything heavy is loaded.

A mistake on the command line is told within two seconds: TensorFlow is not imported, nothing is put
on record and no folder is made.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from export import class_folders, splitting
from export.class_folders import ClassFolders
from export.classifier.backbones import BackboneSpec, backbone
from export.classifier.settings import ClassifierSettings, weights_file
from export.errors import SettingsError
from export.publish import check_place
from export.training.policy import GENTLEST, PhasePolicy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Intake:
    """What a training was asked for, all of it possible as far as can be told without TensorFlow.

    Attributes:
        settings: The run's settings.
        folders: The data set.
        max_skipped: Largest share of photographs that may be unusable.
        min_accuracy: Least validation accuracy to publish; None: whatever it comes to.
        allow_leaks: Train although photographs stand on both sides of the split.
        allow_baseline: Publish although always naming the largest class is not clearly worse.
    """

    settings: ClassifierSettings
    folders: ClassFolders
    max_skipped: float
    min_accuracy: float | None
    allow_leaks: bool = False
    allow_baseline: bool = False


def check(arguments: argparse.Namespace) -> Intake:
    """Check the arguments of :mod:`export.classifier.arguments` and list the data set.

    Raises:
        SettingsError: An option cannot work.
        ExportError: The data set, the weights or the place for versions cannot.
    """
    spec = backbone(arguments.backbone)
    settings = _settings(arguments, spec)
    for option, share in (
        ("--max-skipped", arguments.max_skipped),
        ("--min-accuracy", arguments.min_accuracy),
    ):
        if share is not None and not 0 <= share <= 1:
            raise SettingsError(f"{option} takes a share from 0 to 1, received {share}")
    check_place(arguments.out)
    folders = class_folders.find(arguments.data, arguments.validation_data)
    usable = sum(len(part.files) for part in folders.parts)
    for line in class_folders.describe(folders):
        log.info("%s", line)
    class_folders.check_skipped(folders.skipped, usable, arguments.max_skipped)
    if not isinstance(settings.class_weights, str):
        settings.weights_of(folders.class_names)
    if settings.group_by:
        names = [path.relative_to(folders.directory) for p in folders.parts for path, _ in p.files]
        groups = splitting.groups(names, [""] * len(names), settings.group_by)
        log.info("--group-by: %d groups of photographs", len(set(groups.tolist())))
    return Intake(
        settings,
        folders,
        arguments.max_skipped,
        arguments.min_accuracy,
        arguments.allow_leaks,
        arguments.allow_baseline,
    )


def _settings(arguments: argparse.Namespace, spec: BackboneSpec) -> ClassifierSettings:
    size = spec.image_size if arguments.image_size is None else arguments.image_size
    spec.check_size(size)
    rate = arguments.fine_tune_learning_rate
    if rate is None:
        # Of rates that are 10 to 100 times lower than the head's, the gentlest.
        rate = arguments.learning_rate * GENTLEST
    policy = PhasePolicy(unfreezing=arguments.fine_tune_layers, learning_rate=rate)
    weights_file(arguments.weights)
    return ClassifierSettings(
        backbone=spec.name,
        image_size=size,
        weights=arguments.weights,
        epochs=arguments.epochs,
        fine_tune_epochs=arguments.fine_tune_epochs,
        policy=policy,
        force_fine_tune=arguments.force_fine_tune,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        class_weights=_class_weights(arguments.class_weights),
        validation_fraction=arguments.validation_fraction,
        group_by=arguments.group_by,
        calibrate=arguments.calibrate,
        augment=arguments.augment,
        seed=arguments.seed,
    )


def _class_weights(given: str) -> str | tuple[tuple[str, float], ...]:
    """Read ``none``, ``balanced``, or a JSON file of a number by class name."""
    if given in ("none", "balanced"):
        return given
    try:
        document = json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise SettingsError(
            f"--class-weights takes none, balanced, or a JSON file such as "
            f'{{"cat": 1, "dog": 2.5}}, received {given}: {getattr(err, "strerror", "") or err}'
        ) from err
    if not isinstance(document, dict):
        raise SettingsError(f"{given} must hold an object of numbers by class name")
    return tuple(document.items())
