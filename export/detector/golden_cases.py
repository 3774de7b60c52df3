"""Make a detector's golden vectors from held-out images and the live Keras model.

Suppression keeps the best of overlapping candidates and drops the rest. Where two candidates of one
object tie, or two boxes overlap by just the threshold, rounding decides which box is answered, and
two correct runtimes may answer different ones. An image whose answer is such a tie says
nothing about a runtime, so others are taken where there are any. What else rounding decides (order,
and what stands at a cut) the comparison allows for.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from export import golden_images
from export.detector import serving
from export.detector.letterbox import letterbox
from export.detector.model import Detector
from export.detector.suppression import Suppression, suppress
from export.images import decode
from serving_config.tensor_names import (
    DETECTION_BOXES,
    DETECTION_CLASSES,
    DETECTION_SCORES,
    IMAGE_BYTES,
    INPUT_TENSOR,
    NUM_DETECTIONS,
    SERVING_BYTES,
    SERVING_DEFAULT,
)
from signature_contract.contract import Contract
from signature_contract.golden import GoldenCase

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_USED = 5
_LYING = (6, 3)  # orientations of golden files, in both byte orders
_BATCH_SIZE_PIXELS, _SMALL_PIXELS = (240, 320), (75, 125)
_DISTURBED = 8
_SEED = 0


def make(
    images: Sequence[Array], detector: Detector, limits: Suppression, contract: Contract
) -> list[GoldenCase]:
    """Run the live model on a handful of requests.

    Args:
        images: What requests are made of, uint8 [height, width, 3], RGB; at least one.
        detector: The live model.
        limits: Thresholds and the number of detections.
        contract: The version's contract, for its tolerances.

    Returns:
        Cases of ``serving_default`` and ``serving_bytes``; the first of each is one photograph.
        A case holds one image or several, wider than high and higher than wide, one pixel (where
        its answer is no tie), JPEG and PNG, files of different sizes in one batch.
    """
    graph = serving.live(detector, limits)
    default = tf.function(graph.serving_default, reduce_retracing=True)
    encoded = tf.function(graph.serving_bytes, reduce_retracing=True)

    def by_pixels(name: str, pixels: Array) -> GoldenCase:
        outputs = {key: value.numpy() for key, value in default(tf.constant(pixels)).items()}
        return GoldenCase(SERVING_DEFAULT, name, {INPUT_TENSOR: pixels}, outputs)

    def by_files(name: str, files: Sequence[bytes]) -> GoldenCase:
        outputs = {key: value.numpy() for key, value in encoded(tf.constant(files)).items()}
        value = np.array(files, dtype=object)
        return GoldenCase(SERVING_BYTES, name, {IMAGE_BYTES: value}, outputs)

    disturbance = _Disturbance(detector, limits, contract)
    chosen = _choose(images, disturbance)
    first = chosen[0]
    single = _single_pixel(images, disturbance)
    small = golden_images.jpeg(golden_images.resized(first, _SMALL_PIXELS))
    files = [golden_images.jpeg(image) for image in chosen]
    batch = np.stack([golden_images.resized(p, _BATCH_SIZE_PIXELS) for p in chosen])
    return [
        by_pixels("one", first[None]),
        by_pixels("batch", batch),
        by_pixels("upright", np.rot90(first).copy()[None]),
        *([] if single is None else [by_pixels("single_pixel", single[None])]),
        by_files("one", files[:1]),
        by_files("png", [golden_images.png(first)]),
        by_files("batch_of_sizes", [*files, small]),
        by_files("lying", [golden_images.lying_jpeg(first, turn) for turn in _LYING]),
    ]


def _choose(images: Sequence[Array], disturbance: _Disturbance) -> list[Array]:
    """Take images whose answers do not depend on a tie; whatever there is where none is left."""
    chosen: list[Array] = []
    # A small validation set is gone through again, a quarter turned each time.
    for turn, image in itertools.product(range(4), images):
        turned = np.rot90(image, turn).copy()
        if all(disturbance.leaves(variant) for variant in _variants(turned)):
            chosen.append(turned)
        if len(chosen) == _USED:
            return chosen
    if not chosen:
        log.warning(
            "every image has boxes whose suppression is a tie: runtimes may answer them differently"
        )
    else:
        log.info(
            "golden requests are made of %d image(s) without a tie in suppression", len(chosen)
        )
    return chosen or list(images[:_USED])


def _single_pixel(images: Sequence[Array], disturbance: _Disturbance) -> Array | None:
    """Take a pixel whose answer does not depend on a tie; None where every one's does.

    It fills the whole square, and cells that see the same answer alike: a network that finds
    something in plain colour finds it in many places, with one score.
    """
    for image in images:
        for row, column in itertools.product((0, image.shape[0] // 2), (0, image.shape[1] // 2)):
            pixel = image[row : row + 1, column : column + 1]
            if disturbance.leaves(pixel):
                return pixel
    log.info("no golden request is a single pixel: every one's answer is a tie in suppression")
    return None


def _variants(image: Array) -> Iterator[Array]:
    """Yield what the requests show of an image, as it is decoded."""
    yield image
    yield golden_images.resized(image, _BATCH_SIZE_PIXELS)
    yield np.rot90(image).copy()
    for shown in (image, golden_images.resized(image, _SMALL_PIXELS)):
        yield decode(tf.constant(golden_images.jpeg(shown))).numpy()
    for turn in _LYING:
        yield decode(tf.constant(golden_images.lying_jpeg(image, turn))).numpy()


@dataclass(frozen=True)
class _Disturbance:
    """Moves an image's candidates by half the tolerance, and suppresses them again."""

    detector: Detector
    limits: Suppression
    contract: Contract

    def leaves(self, image: Array) -> bool:
        """Tell whether the answer stays the same by the rule of comparison."""
        side = self.detector.grid.image_size
        found = self.detector.candidates(letterbox(tf.constant(image[None]), side))
        boxes, scores = found["boxes"].numpy(), found["scores"].numpy()
        specs = self.contract.signature(SERVING_DEFAULT).outputs
        box_noise = specs[DETECTION_BOXES].tolerance.absolute / 2 * side
        score_noise = specs[DETECTION_SCORES].tolerance.absolute / 2
        random = np.random.default_rng(_SEED)
        still = self._case(boxes, scores)
        for _ in range(_DISTURBED):
            # A sigmoid passes on most of what moves its logit in the middle, nothing at its ends.
            share = 4 * scores * (1 - scores)
            moved_boxes = boxes + box_noise * random.uniform(-1, 1, boxes.shape)
            moved_scores = scores + score_noise * share * random.uniform(-1, 1, scores.shape)
            moved = self._case(moved_boxes.astype(np.float32), moved_scores.astype(np.float32))
            if not still.compare(moved.outputs, self.contract).ok:
                return False
        return True

    def _case(self, boxes: Array, scores: Array) -> GoldenCase:
        kept, kept_scores, classes, count = suppress(
            tf.constant(boxes), tf.constant(np.clip(scores, 0, 1)), self.limits
        )
        real = np.arange(kept_scores.shape[1]) < count.numpy()[:, None]
        outputs = {
            DETECTION_BOXES: kept.numpy() / self.detector.grid.image_size,
            DETECTION_SCORES: kept_scores.numpy(),
            DETECTION_CLASSES: np.where(real, classes.numpy() + 1, 0).astype(np.float32),
            NUM_DETECTIONS: count.numpy().astype(np.float32),
        }
        return GoldenCase(SERVING_DEFAULT, "disturbed", {}, outputs)
