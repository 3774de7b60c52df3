"""``python -m export evaluate classifier``: how good is what the exported graph answers?"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from export.errors import SettingsError
from export.evaluation import answers, data_sets, metrics
from export.evaluation.answers import ClassifierSource
from serving_config import contract as contracts


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the command with the arguments of :mod:`export.evaluation.arguments`."""
    if not (arguments.model or arguments.server):
        raise SettingsError("say what to measure: --model PATH, --server HOST:PORT or both")
    with _source(arguments) as source:
        class_names = contracts.load(arguments.model).class_names
        data = data_sets.class_folders(arguments.data, class_names)
        found = source.answer(data.paths)
    labels = np.array([data.label_of[path] for path in found.paths])
    figures = metrics.measure(labels, found.predicted, found.class_names, arguments.seed)
    return {"model": source.name, "version": found.version, **figures.to_json()}


@contextlib.contextmanager
def _source(arguments: argparse.Namespace) -> Iterator[ClassifierSource]:
    if not arguments.server:
        yield answers.from_version(arguments.model)
        return
    contract, version = None, arguments.model_version
    if arguments.model:
        contract = contracts.load(arguments.model)
        if version is None and arguments.model.resolve().name.isdecimal():
            version = int(arguments.model.resolve().name)
    with answers.from_server(arguments.server, arguments.model_name, version, contract) as source:
        yield source
