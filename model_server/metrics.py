"""Counters and histograms under TensorFlow Serving's names, as Prometheus reads them.

The names begin with a colon and counters do not end in ``_total``, which Prometheus allows and its
Python client does not; dashboards made for TensorFlow Serving must work unchanged.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Sequence

_PREFIX = ":tensorflow:serving:"


def _exponential(first: float, growth: float, count: int) -> tuple[float, ...]:
    return tuple(first * growth**power for power in range(count))


# serving/servables/tensorflow/util.cc
_LATENCY_MICROS = _exponential(10, 1.8, 33)
_EXAMPLES = _exponential(1, 2, 15)


class Counter:
    """A number per combination of label values that only grows."""

    kind = "counter"

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        """Create a counter with these labels."""
        self.name = _PREFIX + name
        self._labels = tuple(labels)
        self._values: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, *values: str) -> None:
        """Count one for these label values."""
        with self._lock:
            self._values[values] = self._values.get(values, 0) + 1

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

    def lines(self) -> list[str]:
        """Return the samples in Prometheus's text format."""
        with self._lock:
            snapshot = [
                (key, list(counts), self._sums[key]) for key, counts in sorted(self._counts.items())
            ]
        lines = []
        for key, counts, total in snapshot:
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
    """Everything this server measures.

    Attributes:
        request_count: Finished inference calls by model and status.
        request_latency: Microseconds of successful calls, from request to answer.
        runtime_latency: Microseconds inside the session.
        warmup_latency: Microseconds of a version's warm-up.
        example_counts: Rows per request.
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
        self.warmup_latency = Histogram(
            "model_warmup_latency", ("model_path", "status"), _LATENCY_MICROS
        )
        self.example_counts = Histogram("request_example_counts", ("model",), _EXAMPLES)

    def text(self) -> str:
        """Return the whole page in Prometheus's text format 0.0.4."""
        lines = []
        for metric in vars(self).values():
            samples = metric.lines()
            if samples:
                lines += [f"# TYPE {metric.name} {metric.kind}", *samples]
        return "\n".join(lines) + "\n"


def _braces(labels: Sequence[str], values: Sequence[str]) -> str:
    pairs = ",".join(
        f'{label}="{_escape(value)}"' for label, value in zip(labels, values, strict=True)
    )
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
