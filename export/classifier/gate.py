"""Whether what was trained is good enough to be published."""

from __future__ import annotations

import logging
from pathlib import Path

from export.gate import refusal
from export.training.finished import Finished
from export.training.policy import wilson_interval

log = logging.getLogger(__name__)


def check(finished: Finished, least: float | None, work: Path, models_dir: Path) -> None:
    """Refuse to publish what is not good enough.

    Always naming the largest class is right as often as that class occurs. Unless the accuracy
    lies above the upper end of that share's interval, nothing shows that anything was learnt.

    Args:
        finished: What was trained.
        least: The least validation accuracy; None warns of the baseline alone.
        work: Where it is kept, for the message.
        models_dir: ``MODELS``, for the message.

    Raises:
        NotGoodEnoughError: It is below ``least``, or not clearly above the baseline.
    """
    reasons = []
    accuracy = finished.accuracy
    if least is not None and accuracy < least:
        reasons.append(f"the validation accuracy is {accuracy:.4f}, below {least:g}")
    if baseline := finished.record.get("baseline"):
        share, count = baseline["share"], baseline["photographs"]
        high = wilson_interval(share, count)[1]
        if accuracy <= high:
            reasons.append(
                f"always naming {baseline['class']!r} is right on {share:.4f} of {count} "
                f"validation photographs (up to {high:.4f} by chance), the model on {accuracy:.4f}"
            )
    if not reasons:
        return
    if least is None:
        log.warning("%s: nothing shows that it has learnt", "; ".join(reasons))
        return
    raise refusal(reasons, work, models_dir)
