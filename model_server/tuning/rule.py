"""What a setting was measured to do, and the rule that picks one.

The rule, in two steps that ignore differences below the noise:

1. Without batching: among the settings that lose no requests a second to TensorFlow's defaults
   under the lighter loads, the one with the most under the heaviest.
2. With batching, where it is tried: among the settings that lose no requests a second to the first
   step's choice under any load, the one with the lowest p99 under the heaviest, if that is lower
   than without. Batching joins what waits anyway, so it is the slowest callers who gain.

Of settings that are equally good the simpler one wins.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from model_server.tuning.settings import Setting

# Differences this small are not believed, however quiet the machine was.
_LEAST_NOISE = 0.02


@dataclass(frozen=True)
class Round:
    """One setting and the defaults, measured one right after the other.

    Attributes:
        per_s: Answered requests a second of the setting.
        default_per_s: The same of TensorFlow's defaults.
        p50_ms: Median latency of the setting in milliseconds; infinite when nothing was answered.
        p99_ms: The latency that 99 of 100 calls to the setting stay below, likewise.
        default_p99_ms: The same of TensorFlow's defaults.
        failed: Calls to the setting that were not answered with OK.
    """

    per_s: float
    default_per_s: float
    p50_ms: float
    p99_ms: float
    default_p99_ms: float
    failed: int = 0

    @property
    def ratio(self) -> float:
        """Throughput relative to the defaults."""
        return self.per_s / self.default_per_s

    @property
    def tail(self) -> float:
        """The p99 relative to the defaults'."""
        return self.p99_ms / self.default_p99_ms


@dataclass(frozen=True)
class Result:
    """What a setting was measured to do: its rounds by number of clients."""

    setting: Setting
    rounds: Mapping[int, Sequence[Round]]

    def ratio(self, clients: int) -> float:
        """Return the mean throughput relative to the defaults."""
        return statistics.fmean(one.ratio for one in self.rounds[clients])

    def tail(self, clients: int) -> float:
        """Return the mean p99 relative to the defaults'."""
        return statistics.fmean(one.tail for one in self.rounds[clients])

    def per_s(self, clients: int) -> float:
        """Return the mean throughput in requests a second."""
        return statistics.fmean(one.per_s for one in self.rounds[clients])

    def p50_ms(self, clients: int) -> float:
        """Return the median of the rounds' median latencies in milliseconds."""
        return statistics.median(one.p50_ms for one in self.rounds[clients])

    def p99_ms(self, clients: int) -> float:
        """Return the median of the rounds' p99 in milliseconds."""
        return statistics.median(one.p99_ms for one in self.rounds[clients])

    @property
    def failed(self) -> int:
        """Calls that failed, under any load."""
        return sum(one.failed for rounds in self.rounds.values() for one in rounds)


def noise(
    results: Sequence[Result],
    clients: int,
    figure: Callable[[Round], float] = lambda one: one.ratio,
) -> float:
    """Estimate by how much a setting's mean figure is off by chance.

    Args:
        results: All measurements; each setting's rounds spread around its own mean.
        clients: The load in question.
        figure: Which figure of a round, relative to the defaults; by default the throughput.

    Returns:
        Two standard errors, relative; at least 0.02.
    """
    squares, freedom, fewest = 0.0, 0, math.inf
    for result in results[1:]:  # the first is the default, whose ratio is 1 by definition
        values = [figure(one) for one in result.rounds[clients]]
        mean = statistics.fmean(values)
        if 0 < mean < math.inf:
            squares += sum((value / mean - 1) ** 2 for value in values)
            freedom += len(values) - 1
            fewest = min(fewest, len(values))
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

    def keeping(results: Sequence[Result], reference: Result, loads: Sequence[int]) -> list[Result]:
        return [
            result
            for result in results
            if not result.failed
            and all(
                result.ratio(clients) >= reference.ratio(clients) * (1 - margin[clients])
                for clients in loads
            )
        ]

    default = results[0]
    plain = [result for result in results if result.setting.batching is None]
    fair = [default, *keeping(plain[1:], default, lighter)]
    top = max(result.ratio(heaviest) for result in fair)
    best = next(one for one in fair if one.ratio(heaviest) >= top * (1 - margin[heaviest]))

    spread = noise(results, heaviest, lambda one: one.tail)
    batching = [result for result in results if result.setting.batching is not None]
    fair = [best, *keeping(batching, best, loads)]
    lowest = min(result.tail(heaviest) for result in fair)
    return next(one for one in fair if one.tail(heaviest) <= lowest * (1 + spread))
