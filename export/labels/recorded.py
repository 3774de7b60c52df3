"""Which images a version was trained on, and which may measure it.

A version's ``run.json`` lists both parts of its training, by name and by content. What it was
trained on measures nothing but its memory, so it is left out unless somebody asks for it by name.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.errors import DataSetError
from export.file_names import escaped
from export.labels.samples import DetectionData, Sample
from export.training import provenance
from signature_contract.version_files import RUN_FILE, extra

log = logging.getLogger(__name__)

_DIGITS = 16  # of SHA-256: enough to know a file by
_NAMED = 3
# Labels stand in files of their own, and other labels are another data set.
_LABELS = ("xml", "json", "txt", "csv", "tsv", "yaml", "yml", "names")


@dataclass(frozen=True)
class RecordedSplit:
    """What a version's record says of its data.

    Attributes:
        directory: Where the data set was.
        training: Names below it of what was trained on.
        validation: Names below it of what was held out.
        training_contents: Beginnings of SHA-256 of what was trained on; empty in older records.
        validation_contents: The same of what was held out.
    """

    directory: Path
    training: frozenset[str]
    validation: frozenset[str]
    training_contents: frozenset[str]
    validation_contents: frozenset[str]

    def trained_on(self, sample: Sample, data_dir: Path) -> bool:
        """Tell whether an image, wherever it lies now, was trained on."""
        return self._among(self.training, self.training_contents, sample, data_dir)

    def held_out(self, sample: Sample, data_dir: Path) -> bool:
        """Tell whether an image, wherever it lies now, was held out."""
        return self._among(self.validation, self.validation_contents, sample, data_dir)

    def _among(
        self, names: frozenset[str], contents: frozenset[str], sample: Sample, data_dir: Path
    ) -> bool:
        if contents:
            return sample.digest[:_DIGITS] in contents
        return escaped(sample.path.relative_to(data_dir)) in names


def data_record(data_dir: Path, data: DetectionData) -> dict[str, Any]:
    """Describe the data set as ``run.json`` holds it."""
    labels = [path for end in _LABELS for path in data_dir.rglob(f"*.{end}")]
    known = {sample.path: sample.digest for sample in data.samples}
    return {
        **provenance.data_record(
            data_dir,
            [sample.path for sample in data.training],
            [sample.path for sample in data.validation],
            labels,
            known | provenance.digests(labels),
        ),
        "contents": {
            "training": _contents(data.training),
            "validation": _contents(data.validation),
        },
        "layout": data.layout,
        "split": data.split,
        "duplicates": dict(data.repeats),
    }


def _contents(samples: Iterable[Sample]) -> list[str]:
    """Return what a record keeps of images to know them by: beginnings of their SHA-256."""
    return [sample.digest[:_DIGITS] for sample in samples]


def read(version: Path) -> RecordedSplit | None:
    """Read a version's record.

    Args:
        version: ``MODELS/detector/<version>``.

    Returns:
        What it says; None where there is no record, or it lists no images.

    Raises:
        DataSetError: The record is damaged.
    """
    path = extra(version, RUN_FILE)
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        data = record["data"]
        known = data.get("contents", {})
        return RecordedSplit(
            Path(data["directory"]),
            frozenset(data["training"]),
            frozenset(data["validation"]),
            frozenset(known.get("training", ())),
            frozenset(known.get("validation", ())),
        )
    except (FileNotFoundError, KeyError):
        return None
    except (OSError, ValueError, TypeError, AttributeError) as err:
        raise DataSetError(f"{path} cannot be read: {err}") from err


def choose(
    data: DetectionData, data_dir: Path, recorded: RecordedSplit | None, part: str | None
) -> tuple[str, tuple[Sample, ...]]:
    """Choose what to measure a version on.

    Args:
        data: The data set, read.
        data_dir: Its folder.
        recorded: What the version was made from; None where nothing says so.
        part: One of :data:`export.labels.arguments.PARTS`. None: what the run held out, where the
            folder has it; in another folder its test part, or else all of it.

    Returns:
        Which of them it is, and its images.

    Raises:
        DataSetError: There is no such part, or images that were trained on are in it.
    """
    if recorded is None:
        log.warning("nothing says what this version was trained on, so nothing is left out")
        return _stated(data, part or "validation")
    held_out = tuple(s for s in data.samples if recorded.held_out(s, data_dir))
    if part == "training":
        chosen = tuple(s for s in data.samples if recorded.trained_on(s, data_dir))
        return part, _some(chosen, "it was trained on")
    if held_out and part in (None, "validation"):
        return "validation", held_out
    if part == "validation":
        _some((), "its run held out")
    name, samples = _stated(data, part or ("test" if data.test else "all"))
    if trained := [s for s in samples if recorded.trained_on(s, data_dir)]:
        names = sorted(escaped(sample.path.name) for sample in trained)
        shown = ", ".join(names[:_NAMED])
        more = ", …" if len(trained) > _NAMED else ""
        raise DataSetError(
            f"{len(trained)} of {len(samples)} images were trained on by this version ({shown}"
            f"{more}), so they would flatter it; measure what was "
            "held out (--part validation), or what was trained on by itself (--part training)"
        )
    return name, samples


def _stated(data: DetectionData, part: str) -> tuple[str, tuple[Sample, ...]]:
    if part == "all":
        return part, data.samples
    samples = data.parts[part]
    if not samples:
        there = ", ".join(f"{name} {len(images)}" for name, images in data.parts.items() if images)
        raise DataSetError(f"the data set has no {part} part; it has {there}")
    return part, samples


def _some(samples: Sequence[Sample], which: str) -> tuple[Sample, ...]:
    if not samples:
        raise DataSetError(
            f"the folder has none of the images that {which}; name the data set that the version "
            "was trained on, or measure all of this one with --part all"
        )
    return tuple(samples)
