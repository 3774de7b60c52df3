"""Counters and histograms under TensorFlow Serving's names, as Prometheus reads them.

The names begin with a colon and counters do not end in ``_total``, which Prometheus allows and its
Python client does not; dashboards made for TensorFlow Serving must work unchanged.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Mapping, Sequence
from typing import Any

_PREFIX = ":tensorflow:serving:"


def _exponential(first: float, growth: float, count: int) -> tuple[float, ...]:
    return tuple(first * growth**power for power in range(count))


# Of util.cc, batching_session.cc and batching_util.h.
_LATENCY_MICROS = _exponential(10, 1.8, 33)
_QUEUING_MICROS = _exponential(100, 1.2, 52)
_EXAMPLES = _exponential(1, 2, 15)
_BATCH_SIZES = _exponential(1, 2, 14)


class Counter:
    """A number per combination of label values that only grows."""

    def __init__(self, name: str, labels: Sequence[str], kind: str = "counter") -> None:
        """Create a counter with these labels."""
        self.kind = kind
        self.name = _PREFIX + name
        self._labels = tuple(labels)
        self._values: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, *values: str, count: int = 1) -> None:
        """Count one, or ``count``, for these label values."""
        with self._lock:
            self._values[values] = self._values.get(values, 0) + count

    def snapshot(self) -> list[Any]:
        """Return all values as JSON can hold them, for :meth:`merge`."""
        with self._lock:
            return list(self._values.items())

    def merge(self, snapshot: Sequence[Any]) -> None:
        """Add what another process counted."""
        for labels, count in snapshot:
            self.add(*labels, count=count)

    def lines(self) -> list[str]:
        """Return the samples in Prometheus's text format."""
        with self._lock:
            values = dict(self._values)
        return [
            f"{self.name}{_braces(self._labels, key)} {number}"
            for key, number in sorted(values.items())
        ]


class Histogram:
    """Counts of observations by upper bound, and their sum, per combination of label values."""

    kind = "histogram"

    def __init__(self, name: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        """Create a histogram with these labels and upper bounds."""
        self.name = _PREFIX + name
        self._labels = tuple(labels)
        self._bounds = tuple(bounds)
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def observe(self, number: float, *values: str) -> None:
        """Add one observation for these label values."""
        position = bisect.bisect_left(self._bounds, number)
        with self._lock:
            counts = self._counts.get(values)
            if counts is None:
                counts = self._counts[values] = [0] * (len(self._bounds) + 1)
            counts[position] += 1
            self._sums[values] = self._sums.get(values, 0.0) + number

    def snapshot(self) -> list[Any]:
        """Return all values as JSON can hold them, for :meth:`merge`."""
        with self._lock:
            return [(key, list(counts), self._sums[key]) for key, counts in self._counts.items()]

    def merge(self, snapshot: Sequence[Any]) -> None:
        """Add what another process observed."""
        with self._lock:
            for labels, counts, total in snapshot:
                key = tuple(labels)
                own = self._counts.get(key, [0] * len(counts))
                self._counts[key] = [sum(pair) for pair in zip(own, counts, strict=True)]
                self._sums[key] = self._sums.get(key, 0.0) + total

    def lines(self) -> list[str]:
        """Return the samples in Prometheus's text format."""
        lines = []
        for key, counts, total in sorted(self.snapshot()):
            below = 0
            for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
                below += count
                text = "+Inf" if bound == float("inf") else f"{bound:g}"
                braces = _braces((*self._labels, "le"), (*key, text))
                lines.append(f"{self.name}_bucket{braces} {below}")
            braces = _braces(self._labels, key)
            lines.append(f"{self.name}_sum{braces} {total:g}")
            lines.append(f"{self.name}_count{braces} {below}")
        return lines


class Metrics:
    """Everything that TensorFlow Serving itself measures.

    TensorFlow's runtime has counters of its own on that page; they are not here.

    Attributes:
        request_count: Finished inference calls and REST requests by model and status.
        request_latency: Microseconds of successful ones, from request to answer.
        runtime_latency: Microseconds inside the session.
        example_counts: ``tf.Example`` messages per MultiInference.
        example_count_total: Their sum.
        warmup_latency: Microseconds of a version's warm-up.
        warmup_records: Warm-up requests read.
        request_log_count: Logged requests; no collector of requests exists here, so none.
        mlmd_map: The ML Metadata identifiers of versions; they have none here.
        queuing_latency: Microseconds in a batching queue.
        wrapped_run_count: Batches run.
        input_batch_size: Rows per tensor of a request that is batched.
        processed_batch_size: Rows per batch, padding included.
        padding_size: Rows of padding per batch.
    """

    def __init__(self) -> None:
        """Create all of them, empty."""
        self.request_count = Counter("request_count", ("model_name", "status"))
        self.request_latency = Histogram(
            "request_latency", ("model_name", "API", "entrypoint"), _LATENCY_MICROS
        )
        self.runtime_latency = Histogram(
            "runtime_latency", ("model_name", "API", "runtime"), _LATENCY_MICROS
        )
        self.example_counts = Histogram("request_example_counts", ("model",), _EXAMPLES)
        self.example_count_total = Counter("request_example_count_total", ("model",))
        self.warmup_latency = Histogram(
            "model_warmup_latency", ("model_path", "status"), _LATENCY_MICROS
        )
        self.warmup_records = Counter("model_warmup_records_read", ("model_path", "status"))
        self.request_log_count = Counter("request_log_count", ("model_name", "status_code"))
        self.mlmd_map = Counter("mlmd_map", ("model_name", "version"), kind="gauge")
        batching = "batching_session"
        self.queuing_latency = Histogram(
            f"{batching}:queuing_latency", ("thread_pool_name",), _QUEUING_MICROS
        )
        self.wrapped_run_count = Counter(f"{batching}:wrapped_run_count", ())
        self.input_batch_size = Histogram(f"{batching}:input_batch_size", (), _BATCH_SIZES)
        self.processed_batch_size = Histogram(f"{batching}:processed_batch_size", (), _BATCH_SIZES)
        self.padding_size = Histogram(
            f"{batching}:padding_size", ("execution_batch_size",), _BATCH_SIZES
        )

    def snapshot(self) -> dict[str, Any]:
        """Return all values as JSON can hold them, for :meth:`merge`."""
        return {name: metric.snapshot() for name, metric in vars(self).items()}

    def merge(self, snapshot: Mapping[str, Any]) -> None:
        """Add what another process counted and observed."""
        for name, values in snapshot.items():
            getattr(self, name).merge(values)

    def text(self) -> str:
        """Return the whole page in Prometheus's text format 0.0.4."""
        lines = []
        for metric in sorted(vars(self).values(), key=lambda metric: str(metric.name)):
            lines += [f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
        return "\n".join(lines) + "\n"


def _braces(labels: Sequence[str], values: Sequence[str]) -> str:
    pairs = ",".join(
        f'{label}="{_escape(value)}"' for label, value in zip(labels, values, strict=True)
    )
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
