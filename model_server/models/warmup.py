"""Warm-up: replay recorded requests before a version takes calls, so that none is slow for it.

``assets.extra/tf_serving_warmup_requests`` is a TFRecord file of ``PredictionLog`` messages, at
most 1,000, as TensorFlow Serving reads it. A request that fails fails the load: it was recorded to
work.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from model_server.errors import ServingError, invalid_argument
from model_server.models.record_file import RecordError, read_records
from model_server.observation.metrics import Metrics
from model_server.runtimes.runtime import LoadedModel
from protos import PredictionLog
from signature_contract.version_files import WARMUP_FILE, extra

logger = logging.getLogger(__name__)

Replay = Callable[[LoadedModel, Any], None]
"""Answers a ``PredictionLog`` with a loaded model; what goes wrong is a ``ServingError``."""

_MAX_RECORDS = 1000


def warm_up(
    model: LoadedModel,
    path: Path,
    replay: Replay,
    iterations: int = 1,
    metrics: Metrics | None = None,
) -> int:
    """Run a version's warm-up requests.

    Args:
        model: The loaded model.
        path: The version's directory.
        replay: Answers a recorded request.
        iterations: How often each request is run.
        metrics: Where to record how long it took.

    Returns:
        The number of requests, 0 when the version has no warm-up file.

    Raises:
        ServingError: The file cannot be read, has too many requests, or one of them fails.
    """
    file = extra(path, WARMUP_FILE)
    if not file.is_file():
        return 0
    begin = time.monotonic()
    count = _replay_file(model, file, replay, iterations)
    seconds = time.monotonic() - begin
    if metrics is not None:
        metrics.warmup_latency.observe(seconds * 1e6, str(path), "OK")
        metrics.warmup_records.add(str(path), "OK", count=count)
    logger.info("%d warm-up requests of %s took %.2f s", count, path, seconds)
    return count


def _replay_file(model: LoadedModel, file: Path, replay: Replay, iterations: int) -> int:
    count = 0
    try:
        for record in read_records(file):
            if count == _MAX_RECORDS:
                raise invalid_argument(
                    f"Number of warmup records exceeds the maximum ({_MAX_RECORDS}) at {file}"
                )
            log = PredictionLog.FromString(record)
            for _ in range(iterations):
                replay(model, log)
            count += 1
    except ServingError as err:
        # The version fails with TensorFlow Serving's words, which do not say which request it was.
        logger.error("warm-up request %d of %s: %s", count, file, err.message)  # noqa: TRY400
        raise
    except RecordError as err:
        raise ServingError(
            grpc.StatusCode.DATA_LOSS,
            f"{err}. Please verify your warmup data is in TFRecord format.",
        ) from err
    except OSError as err:
        # As TensorFlow's file system maps errno; what is not there is no file to be replayed.
        code = (
            grpc.StatusCode.PERMISSION_DENIED
            if isinstance(err, PermissionError)
            else grpc.StatusCode.UNKNOWN
        )
        raise ServingError(code, f"warm-up file {file}: {err.strerror or err}") from err
    except ValueError as err:  # protobuf's DecodeError
        raise invalid_argument(
            f"Failed to parse warmup record: number {count} from {file}"
        ) from err
    return count
