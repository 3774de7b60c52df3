"""``python -m export lineage``: what is on record, and what a server answers with.

As everywhere in ``export``, standard output carries one JSON object; the tables for people go to
standard error.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from export import outgoing
from export.errors import SettingsError
from export.kinds import KINDS
from export.lineage.address import ENVIRONMENT, NO_STORE, file_url
from export.lineage.importing import put_on_record, read_version
from export.lineage.mlflow_mirror import MlflowMirror
from export.lineage.schema import Experiment, flatten
from export.lineage.store import Store

log = logging.getLogger(__name__)

_LONGEST_CELL = 60
# A run's own name, times and place differ always.
_ALWAYS_DIFFERENT = {
    "model_id",
    "created_at",
    "finished_at",
    "duration_s",
    "published_version",
    "published_path",
    "process",
    "resumed_from",
    "store_identity",
    "copies",
}


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.lineage.arguments`."""
    actions: dict[str, Callable[[argparse.Namespace, Store], dict[str, Any]]] = {
        "list": _list,
        "show": _show,
        "diff": _diff,
        "served": _served,
        "import": _import,
    }
    store = Store.open(_url(arguments), create=arguments.action == "import")
    return actions[arguments.action](arguments, store)


def _url(arguments: argparse.Namespace) -> str:
    # In the order in which a training looks, so that what it wrote is what is read.
    named = os.environ.get(ENVIRONMENT, "")
    url: str = arguments.lineage or ("" if named == NO_STORE else named)
    if not url and arguments.models is not None:
        return file_url(arguments.models)
    if url and arguments.models is not None:
        log.info("the store is $%s, where trainings into %s go", ENVIRONMENT, arguments.models)
    if not url:
        raise SettingsError(
            f"which store? Name the models' directory with --models DIR, or the store with "
            f"--lineage URL or ${ENVIRONMENT}"
        )
    return url


def _list(arguments: argparse.Namespace, store: Store) -> dict[str, Any]:
    experiments = store.experiments(arguments.model, limit=arguments.limit)
    _print_table(
        ("model id", "model", "version", "status", "started", "base", "weights", "accuracy"),
        [
            (
                experiment.model_id[:8],
                experiment.model,
                _text(experiment.published_version),
                experiment.status,
                f"{experiment.created_at:%Y-%m-%d %H:%M:%S} UTC",
                experiment.base_architecture,
                experiment.pretrained_weights,
                _text(experiment.final_accuracy),
            )
            for experiment in experiments
        ],
    )
    unjudged = store.unjudged(experiments)
    if unjudged:
        log.warning(
            "%d run(s) say running, and nothing here can tell whether they are: this is a copy of "
            "their store, or another name of its file: %s",
            len(unjudged),
            ", ".join(model_id[:8] for model_id in unjudged),
        )
    return {
        "store": store.url,
        "experiments": [_summary(item) for item in experiments],
        "unjudged": unjudged,
    }


def _show(arguments: argparse.Namespace, store: Store) -> dict[str, Any]:
    experiment = store.experiment(arguments.model_id)
    _print_columns(experiment)
    return {"store": store.url, "experiment": experiment.to_json()}


def _diff(arguments: argparse.Namespace, store: Store) -> dict[str, Any]:
    first, second = store.experiment(arguments.first), store.experiment(arguments.second)
    differences = compare(first, second)
    _print_table(
        ("", first.model_id[:8], second.model_id[:8]),
        [(name, _text(one), _text(other)) for name, (one, other) in differences.items()],
    )
    return {
        "store": store.url,
        "experiments": [first.model_id, second.model_id],
        "differences": {name: list(values) for name, values in differences.items()},
    }


def compare(first: Experiment, second: Experiment) -> dict[str, tuple[Any, Any]]:
    """Return what went into two runs and what came out, where they differ.

    Names are dotted below the JSON columns. Every epoch's figures are left out: they always
    differ, and ``show`` has them.
    """
    one, other = _leaves(first), _leaves(second)
    return {
        name: (one.get(name), other.get(name))
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    }


def _leaves(experiment: Experiment) -> dict[str, Any]:
    return {
        name: value
        for name, value in _inputs_and_outcome(experiment)
        if name not in _ALWAYS_DIFFERENT
    }


def _inputs_and_outcome(experiment: Experiment) -> Iterator[tuple[str, Any]]:
    """Yield a row's columns, JSON flattened, without each epoch's figures."""
    row = experiment.to_json()
    del row["metrics"]
    # The policy is a column of its own.
    row["settings"] = {name: item for name, item in row["settings"].items() if name != "policy"}
    return flatten(row)


def _served(arguments: argparse.Namespace, store: Store) -> dict[str, Any]:
    from export.lineage import served  # loads TensorFlow

    names = [arguments.model] if arguments.model else list(KINDS)
    found = served.identify(arguments.server, names, store)
    for item in found:
        _print_columns(item.experiment)
        outgoing.say(f"{item.model} version {item.version}: {item.witness}")
    return {
        "ok": all(item.ok for item in found),
        "store": store.url,
        "served": [item.to_json() for item in found],
    }


def _import(arguments: argparse.Namespace, store: Store) -> dict[str, Any]:
    mirror = MlflowMirror.open(arguments.mlflow_uri) if arguments.mlflow_uri else None
    imported = []
    for version_dir in arguments.versions:
        experiment = read_version(version_dir)
        place = str(experiment.published_path)
        done = put_on_record(store, experiment)
        if mirror:
            mirror.log(experiment)
        if done.copy_of:
            log.info("%s is a copy of %s, and noted as such", place, done.copy_of)
        imported.append(
            {
                "model_id": experiment.model_id,
                "path": place,
                "was_on_record": done.was_on_record,
                "copy_of": done.copy_of,
            }
        )
    return {"store": store.url, "imported": imported}


def _summary(experiment: Experiment) -> dict[str, Any]:
    """Return a row without the JSON columns, which ``show`` has."""
    large = {"settings", "metrics", "phase_policy", "library_versions"}
    return {name: value for name, value in experiment.to_json().items() if name not in large}


def _print_columns(experiment: Experiment) -> None:
    columns = [
        (name, _text(value))
        for name, value in _inputs_and_outcome(experiment)
        if value not in ("", None)
    ]
    _print_table(("", ""), columns, longest=None)


def _print_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], longest: int | None = _LONGEST_CELL
) -> None:
    table = [
        [outgoing.printable(outgoing.clean(cell), kept="")[:longest] for cell in row]
        for row in [header, *rows]
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        if line.strip():
            outgoing.say(line.rstrip())


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
