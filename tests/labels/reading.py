"""Reads a data set as training does, into plain values that compare well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export.errors import DataSetError
from export.labels import data_sets
from export.labels.preparation import Reading
from export.labels.samples import DetectionData, Sample


def load(path: Path | str, layout: str | None = None, **options: Any) -> DetectionData:
    """Read a folder; a quarter is held out where it states no split."""
    reading = Reading(**{"validation_fraction": 0.25, **options})
    return data_sets.load(Path(path), layout, reading)


def plain(sample: Sample) -> tuple[Any, ...]:
    """Return what is known of an image, without where it lies."""
    return (
        sample.path.name,
        (sample.height, sample.width),
        sample.boxes.tolist(),
        sample.classes.tolist(),
        sample.ignored.tolist(),
    )


def read(path: Path | str, layout: str | None = None, **options: Any) -> dict[str, Any]:
    """Read a folder into plain values."""
    data = load(path, layout, **options)
    return {
        "class_names": data.class_names,
        "problems": [str(problem) for problem in data.problems],
        "notes": list(data.notes),
        **{part: [plain(sample) for sample in samples] for part, samples in data.parts.items()},
    }


def refusal(path: Path | str, layout: str | None = None, **options: Any) -> str:
    """Return why a folder cannot be used."""
    with pytest.raises(DataSetError) as caught:
        load(path, layout, **options)
    return str(caught.value)
