"""Warm-up: replay recorded requests before a version takes calls, so that none is slow for it.

``assets.extra/tf_serving_warmup_requests`` is a TFRecord file of ``PredictionLog`` messages, at
most 1,000, as TensorFlow Serving reads it. A request that fails fails the load: it was recorded to
work.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from model_server import inference
from model_server.errors import ServingError, from_code, invalid_argument
from model_server.metrics import Metrics
from model_server.predict import PredictRules, choose_outputs, find_signature, read_inputs
from model_server.saved_model import SavedModel

logger = logging.getLogger(__name__)

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
_MAX_RECORDS = 1000


def replay(
    model: SavedModel,
    path: Path,
    rules: PredictRules,
    iterations: int = 1,
    metrics: Metrics | None = None,
) -> int:
    """Run a version's warm-up requests.

    Args:
        model: The loaded model.
        path: The version's directory.
        rules: How strict to be.
        iterations: How often each request is run.
        metrics: Where to record how long it took.

    Returns:
        The number of requests, 0 when the version has no warm-up file.

    Raises:
        ServingError: The file cannot be read, has too many requests, or one of them fails.
    """
    file = path / WARMUP_FILE
    if not file.is_file():
        return 0
    begin = time.monotonic()
    count = _replay_file(model, file, rules, iterations)
    seconds = time.monotonic() - begin
    if metrics is not None:
        metrics.warmup_latency.observe(seconds * 1e6, str(path), "OK")
        metrics.warmup_records.add(str(path), "OK", count=count)
    logger.info("%d warm-up requests of %s took %.2f s", count, path, seconds)
    return count


def _replay_file(model: SavedModel, file: Path, rules: PredictRules, iterations: int) -> int:
    count = 0
    try:
        for record in tf.compat.v1.io.tf_record_iterator(str(file)):
            if count == _MAX_RECORDS:
                raise invalid_argument(
                    f"Number of warmup records exceeds the maximum ({_MAX_RECORDS}) at {file}"
                )
            log = prediction_log_pb2.PredictionLog.FromString(record)
            for _ in range(iterations):
                _run(model, log, rules)
            count += 1
    except ServingError as err:
        # The version fails with TensorFlow Serving's words, which do not say which request it was.
        logger.error("warm-up request %d of %s: %s", count, file, err.message)  # noqa: TRY400
        raise
    except tf.errors.DataLossError as err:
        raise from_code(
            err.error_code,
            f"{err.message}. Please verify your warmup data is in TFRecord format.",
        ) from err
    except tf.errors.OpError as err:
        raise from_code(err.error_code, f"warm-up file {file}: {err.message}") from err
    except ValueError as err:  # protobuf's DecodeError
        raise invalid_argument(
            f"Failed to parse warmup record: number {count} from {file}"
        ) from err
    return count


def _run(model: SavedModel, log: Any, rules: PredictRules) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        signature = find_signature(model, request.model_spec.signature_name)
        feeds = read_inputs(signature, request.inputs, rules)
        model.run(signature, feeds, choose_outputs(signature, request.output_filter))
    elif kind == "classify_log":
        inference.classify(model, log.classify_log.request, rules, model.run_tensors)
    elif kind == "regress_log":
        inference.regress(model, log.regress_log.request, rules, model.run_tensors)
    elif kind == "multi_inference_log":
        inference.infer_all(model, log.multi_inference_log.request, rules, model.run_tensors)
    else:
        raise invalid_argument(f"Unsupported log_type for warmup: {kind}")
