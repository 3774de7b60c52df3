"""``python -m export experiment``: what fine-tuning too early costs, on your own photographs."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from export.classifier import photographs
from export.classifier.backbones import backbone
from export.classifier.model import Classifier
from export.classifier.record import phase_record
from export.classifier.settings import ClassifierSettings
from export.errors import SettingsError
from export.experiment.results import Results, Row, summary, table
from export.experiment.variants import VARIANTS, Variant
from export.publish import check_place
from export.training import provenance
from export.training.outcome import Trained
from export.training.work import Work

log = logging.getLogger(__name__)

RESULTS_FILE = "results.jsonl"
CHART_FILE = "experiment.png"


def run(
    common: ClassifierSettings,
    whole_epochs: int,
    variants: Sequence[Variant],
    seeds: Sequence[int],
    data_dir: Path,
    out: Path,
) -> dict[str, Any]:
    """Run what is missing, then compare.

    Args:
        common: What all runs share but the seed.
        whole_epochs: Epochs of the variants that train all layers from the start.
        variants: What to compare.
        seeds: One run of each variant a seed. Within a seed all variants have the same split.
        data_dir: A folder of class folders.
        out: Where the results go. Runs that are there already, with the same settings and data,
            are not repeated; one that was interrupted goes on after its last epoch.

    Returns:
        The result that the command line prints.

    Raises:
        ExportError: A run failed; the results before it are kept.
    """
    draw = _chart()
    check_place(out)
    data = photographs.find(data_dir)
    fingerprint = provenance.fingerprint(
        data_dir, [path for path, _ in data.files if path.is_file()]
    )
    out.mkdir(parents=True, exist_ok=True)
    results = Results(out / RESULTS_FILE)
    rows: dict[str, list[Row]] = {variant.name: [] for variant in variants}
    for seed in seeds:  # all variants of a seed before the next: useful when interrupted
        for variant in variants:
            settings = variant.settings(replace(common, seed=seed), whole_epochs)
            key = {
                "arm": variant.name,
                "seed": seed,
                "settings": settings.to_json(),
                "data": fingerprint,
            }
            if (row := results.find(key)) is None:
                log.info("seed %d, %s", seed, variant.title)
                row = {**key, **_train(variant, settings, data_dir, out)}
                results.add(row)
            rows[variant.name].append(row)
    summaries = {name: summary(made) for name, made in rows.items()}
    titles = {variant.name: variant.title for variant in variants}
    draw(out / CHART_FILE, rows, titles)
    print(table(summaries, titles), file=sys.stderr)  # noqa: T201
    return {
        "validation_photographs": rows[variants[0].name][0]["validation"],
        "arms": summaries,
        "results": str(results.path),
        "chart": str(out / CHART_FILE),
    }


def _chart() -> Any:
    """Find out before hours of training whether the curves can be drawn."""
    try:
        from export.experiment.chart import draw
    except ModuleNotFoundError as err:
        raise SettingsError(
            f"the curves need {err.name}: pip install 'vision-forge[report]'"
        ) from err
    return draw


def _train(variant: Variant, settings: ClassifierSettings, data_dir: Path, out: Path) -> Row:
    keras.backend.clear_session()
    started = time.monotonic()
    beginning = variant.begin(
        settings, photographs.find(data_dir), lambda identity: Work.below(out, identity)
    )
    trained = variant.train(beginning)
    minutes = (time.monotonic() - started) / 60
    row = _row(trained, len(beginning.data.split.validation), minutes)
    beginning.work.remove()
    log.info("%s: accuracy %.4f in %.1f minutes", variant.title, row["accuracy"], row["minutes"])
    return row


def _row(trained: Trained[Classifier], validation: int, minutes: float) -> Row:
    shifts = [
        shift
        for moved in trained.batch_norm["shifts"].values()
        for shift in moved.values()
        if shift is not None
    ]
    return {
        "accuracy": trained.kept.accuracy,
        "loss": trained.kept.loss,
        "kept_phase": trained.kept_phase,
        "fine_tuning": trained.fine_tuning.to_json(),
        "phases": [phase_record(phase) for phase in trained.phases],
        "largest_batch_norm_shift": max(shifts, default=0.0),
        "validation": validation,
        "weights": trained.weights.to_json(),
        "notes": list(trained.notes),
        "versions": provenance.versions(),
        "minutes": round(minutes, 2),
    }


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.experiment.arguments`."""
    for name in arguments.arms:
        if name not in VARIANTS:
            raise SettingsError(f"--arms: there is no {name!r}; there are {', '.join(VARIANTS)}")
    row = backbone(arguments.backbone)
    common = ClassifierSettings(
        backbone=row.name,
        image_size=row.image_size if arguments.image_size is None else arguments.image_size,
        epochs=arguments.epochs,
        fine_tune_epochs=arguments.fine_tune_epochs,
    )
    return run(
        common,
        arguments.whole_epochs,
        [VARIANTS[name] for name in dict.fromkeys(arguments.arms)],
        list(dict.fromkeys(arguments.seeds)),
        arguments.data,
        arguments.out,
    )
