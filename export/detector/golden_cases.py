"""Make a detector's golden vectors from photographs and the live Keras model.

The order of detections is decided by comparing scores, and what is answered by comparing them with
a threshold. Where two numbers that are compared lie closer than float32 rounding, two correct
runtimes may answer differently. Requests are therefore chosen for the distance between what is
compared, so that a difference in the answer is a difference in the model.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export import golden_pictures
from export.detector.serving import ServingGraph
from export.errors import PublishError
from serving_config.golden import GoldenCase

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_USED = 5
_BATCH_SIZE_PIXELS = (240, 320)
# What rounding may do to a score: its logits move by some 1e-6 between runtimes, the sigmoid
# passes on a share that falls with the score.
_ABSOLUTE_NOISE, _RELATIVE_NOISE = 1e-6, 1e-5


def make(photographs: Sequence[Path], graph: ServingGraph) -> list[GoldenCase]:
    """Run the live model on a handful of requests.

    Args:
        photographs: Files to take requests from, at least one.
        graph: The signatures over the live model.

    Returns:
        Cases of ``serving_default`` and ``serving_bytes``; the first of each is one photograph.
        A case holds one image or several, wider than high and higher than wide, JPEG and PNG,
        files of different sizes in one batch.
    """
    default = tf.function(graph.serving_default, reduce_retracing=True)
    encoded = tf.function(graph.serving_bytes, reduce_retracing=True)

    def answer(function: Any, value: Any) -> dict[str, Array]:
        return {name: np.asarray(v) for name, v in function(tf.constant(value)).items()}

    def by_pixels(name: str, pixels: Array) -> GoldenCase:
        return GoldenCase(
            "serving_default", name, {"input_tensor": pixels}, answer(default, pixels)
        )

    def by_files(name: str, files: Sequence[bytes]) -> GoldenCase:
        value = np.array(files, dtype=object)
        return GoldenCase("serving_bytes", name, {"image_bytes": value}, answer(encoded, files))

    def is_stable(picture: Array) -> bool:
        same_size = golden_pictures.resized(picture, _BATCH_SIZE_PIXELS)
        return all(stable(answer(default, p[None])) for p in (picture, same_size)) and stable(
            answer(encoded, [golden_pictures.jpeg(picture)])
        )

    pictures: list[Array] = []
    # A small validation set is gone through again, a quarter turned each time.
    for turn, path in itertools.product(range(4), photographs):
        picture = np.rot90(golden_pictures.load(path), turn).copy()
        if is_stable(picture):
            pictures.append(picture)
        if len(pictures) == _USED:
            break
    if not pictures:
        raise PublishError(
            f"none of {len(photographs)} validation images has detections whose scores lie "
            "further apart than rounding can move them, so no runtime could be compared with "
            "another; train longer, validate with more images, or raise --score-threshold"
        )
    png = golden_pictures.png(pictures[0])
    files = [golden_pictures.jpeg(picture) for picture in pictures]
    cases = [
        by_pixels("one", pictures[0][None]),
        by_pixels(
            "batch", np.stack([golden_pictures.resized(p, _BATCH_SIZE_PIXELS) for p in pictures])
        ),
        by_pixels("upright", np.rot90(pictures[0]).copy()[None]),
        by_pixels("single_pixel", pictures[0][:1, :1][None]),
        by_files("one", files[:1]),
        by_files("png", [png]),
        by_files(
            "batch_of_sizes",
            [*files, golden_pictures.jpeg(golden_pictures.resized(pictures[0], (75, 125)))],
        ),
    ]
    kept = [case for case in cases if stable(case.outputs)]
    if left_out := [str(case) for case in cases if case not in kept]:
        log.info("golden cases left out, their scores are too close: %s", ", ".join(left_out))
    return kept


def stable(outputs: Mapping[str, Array]) -> bool:
    """Tell whether rounding cannot change the order of an answer.

    Args:
        outputs: A detector's answer.

    Returns:
        True when neighbouring scores of each image lie further apart than rounding moves them.
    """
    for scores, count in zip(
        outputs["detection_scores"], outputs["num_detections"].astype(int), strict=True
    ):
        ranked = scores[:count].astype(np.float64)
        if np.any(-np.diff(ranked) < _ABSOLUTE_NOISE + _RELATIVE_NOISE * ranked[:-1]):
            return False
    return True
