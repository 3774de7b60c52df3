"""What a detector's training starts from: a network that is built, filled and held to the data."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import keras
import numpy as np

from export.detector import anchors, pipeline
from export.detector import model as models
from export.detector.backbones import BACKBONES
from export.detector.head import ANCHORS_PER_SCALE
from export.detector.model import Detector
from export.detector.predictions import Grid
from export.detector.pretrained import build_and_fill
from export.detector.settings import DetectorSettings
from export.labels.samples import DetectionData
from export.training.input_range import check_batch, check_preprocessing
from export.weights import WeightsRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Beginning:
    """What a training starts from.

    Attributes:
        settings: The run's settings.
        data: The data set.
        detector: The network, its backbone frozen.
        weights: What the backbone was filled with.
        anchor_iou: Mean IoU of the training boxes with their best anchor.
    """

    settings: DetectorSettings
    data: DetectionData
    detector: Detector
    weights: WeightsRecord
    anchor_iou: float

    @property
    def is_pretrained(self) -> bool:
        """Whether the backbone knows anything worth keeping."""
        return self.weights.source != "none"


def begin(settings: DetectorSettings, data: DetectionData) -> Beginning:
    """Build the network, fill it, and hold the data and the preprocessing to it.

    Args:
        settings: The run's settings.
        data: The data set.

    Raises:
        ExportError: The weights cannot be had or do not fit, or the input would be wrong.
    """
    keras.utils.set_random_seed(settings.seed)
    spec = BACKBONES[settings.backbone]
    check_preprocessing(spec.preprocess, spec.input_range)
    first = next(iter(pipeline.pixels(data.training[:4], settings.image_size, 4)))
    # A guess about how bright images are proves nothing against code that has been checked.
    check_batch(spec.preprocess(first), spec.input_range, spec.name, refuse_guesses=False)
    grid, anchor_iou = _fit_grid(settings, data, spec.strides)
    backbone, head, weights = build_and_fill(
        spec, settings.image_size, len(data.class_names), settings.weights
    )
    detector = models.assemble(spec, backbone, head, grid, data.class_names)
    return Beginning(settings, data, detector, weights, anchor_iou)


def _fit_grid(
    settings: DetectorSettings, data: DetectionData, strides: tuple[int, ...]
) -> tuple[Grid, float]:
    targets = pipeline.targets_of(data.training, settings.image_size)
    boxes = targets.boxes[targets.classes >= 0]
    sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    shapes, overlap = anchors.fit(sizes, ANCHORS_PER_SCALE * len(strides), settings.seed)
    log.info(
        "anchors (width, height): %s; mean IoU with the training boxes %.3f",
        " ".join(f"{w:.0f},{h:.0f}" for w, h in shapes),
        overlap,
    )
    grid = Grid.from_sorted(
        settings.image_size, strides, shapes.round(2).tolist(), settings.grid_sensitivity
    )
    return grid, overlap
