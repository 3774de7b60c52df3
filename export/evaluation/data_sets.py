"""Which photographs are measured, and what each of them is.

A folder of class folders, or the validation split that a version's ``run.json`` recorded. No
TensorFlow here: files are listed, and hashed where a record says what they were.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from export import class_folders as listing
from export.errors import DataSetError
from export.file_names import below, escaped
from export.training import provenance
from signature_contract.version_files import RUN_FILE, extra

log = logging.getLogger(__name__)

_SHOWN = 5  # names in a message; the count says how many there are


@dataclass(frozen=True)
class LabelledPhotographs:
    """Photographs and what they show.

    Attributes:
        class_names: In the model's label order.
        label_of: Position in ``class_names`` by file.
    """

    class_names: tuple[str, ...]
    label_of: dict[Path, int]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in the order they are asked about."""
        return tuple(self.label_of)


@dataclass(frozen=True)
class TrainingData:
    """The photographs a version was trained on and validated with, as ``run.json`` names them.

    Attributes:
        directory: The data set's folder, where it is now.
        fingerprint: SHA-256 over all files, see :func:`export.training.provenance.fingerprint`.
        training: Trained on.
        validation: Held out.
    """

    directory: Path
    fingerprint: str
    training: LabelledPhotographs
    validation: LabelledPhotographs


def class_folders(
    directory: Path, class_names: Sequence[str], *, every_class: bool = True
) -> LabelledPhotographs:
    """List ``DIR/<class>/…/<photograph>``.

    Args:
        directory: The folder of class folders; or of ``train/`` and others beside it, of which
            ``test/`` is taken, or else the validation part.
        class_names: The model's, in label order.
        every_class: Whether each class must have a folder with something in it.

    Returns:
        All files that look like photographs: what only looks like one is the model's to refuse.

    Raises:
        DataSetError: No such folder, its folders are not the model's classes, or one is empty.
    """
    if not directory.is_dir():
        raise DataSetError(
            f"no data set at {escaped(directory)}: expected a folder of class folders"
        )
    if sides := listing.split_folders(directory):
        directory = sides.get("test") or sides["validation"]
        log.info("measured on %s", escaped(directory))
    found = {escaped(folder.name): folder for folder in listing.folders(directory)}
    problems = [
        f"{what}: {', '.join(sorted(names))}"
        for what, names in (
            ("folders that are none of its classes", found.keys() - set(class_names)),
            ("classes without a folder", set(class_names) - found.keys() if every_class else ()),
        )
        if names
    ]
    if problems:
        raise DataSetError(
            f"the class folders of {escaped(directory)} must be the model's classes "
            f"({', '.join(class_names)}); {'; '.join(problems)}"
        )
    label_of = {
        path: label
        for label, name in enumerate(class_names)
        if name in found
        for path in photographs(found[name])
    }
    empty = [name for label, name in enumerate(class_names) if label not in label_of.values()]
    if empty and every_class:
        raise DataSetError(
            f"no photograph in the class folders {', '.join(empty)} of {escaped(directory)}"
        )
    return LabelledPhotographs(tuple(class_names), label_of)


def photographs(folder: Path) -> list[Path]:
    """Return the files below ``folder`` that are photographs or look like some, sorted."""
    found, skipped = listing.photographs_below(folder)
    return sorted([*found, *(one.path for one in skipped)])


def training_data(version: Path, directory: Path | None = None) -> TrainingData:
    """Find the photographs a published version was made from.

    Args:
        version: ``MODELS/classifier/<version>``, with ``assets.extra/run.json``.
        directory: Where the data set is now; by default where it was.

    Raises:
        DataSetError: There is no record, files are missing (they are named), or they are no longer
            what was trained on.
    """
    record = _read(extra(version, RUN_FILE))
    data, class_names = record["data"], tuple(record["classes"])
    home = directory or Path(data["directory"])
    if not home.is_dir():
        raise DataSetError(
            f"the data set of {version} was at {home} and is not there; name its present place"
        )
    named = [*data["training"], *data["validation"]]
    if missing := [name for name in named if not below(home, name).is_file()]:
        raise DataSetError(
            f"{home} lacks {len(missing)} of the {len(named)} photographs that {version} was made "
            f"from: {', '.join(missing[:_SHOWN])}{', …' if len(missing) > _SHOWN else ''}"
        )
    found = provenance.fingerprint(home, [below(home, name) for name in named])
    if found != data["fingerprint"]:
        raise DataSetError(
            f"the photographs in {home} have the names but not the content that {version} was "
            f"made from: expected fingerprint {data['fingerprint'][:12]}…, found {found[:12]}…"
        )
    labels = {name: label for label, name in enumerate(class_names)}

    def part(name: str) -> LabelledPhotographs:
        # Records from before there were folders for each part have no roots.
        root = data.get("roots", {}).get(name, ".")
        label_of = {
            below(home, file): labels[PurePosixPath(file).relative_to(root).parts[0]]
            for file in data[name]
        }
        return LabelledPhotographs(class_names, label_of)

    return TrainingData(home, found, part("training"), part("validation"))


def _read(run_file: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(run_file.read_text(encoding="utf-8"))
    except OSError as err:
        raise DataSetError(
            f"no record of the training at {run_file}: {err.strerror}; "
            "only a version made by python -m export classifier has one"
        ) from err
    except json.JSONDecodeError as err:
        raise DataSetError(f"{run_file} is no JSON: {err}") from err
    if not {"data", "classes"} <= record.keys():
        raise DataSetError(
            f"{run_file} does not say which photographs were trained on (an older export wrote "
            f"it); it has {', '.join(sorted(record))}. Train again, or measure with --mode holdout"
        )
    return record
