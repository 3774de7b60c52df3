"""Which thread and batching settings are tried on a machine, and the rule that picks one.

The rule, in two steps. Both compare throughputs and ignore differences below the noise:

1. Without batching: among the settings that lose nothing to TensorFlow's defaults under the lighter
   loads, the one with the most requests a second under the heaviest.
2. With all settings: among those that lose nothing to the first step's choice under the lighter
   loads, again the best under the heaviest. Batching has to pay for itself.

Of settings that are equally good the simpler one wins.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Differences this small are not believed, however quiet the machine was.
_LEAST_NOISE = 0.02


@dataclass(frozen=True)
class Batching:
    """The parameters that are tried; a batch is what queued up while all threads were busy.

    Attributes:
        max_batch_size: Most rows that run together.
        threads: Batches that run at the same time.
        max_enqueued_batches: Batches that may wait before a request is refused.
    """

    max_batch_size: int
    threads: int
    max_enqueued_batches: int = 100

    def text(self) -> str:
        """Return a ``batching_parameters_file`` in protobuf text format."""
        return (
            "# Dynamic batching (--enable_batching --batching_parameters_file), as measured by\n"
            "# `python -m model_server.tune`. Requests for the same signature and image size run\n"
            "# together.\n"
            f"max_batch_size {{ value: {self.max_batch_size} }}\n"
            "# Never wait for company: a batch is what queued up while the threads were busy, so\n"
            "# that a single client pays nothing.\n"
            "batch_timeout_micros { value: 0 }\n"
            "# Batches that may queue; one more request is answered UNAVAILABLE and the caller\n"
            "# may retry.\n"
            f"max_enqueued_batches {{ value: {self.max_enqueued_batches} }}\n"
            f"num_batch_threads {{ value: {self.threads} }}\n"
        )


@dataclass(frozen=True)
class Setting:
    """One way to run the server.

    Attributes:
        intra_op: ``--tensorflow_intra_op_parallelism``; 0 is TensorFlow's default, all cores.
        batching: How requests are joined; None runs each alone.
    """

    intra_op: int = 0
    batching: Batching | None = None

    def __str__(self) -> str:
        threads = str(self.intra_op) if self.intra_op else "all"
        if self.batching is None:
            return f"intra_op {threads}, no batching"
        return (
            f"intra_op {threads}, batches of {self.batching.max_batch_size} "
            f"on {self.batching.threads} threads"
        )

    def flags(self, batching_file: str) -> list[str]:
        """Return the flags, the same for both servers; ``batching_file`` holds the parameters."""
        flags = [f"--tensorflow_intra_op_parallelism={self.intra_op}"]
        if self.batching is None:
            return [*flags, "--enable_batching=false"]
        return [*flags, "--enable_batching=true", f"--batching_parameters_file={batching_file}"]


@dataclass(frozen=True)
class Round:
    """One setting and the defaults, measured one right after the other.

    Attributes:
        per_s: Answered requests a second of the setting.
        default_per_s: The same of TensorFlow's defaults.
        p50_ms: Median latency of the setting in milliseconds; infinite when nothing was answered.
        failed: Calls to the setting that were not answered with OK.
    """

    per_s: float
    default_per_s: float
    p50_ms: float
    failed: int = 0

    @property
    def ratio(self) -> float:
        """Throughput relative to the defaults."""
        return self.per_s / self.default_per_s


@dataclass(frozen=True)
class Result:
    """What a setting was measured to do: its rounds by number of clients."""

    setting: Setting
    rounds: Mapping[int, Sequence[Round]]

    def ratio(self, clients: int) -> float:
        """Return the mean throughput relative to the defaults."""
        return statistics.fmean(one.ratio for one in self.rounds[clients])

    def per_s(self, clients: int) -> float:
        """Return the mean throughput in requests a second."""
        return statistics.fmean(one.per_s for one in self.rounds[clients])

    def p50_ms(self, clients: int) -> float:
        """Return the median of the rounds' median latencies in milliseconds."""
        return statistics.median(one.p50_ms for one in self.rounds[clients])

    @property
    def failed(self) -> int:
        """Calls that failed, under any load."""
        return sum(one.failed for rounds in self.rounds.values() for one in rounds)


def grid(intra_op: Sequence[int], batch_sizes: Sequence[int], batch_threads: int) -> list[Setting]:
    """Return the settings to try, the simplest first; the first is TensorFlow's default.

    Args:
        intra_op: Each number of threads inside one operation to try; 0, all cores, always is.
        batch_sizes: Each ``max_batch_size`` to try; no batching always is.
        batch_threads: Batches that run at the same time.
    """
    threads = sorted({0, *intra_op})
    plans = [None, *(Batching(size, batch_threads) for size in sorted(set(batch_sizes)))]
    return [Setting(n, plan) for plan in plans for n in threads]


def noise(results: Sequence[Result], clients: int) -> float:
    """Estimate by how much a setting's mean ratio is off by chance.

    Args:
        results: All measurements; each setting's rounds spread around its own mean.
        clients: The load in question.

    Returns:
        Two standard errors, relative; at least 0.02.
    """
    squares, freedom, fewest = 0.0, 0, math.inf
    for result in results[1:]:  # the first is the default, whose ratio is 1 by definition
        ratios = [one.ratio for one in result.rounds[clients]]
        mean = statistics.fmean(ratios)
        if mean > 0:
            squares += sum((ratio / mean - 1) ** 2 for ratio in ratios)
            freedom += len(ratios) - 1
            fewest = min(fewest, len(ratios))
    if not freedom:
        return _LEAST_NOISE
    return max(_LEAST_NOISE, 2 * math.sqrt(squares / freedom / fewest))


def choose(results: Sequence[Result], loads: Sequence[int]) -> Result:
    """Pick a setting by the rule above.

    Args:
        results: One per setting of :func:`grid`, in its order, the default first.
        loads: Numbers of clients, growing. The last is the load to be best at, under the others
            nothing may be lost.

    Returns:
        One of ``results``. A setting with failed calls is never picked, unless all have some.
    """
    *lighter, heaviest = loads
    margin = {clients: noise(results, clients) for clients in loads}

    def best(candidates: Sequence[Result], reference: Result) -> Result:
        fair = [
            result
            for result in candidates
            if result is reference
            or (
                not result.failed
                and all(
                    result.ratio(clients) >= reference.ratio(clients) * (1 - margin[clients])
                    for clients in lighter
                )
            )
        ]
        top = max(result.ratio(heaviest) for result in fair)
        return next(one for one in fair if one.ratio(heaviest) >= top * (1 - margin[heaviest]))

    plain = [result for result in results if result.setting.batching is None]
    return best(results, best(plain, results[0]))
