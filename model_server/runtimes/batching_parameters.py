"""How requests are batched: what a ``batching_parameters_file`` says.

The rules and defaults are TensorFlow Serving's (``session_bundle_config.proto``,
``bundle_factory_util.cc``, ``shared_batch_scheduler.h``).
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_server.errors import UsageError
from model_server.text_format.reading import read_message
from protos import BatchingParameters

logger = logging.getLogger(__name__)

_DEFAULT_MAX_BATCH_SIZE = 1000
_DEFAULT_MAX_ENQUEUED_BATCHES = 10


@dataclass(frozen=True)
class BatchingSettings:
    """``BatchingParameters`` with defaults filled in.

    Attributes:
        max_batch_size: Most rows of a request; one more is refused, INVALID_ARGUMENT.
        timeout_micros: How long a row waits for others.
        max_enqueued_batches: Batches that wait for a thread; one more row is refused, UNAVAILABLE.
        threads: Batches that run at the same time, of all models together.
        allowed_sizes: Sizes that batches are padded to; empty for any.
        split_large: A request above ``max_execution_batch_size`` is split into several batches.
        max_execution_batch_size: Most rows that run together when requests are split; None is
            ``max_batch_size``.
        pad_inputs: Tensors of different sizes are padded to the largest instead of refused.
    """

    max_batch_size: int = _DEFAULT_MAX_BATCH_SIZE
    timeout_micros: int = 0
    max_enqueued_batches: int = _DEFAULT_MAX_ENQUEUED_BATCHES
    threads: int = os.cpu_count() or 1
    allowed_sizes: tuple[int, ...] = ()
    split_large: bool = False
    max_execution_batch_size: int | None = None
    pad_inputs: bool = False

    @property
    def largest_batch(self) -> int:
        """Most rows that run together."""
        if self.split_large and self.max_execution_batch_size is not None:
            return self.max_execution_batch_size
        return self.max_batch_size

    def padded_size(self, size: int) -> int:
        """Return the smallest allowed size that holds ``size`` rows."""
        return next((allowed for allowed in self.allowed_sizes if allowed >= size), size)


def read_batching_settings(path: Path | None) -> BatchingSettings:
    """Read a ``batching_parameters_file``; None gives the defaults.

    Raises:
        UsageError: The file cannot be read or parsed, or no model could be loaded with its values.
    """
    if path is None:
        return BatchingSettings()
    message = read_message(path, BatchingParameters())

    def value(field: str, default: Any, least: int) -> Any:
        if not message.HasField(field):
            return default
        found = getattr(message, field).value
        if found < least:
            raise UsageError(f"{path}: {field} must be at least {least}, is {found}")
        return found

    defaults = BatchingSettings()
    split = bool(value("enable_large_batch_splitting", False, 0))
    settings = BatchingSettings(
        max_batch_size=value("max_batch_size", defaults.max_batch_size, 1),
        timeout_micros=value("batch_timeout_micros", defaults.timeout_micros, 0),
        # 0 counts as 1 there, unless requests are split.
        max_enqueued_batches=max(
            1, value("max_enqueued_batches", defaults.max_enqueued_batches, 1 if split else 0)
        ),
        threads=value("num_batch_threads", defaults.threads, 1),
        allowed_sizes=tuple(message.allowed_batch_sizes),
        split_large=split,
        max_execution_batch_size=value("max_execution_batch_size", None, 1 if split else 0),
        pad_inputs=message.pad_variable_length_inputs,
    )
    _check_sizes(path, settings, message.HasField("max_batch_size"))
    return settings


def _check_sizes(path: Path, settings: BatchingSettings, has_max_batch_size: bool) -> None:
    sizes, largest = settings.allowed_sizes, settings.max_batch_size
    if sizes and sizes[-1] != largest:
        raise UsageError(
            f"{path}: Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
            f"{sizes[-1]}; expected {largest}"
        )
    if settings.split_large and not has_max_batch_size:
        raise UsageError(f"{path}: enable_large_batch_splitting needs max_batch_size")
    if settings.split_large and largest < settings.largest_batch:
        raise UsageError(
            f"{path}: When enable_large_batch_splitting is true, max_batch_size must be greater "
            f"than or equal to max_execution_batch_size; they are {largest} and "
            f"{settings.largest_batch}"
        )
    if settings.max_execution_batch_size is not None and not settings.split_large:
        logger.warning(
            "%s: max_execution_batch_size has no effect without enable_large_batch_splitting", path
        )
    if list(sizes) != sorted(set(sizes)):
        logger.warning(
            "%s: allowed_batch_sizes should grow, are %s: a batch is padded to the first that "
            "holds it",
            path,
            list(sizes),
        )
    elif sizes and sizes[0] > 1:
        logger.warning(
            "%s: allowed_batch_sizes starts at %d, so a single row is padded to %d",
            path,
            sizes[0],
            sizes[0],
        )
