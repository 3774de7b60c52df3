"""A detector's TFLite file, asked as the served model is."""

from __future__ import annotations

from typing import Any

import numpy as np

from export.edge.interpreter import EdgeModel
from serving_config.detections import BOXES, CANDIDATES, SCORES, SQUARE, detections, letterbox

Array = np.ndarray[Any, Any]


def detect(model: EdgeModel, pixels: Array) -> dict[str, Array]:
    """Find the objects in images of one size.

    Args:
        model: A detector's TFLite file.
        pixels: uint8 [batch, height, width, 3], RGB.

    Returns:
        The outputs of the served ``serving_default``, see
        :func:`serving_config.detections.detections`.
    """
    contract = model.contract
    square = letterbox(pixels, int(contract.parameters["image_size"]))
    found = model.run({SQUARE: square}, CANDIDATES)
    height, width = pixels.shape[1:3]
    limit = contract.bound["N"]
    return detections(found[BOXES], found[SCORES], (height, width), limit, contract.parameters)
