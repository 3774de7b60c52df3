"""Labelled images that can be used, and the data set that they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from export.labels.annotations import Problem

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sample:
    """One image that can be used.

    Attributes:
        path: The image file.
        height: In pixels, as decoded, upright.
        width: In pixels, as decoded, upright.
        boxes: float32 [n, 4], xmin, ymin, xmax, ymax in pixels of the upright image, inside it;
            n is 0 for an image without objects.
        classes: int32 [n], 0-based.
        ignored: bool [n], see :class:`export.labels.annotations.LabelledBox`.
        digest: SHA-256 of the file, in hexadecimal.
    """

    path: Path
    height: int
    width: int
    boxes: Array
    classes: Array
    ignored: Array
    digest: str = ""


@dataclass(frozen=True)
class DetectionData:
    """A data set ready to train on.

    Attributes:
        class_names: In label order.
        training: Samples to train on, with at least one box among them.
        validation: Samples to validate with, with at least one box among them.
        problems: What is not used.
        test: Samples of the data set's own test part, which training leaves alone.
        layout: Name of the layout that the labels are in.
        split: Where the parts come from, in words for people.
        notes: What was understood that nobody wrote down, for people.
        repeats: Images that are the same, or nearly, in two parts; as ``run.json`` holds it.
    """

    class_names: tuple[str, ...]
    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    test: tuple[Sample, ...] = ()
    layout: str = ""
    split: str = ""
    notes: tuple[str, ...] = ()
    repeats: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, tuple[Sample, ...]]:
        """The samples by part."""
        return {"training": self.training, "validation": self.validation, "test": self.test}

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples."""
        return self.training + self.validation + self.test
