"""Warm-up requests, so that a server's first caller does not pay for the first run.

TensorFlow Serving replays ``assets.extra/tf_serving_warmup_requests`` (a TFRecord of
``PredictionLog``, at most 1,000) before it declares a version AVAILABLE. What a server pays for
once are the signature and the number of images, so each signature is asked for one image and for a
few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from protos import PredictionLog, PredictLog, PredictRequest
from signature_contract.golden import GoldenCase

MAX_ROWS = 4
"""Images of the largest request: a server that refuses larger batches must load the version too."""

Array = np.ndarray[Any, Any]


def write(path: Path, model: str, cases: Iterable[GoldenCase]) -> None:
    """Write the first requests that clients send: one image, then a batch, to each signature.

    Args:
        path: The TFRecord file.
        model: The model's name, put into each request.
        cases: Requests to choose from, the first of a signature with one image; their outputs are
            not used.
    """
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in _first_and_batch(cases):
            request = PredictRequest()
            request.model_spec.name = model
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                tensor = tf.make_tensor_proto(value)
                request.inputs[name].MergeFromString(tensor.SerializeToString())
            log = PredictionLog(predict_log=PredictLog(request=request))
            writer.write(log.SerializeToString())


def read(path: Path) -> Iterator[PredictRequest]:
    """Yield the Predict requests of a warm-up file; none if there is no such file."""
    if path.is_file():
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = PredictionLog.FromString(record)
            if log.HasField("predict_log"):
                yield log.predict_log.request


def _first_and_batch(cases: Iterable[GoldenCase]) -> list[tuple[str, dict[str, Array]]]:
    by_signature: dict[str, list[dict[str, Array]]] = {}
    for case in cases:
        by_signature.setdefault(case.signature, []).append(dict(case.inputs))
    chosen = []
    for signature, requests in by_signature.items():
        ones = (inputs for inputs in requests if _rows(inputs) == 1)
        chosen.append((signature, next(ones, _first_rows(requests[0], 1))))
        largest = max(requests, key=_rows)  # the first of equals
        if _rows(largest) == 1:
            largest = {name: np.repeat(v, 2, axis=0) for name, v in largest.items()}
        chosen.append((signature, _first_rows(largest, MAX_ROWS)))
    return chosen


def _rows(inputs: Mapping[str, Array]) -> int:
    return min(len(value) for value in inputs.values())


def _first_rows(inputs: Mapping[str, Array], rows: int) -> dict[str, Array]:
    return {name: value[:rows] for name, value in inputs.items()}
