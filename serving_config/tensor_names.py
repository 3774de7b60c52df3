"""Signature and tensor names of our two models, for Python code that speaks of one of them.

The contracts (``contracts/*.json``) decide what the names are. They stand here once more, and
nowhere else in Python: a test holds this module to the contracts, and the rest of the code to this
module.
"""

from __future__ import annotations

SERVING_DEFAULT = "serving_default"
"""The signature that takes decoded images of one size."""

SERVING_BYTES = "serving_bytes"
"""The signature that takes encoded images, each of its own size."""

INPUT_TENSOR = "input_tensor"
"""Input of :data:`SERVING_DEFAULT`: uint8 [batch, height, width, 3], RGB."""

IMAGE_BYTES = "image_bytes"
"""Input of :data:`SERVING_BYTES`: string [batch], whole JPEG or PNG files."""

PROBABILITIES = "probabilities"
"""A classifier's output: float32 [batch, C], rows sum to 1."""

LOGITS = "logits"
"""A classifier's output: float32 [batch, C]."""

CLASSES = "classes"
"""A classifier's output: string [batch, C], class names in column order."""

DETECTION_BOXES = "detection_boxes"
"""A detector's output: float32 [batch, N, 4], ymin, xmin, ymax, xmax in [0, 1]."""

DETECTION_SCORES = "detection_scores"
"""A detector's output: float32 [batch, N], descending."""

DETECTION_CLASSES = "detection_classes"
"""A detector's output: float32 [batch, N], from 1."""

NUM_DETECTIONS = "num_detections"
"""A detector's output: float32 [batch]."""
