"""A server's detections in one image, as evaluation and pictures use them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from export.served_version import ServedVersion, explained

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class DetectionArrays:
    """A server's answer for one image, a row a detection.

    Attributes:
        boxes: float32 [n, 4], ymin, xmin, ymax, xmax in [0, 1].
        scores: float32 [n], descending.
        classes: int64 [n], 1-based.
        seconds: From handing the image to the client to having the answer.
    """

    boxes: Array
    scores: Array
    classes: Array
    seconds: float


def detect(served: ServedVersion, image: bytes) -> DetectionArrays:
    """Ask a server for the detections in one JPEG or PNG file.

    Raises:
        ServerError: The call failed, or the answer is not a detector's.
        ContractError: The server knows other classes than the version's contract.
    """
    started = time.perf_counter()
    with explained():
        (found,) = served.client.detect(image, version=served.version)
    seconds = time.perf_counter() - started
    boxes = [[one.box.ymin, one.box.xmin, one.box.ymax, one.box.xmax] for one in found]
    return DetectionArrays(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([one.score for one in found], np.float32),
        np.array([one.class_id for one in found], np.int64),
        seconds,
    )
