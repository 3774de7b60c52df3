"""A server's detections in one image, as evaluation and pictures use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from export.serving_client import ServedModel

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Detections:
    """A server's answer for one image.

    Attributes:
        boxes: float32 [n, 4], ymin, xmin, ymax, xmax in [0, 1].
        scores: float32 [n], descending.
        classes: int64 [n], 1-based.
        seconds: From sending the request to having the answer.
    """

    boxes: Array
    scores: Array
    classes: Array
    seconds: float


def detect(server: ServedModel, image: bytes) -> Detections:
    """Ask a server for the detections in one JPEG or PNG file.

    Raises:
        ServerError: The call failed, or the answer is not a detector's.
    """
    answer = server.ask([image])
    count = int(answer.output("num_detections")[0])
    return Detections(
        answer.output("detection_boxes")[0][:count],
        answer.output("detection_scores")[0][:count],
        answer.output("detection_classes")[0][:count].astype(np.int64),
        answer.seconds,
    )
