"""Warm-up requests, so that a server's first caller does not pay for the first run.

TensorFlow Serving replays ``assets.extra/tf_serving_warmup_requests`` (a TFRecord of
``PredictionLog``, at most 1,000) before it declares a version AVAILABLE.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from serving_config.golden import GoldenCase

WARMUP_FILE = "tf_serving_warmup_requests"


def write(path: Path, model: str, cases: Iterable[GoldenCase]) -> None:
    """Write one Predict request a case.

    Args:
        path: The TFRecord file.
        model: The model's name, put into each request.
        cases: Requests to replay; their outputs are not used.
    """
    with tf.io.TFRecordWriter(str(path)) as writer:
        for case in cases:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model
            request.model_spec.signature_name = case.signature
            for name, value in case.inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())
