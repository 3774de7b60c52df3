"""Which photographs the report asks about, and what the exported graph answers.

Every prediction of the report comes from ``serving_bytes`` of the very SavedModel that is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import DataSetError
from export.evaluation import answers
from export.report.contact_sheet import Shown
from export.report.record import RunRecord
from export.report.style import picture_names
from export.training import provenance
from signature_contract.contract import Contract

Array = np.ndarray[Any, Any]


class NothingToAskError(DataSetError):
    """There are no photographs to ask about; the message is for the page."""


@dataclass(frozen=True)
class Photograph:
    """A photograph with a known class.

    Attributes:
        path: The file.
        name: Its path within the data set, for people.
        label: Its class, a column of the answers.
    """

    path: Path
    name: str
    label: int


@dataclass(frozen=True)
class HeldOut:
    """Photographs and what a version answered about them.

    Attributes:
        photographs: In the answers' order.
        class_names: In column order.
        probabilities: float32 [n, C].
        notes: What was left out or does not fit, for the page.
        origin: Which photographs they are, for the page.
    """

    photographs: tuple[Photograph, ...]
    class_names: tuple[str, ...]
    probabilities: Array
    notes: tuple[str, ...]
    origin: str

    @property
    def truth(self) -> Array:
        """Label of each photograph, int64 [n]."""
        return np.array([photograph.label for photograph in self.photographs], np.int64)

    @property
    def predicted(self) -> Array:
        """The likeliest class of each, int64 [n]."""
        labels: Array = self.probabilities.argmax(axis=1)
        return labels

    @property
    def confidence(self) -> Array:
        """Probability of that class, float64 [n]."""
        highest: Array = self.probabilities.max(axis=1).astype(np.float64)
        return highest

    def shown(self, position: int) -> Shown:
        """Return one photograph for a contact sheet."""
        names = picture_names(self.class_names)
        photograph = self.photographs[position]
        row = self.probabilities[position]
        label = int(row.argmax())
        return Shown(
            photograph.path,
            names[photograph.label],
            names[label],
            float(row[label]),
            float(row[photograph.label]),
        )

    def sample(self, count: int, seed: int) -> list[int]:
        """Choose photographs at random, each class in turn, so that none is left out.

        Args:
            count: How many, if there are as many.
            seed: The same seed chooses the same.

        Returns:
            Their positions, class by class.
        """
        random = np.random.default_rng(seed)
        turns: list[tuple[int, int, int]] = []
        for label in range(len(self.class_names)):
            mine = random.permutation(np.flatnonzero(self.truth == label))
            turns += [(turn, label, int(position)) for turn, position in enumerate(mine)]
        chosen = sorted(turns)[:count]
        return [position for _, _, position in sorted(chosen, key=lambda item: item[1:])]

    def worst(self, count: int) -> list[int]:
        """Return the misclassified photographs with the largest confidence gap, largest first."""
        rows = np.arange(len(self.photographs))
        gap = self.confidence - self.probabilities[rows, self.truth]
        wrong = np.flatnonzero(self.predicted != self.truth)
        return [int(position) for position in wrong[np.argsort(-gap[wrong], kind="stable")][:count]]


def ask(version: Path, contract: Contract, record: RunRecord, data_dir: Path | None) -> HeldOut:
    """Ask a version about the photographs that were held out of its training.

    Args:
        version: A published classifier's directory.
        contract: Its contract: the class names.
        record: Of its run.
        data_dir: Where the data set is now; None for where it was then.

    Returns:
        The photographs and the answers.

    Raises:
        NothingToAskError: The data set is not there any more, or has no photograph of the classes.
        ExportError: The version cannot be loaded or answers nothing.
    """
    directory = data_dir or record.data_dir
    photographs, origin, notes = _photographs(directory, record, contract.class_names)
    source = answers.from_version(version)
    answer = source.answer([photograph.path for photograph in photographs])
    notes += [f"The graph refused {r.path.name}: {r.reason}." for r in answer.refused[:5]]
    if len(answer.refused) > 5:
        notes.append(f"It refused {len(answer.refused) - 5} more.")
    by_path = {photograph.path: photograph for photograph in photographs}
    return HeldOut(
        tuple(by_path[path] for path in answer.paths),
        answer.class_names,
        answer.probabilities,
        tuple(notes),
        origin,
    )


def _photographs(
    directory: Path | None, record: RunRecord, class_names: Sequence[str]
) -> tuple[list[Photograph], str, list[str]]:
    if directory is None or not directory.is_dir():
        where = "not recorded" if directory is None else f"no longer at {directory}"
        raise NothingToAskError(
            f"The data set is {where}, so there is no photograph to ask about; name its place with "
            "--data."
        )
    notes = []
    if record.validation:
        paths = [directory / name for name in record.validation]
        there = [path for path in paths if path.is_file()]
        origin = f"the {len(there)} photographs held out of training"
        if gone := len(paths) - len(there):
            notes.append(f"{gone} of {len(paths)} held-out photographs are no longer there.")
    else:
        there = sorted(p for p in directory.glob("*/*") if p.is_file() and p.name[0] != ".")
        origin = f"all {len(there)} photographs of the data set"
        notes.append(
            "The record does not say which photographs were held out, so these include those that "
            "the version was trained on: read every figure as too good."
        )
    if note := _changed(directory, record):
        notes.append(note)
    labels = {name: label for label, name in enumerate(class_names)}
    known = [
        Photograph(path, f"{path.parent.name}/{path.name}", labels[path.parent.name])
        for path in there
        if path.parent.name in labels
    ]
    if len(known) < len(there):
        notes.append(f"{len(there) - len(known)} photographs are of no class of this version.")
    if not known:
        raise NothingToAskError(
            f"{directory} has no photograph of {', '.join(class_names)} in a folder of that name."
        )
    return known, origin, notes


def _changed(directory: Path, record: RunRecord) -> str:
    """Say so when the data set is not the one that the run used."""
    if not record.fingerprint:
        return ""
    files = [directory / name for name in (*record.training, *record.validation)]
    if not all(path.is_file() for path in files):
        return "The data set is not the one that the run used: files are gone."
    if provenance.fingerprint(directory, files) != record.fingerprint:
        return "The data set is not the one that the run used: its fingerprint differs."
    return ""
