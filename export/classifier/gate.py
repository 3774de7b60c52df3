"""Whether what was trained is good enough to be published."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

from export.gate import NotGoodEnoughError, refusal
from export.training.finished import Finished

log = logging.getLogger(__name__)

_BY_CHANCE = 0.025


def check(
    finished: Finished, least: float | None, work: Path, models_dir: Path, *, allow_baseline: bool
) -> None:
    """Refuse to publish what is not good enough.

    Args:
        finished: What was trained.
        least: The least validation accuracy; None: whatever it is.
        work: Where it is kept, for the message.
        models_dir: ``MODELS``, for the message.
        allow_baseline: Publish what is not clearly better than the baseline all the same.

    Raises:
        NotGoodEnoughError: It is below ``least``, not clearly above the baseline, or no number.
    """
    accuracy = finished.accuracy
    if not math.isfinite(accuracy):
        raise NotGoodEnoughError(
            f"nothing was published: the validation accuracy is {accuracy}, which is no number; "
            "lower the learning rate, and look for values in the data that are no numbers"
        )
    reasons = []
    if least is not None and accuracy < least:
        reasons.append(f"the validation accuracy is {accuracy:.4f}, below {least:g}")
    if (poor := no_better_than_baseline(finished)) and not allow_baseline:
        reasons.append(f"{poor}: nothing shows that it has learnt (--allow-baseline publishes it)")
    if not reasons:
        return
    raise refusal(reasons, work, models_dir)


def no_better_than_baseline(finished: Finished) -> str:
    """Say that a model is not clearly better than always naming the largest class; "" if it is.

    The baseline is right as often as that class occurs. A model that has learnt nothing is so too,
    more often or less by chance; as often as this one, at most in one case of forty (the upper end
    of a two-sided interval of 95 %). A coin is right on two of two in one case of four.
    """
    baseline = finished.record.get("baseline")
    if not baseline:
        return ""
    share, count = baseline["share"], baseline["photographs"]
    chance = at_least(round(finished.accuracy * count), count, share)
    if chance <= _BY_CHANCE:
        return ""
    return (
        f"always naming {baseline['class']!r} is right on {share:.4f} of {count} validation "
        f"photographs, the model on {finished.accuracy:.4f}, which chance alone gives in "
        f"{chance:.0%} of all cases"
    )


def at_least(right: int, count: int, share: float) -> float:
    """Return how probable it is that of some independent events as many or more occur.

    Args:
        right: As many.
        count: Of events.
        share: The probability of each, 0 to 1.

    Returns:
        The upper tail of the binomial distribution, 0 to 1.
    """
    if share in (0.0, 1.0):
        return float(right <= count * share)
    logs = (
        math.lgamma(count + 1)
        - math.lgamma(k + 1)
        - math.lgamma(count - k + 1)
        + k * math.log(share)
        + (count - k) * math.log1p(-share)
        for k in range(right, count + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logs)))


def on_record(finished: Finished) -> Finished:
    """Return what is published all the same with that in its record and notes."""
    poor = no_better_than_baseline(finished)
    if not poor:
        return finished
    log.warning("published all the same: %s", poor)
    notes = [*finished.record.get("notes", ()), f"published although {poor}"]
    return replace(finished, record={**finished.record, "notes": notes})
