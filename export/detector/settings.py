"""Every setting of a detector's training and export, checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from export.detector.backbones import BACKBONES
from export.errors import SettingsError
from export.labels.arguments import ON_BAD_INPUT

MIRRORS = {
    "none": "left and right matter (digits, letters, arrows)",
    "horizontal": "left and right do not matter",
    "both": "neither does which side is up (cells, views from above)",
}
"""Which mirror images of a training image show the same things."""

KEEP = ("best", "final")
"""Which weights of a phase are kept: those of the best validation mAP, or the last."""

SHOWN_SCORE = 0.5
"""Detections below it are not drawn for people, unless they ask for it."""


@dataclass(frozen=True)
class LossSettings:
    """Weights and thresholds of the loss.

    Attributes:
        ignore_iou: A cell whose prediction overlaps a true box by more than this is not told that
            there is nothing (YOLOv3 uses 0.5).
        assign_iou: Besides the anchor that fits a true box best, each anchor whose shape overlaps
            it by more than this is responsible for it (YOLOv4's ``iou_thresh`` 0.213 in its small
            networks). 1 leaves only the best.
        box_weight: Weight of the box term. Small objects need it: at 2, blood platelets (26 pixels)
            were found (AP 0.82 at IoU 0.2) and badly placed (0.66 at 0.5); at 6 it was 0.72.
        objectness_weight: Weight of the objectness term.
        class_weight: Weight of the class term.
        neighbour_cells: Besides the cell of a true box's centre, the nearest one beside it and the
            nearest one above or below it answer for it too (YOLOv5).
        iou_objectness: Share of a prediction's IoU with its true box in what its objectness is
            taught, the rest being 1 (YOLOv5's ``gr``, which takes CIoU for it). Scores then tell
            how well boxes lie, and all are lower: a threshold means something else.
        label_smoothing: Classes are taught 1 - half of this, and half of this (YOLOv4's, for one
            sigmoid a class).
    """

    ignore_iou: float = 0.5
    assign_iou: float = 0.3
    box_weight: float = 6.0
    objectness_weight: float = 1.0
    class_weight: float = 1.0
    neighbour_cells: bool = False
    iou_objectness: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("ignore_iou", "assign_iou"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingsError(f"{name} must be in (0, 1], received {getattr(self, name)}")
        for name in ("box_weight", "objectness_weight", "class_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingsError(
                    f"{name} must be a number from 0, received {getattr(self, name)}"
                )
        if not 0 <= self.iou_objectness <= 1:
            raise SettingsError(f"iou_objectness is a share, 0 to 1; got {self.iou_objectness}")
        if not 0 <= self.label_smoothing < 1:
            raise SettingsError(
                f"label_smoothing must be from 0 to below 1, received {self.label_smoothing}"
            )


@dataclass(frozen=True)
class Changes:
    """How a training image may be changed at random, besides its colours and its place.

    Attributes:
        mirror: A key of :data:`MIRRORS`.
        max_scale: It is scaled by a factor between the reciprocal of this and this, halving as
            likely as doubling; 1 leaves sizes as they are.
        mosaic: Share of the images of which four are put together, each at its own size (YOLOv4's,
            without its scaling, which ``max_scale`` does).
    """

    mirror: str = "horizontal"
    max_scale: float = 1.6
    mosaic: float = 0.0


@dataclass(frozen=True)
class DetectorSettings:
    """How one detector is trained and exported.

    Attributes:
        backbone: A name in :data:`export.detector.backbones.BACKBONES`.
        image_size: Side of the square network input in pixels, a multiple of 32.
        weights: ``auto``, ``none`` or a path. ``none`` trains the whole network from the start.
        epochs: Most epochs of phase 1 (neck and head), at least 1.
        fine_tune_epochs: Most epochs of phase 2 (the top of the backbone too); 0 leaves it out.
        minutes: Most minutes of phase 1, counted with its feature computation; 0 is no limit.
        fine_tune_minutes: Most minutes of phase 2; 0 is no limit.
        batch_size: Images a step.
        learning_rate: Adam's highest in phase 1; it falls to a hundredth along a cosine. This and
            ``backbone`` are what won on both data sets of docs/detector.md ("The recipe"); from
            random weights a third of it was better ("What transfer buys").
        fine_tune_learning_rate: Of neck and head in phase 2. The top of the backbone trains at
            ``learning_rate / 100``, so that pretrained features are adjusted and not overwritten.
        keep: ``best``: the weights of the epoch with the highest validation mAP. ``final``: those
            of the last epoch; the validation images are then looked at once a phase, at its end,
            so that the mAP on them is one of images not used for model selection.
        patience: Epochs without a higher validation mAP before a phase ends (``keep`` best).
        views: Versions of each training image whose features phase 1 computes once: the image, its
            mirror images (1 or 3, as ``mirror`` allows), then random ones. 0 computes nothing once:
            each epoch then runs the whole network on freshly augmented images.
        mirror: See :class:`Changes`, as for ``max_scale``.
        max_scale: Near 1 where objects have one size, as under a microscope.
        mosaic: See :class:`Changes`; not among the ``views``, which are of one image each.
        augment: Change the images of phase 2 (and of phase 1 with ``views`` 0) at random.
        validation_fraction: Share to hold out when the data set states no split.
        on_bad_input: ``skip`` or ``refuse``.
        max_detections: Most detections an image, the contract's N.
        score_threshold: Detections below it are not answered. Low, so that a caller can choose;
            mAP is measured with it.
        iou_threshold: Of non-maximum suppression.
        grid_sensitivity: How far a centre may leave its cell: 1 stays within it and reaches its
            borders only for an infinite output; 2 leaves it by half a cell each way (Darknet's
            ``scale_x_y``, YOLOv4 section 3.4).
        ema: Decay a step of an exponential moving average of the weights, which is then measured
            and kept in their place; 0 for none.
        seed: Of the split, the anchors, the initial head, the order and the augmentation.
        loss: Weights and thresholds of the loss.
    """

    backbone: str = "yolov3_tiny_3l"
    image_size: int = 416
    weights: str = "auto"
    epochs: int = 10
    fine_tune_epochs: int = 15
    minutes: float = 0.0
    fine_tune_minutes: float = 0.0
    batch_size: int = 4
    learning_rate: float = 1e-2
    fine_tune_learning_rate: float = 3e-3
    keep: str = "best"
    patience: int = 5
    views: int = 4
    mirror: str = Changes.mirror
    max_scale: float = Changes.max_scale
    mosaic: float = Changes.mosaic
    augment: bool = True
    validation_fraction: float = 0.2
    on_bad_input: str = "skip"
    max_detections: int = 100
    score_threshold: float = 0.01
    iou_threshold: float = 0.5
    grid_sensitivity: float = 1.0
    ema: float = 0.0
    seed: int = 0
    loss: LossSettings = field(default_factory=LossSettings)

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            SettingsError: With the setting, what was received and what is possible.
        """
        if self.backbone not in BACKBONES:
            known = ", ".join(BACKBONES)
            raise SettingsError(f"backbone must be one of {known}, received {self.backbone!r}")
        if self.image_size < 64 or self.image_size % 32:
            raise SettingsError(
                "image_size must be a multiple of 32 (the coarsest cell) and at least 64, "
                f"received {self.image_size}"
            )
        for name, choices in (
            ("on_bad_input", ON_BAD_INPUT),
            ("keep", KEEP),
            ("mirror", tuple(MIRRORS)),
        ):
            if (value := getattr(self, name)) not in choices:
                raise SettingsError(f"{name} must be {' or '.join(choices)}, received {value!r}")
        for name, low, high in (
            ("epochs", 1, 10_000),
            ("fine_tune_epochs", 0, 10_000),
            ("batch_size", 1, 1024),
            ("patience", 1, 10_000),
            ("views", 0, 64),
            ("max_detections", 1, 10_000),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"{name} must be from {low} to {high}, received {value}")
        if not 1 <= self.max_scale <= 10:
            raise SettingsError(f"max_scale must be from 1 to 10, received {self.max_scale}")
        for name in ("validation_fraction", "score_threshold", "iou_threshold"):
            if not 0 < getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} must lie between 0 and 1, received {getattr(self, name)}"
                )
        for name in ("minutes", "fine_tune_minutes"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} must not be negative, received {getattr(self, name)}")
        for name in ("learning_rate", "fine_tune_learning_rate"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingsError(f"{name} must be above 0, received {getattr(self, name)}")
        self._check_recipe()

    def _check_recipe(self) -> None:
        if not 1 <= self.grid_sensitivity <= 2:
            raise SettingsError(
                f"grid_sensitivity must be from 1 to 2, received {self.grid_sensitivity}"
            )
        if self.loss.neighbour_cells and self.grid_sensitivity < 2:
            raise SettingsError(
                "neighbour_cells needs grid_sensitivity 2: with "
                f"{self.grid_sensitivity} no cell reaches the centres of those beside it"
            )
        if not 0 <= self.mosaic <= 1:
            raise SettingsError(f"mosaic is a share of the images, 0 to 1; got {self.mosaic}")
        if self.mosaic and not self.augment:
            raise SettingsError("mosaic changes images at random, which augment false forbids")
        if self.mosaic and self.views and not self.fine_tune_epochs and self.weights != "none":
            raise SettingsError(
                "mosaic puts together the images of phase 2, and fine_tune_epochs is 0; views 0 "
                "lets phase 1 see images too"
            )
        if not 0 <= self.ema < 1:
            raise SettingsError(f"ema must be from 0 to below 1, received {self.ema}")

    @property
    def changes(self) -> Changes:
        """What may be changed about a training image."""
        return Changes(self.mirror, self.max_scale, self.mosaic)

    @property
    def backbone_learning_rate(self) -> float:
        """Adam's highest rate for the backbone's top in phase 2."""
        return self.learning_rate / 100

    def to_json(self) -> dict[str, Any]:
        """Return the settings as they are saved with the run."""
        return asdict(self)
