"""Whether a trained detector is good enough to be published."""

from __future__ import annotations

import logging
from pathlib import Path

from export.gate import refusal
from export.training.finished import Finished

log = logging.getLogger(__name__)

NOTHING = 0.01
"""mAP@0.5 below which nothing shows that a detector has learnt: random weights reach 0.00."""


def check(finished: Finished, least: float | None, work: Path, models_dir: Path) -> None:
    """Refuse to publish what is not good enough.

    Args:
        finished: What was trained.
        least: The least validation mAP@0.5; None warns of one near 0 alone.
        work: Where it is kept, for the message.
        models_dir: ``MODELS``, for the message.

    Raises:
        NotGoodEnoughError: It is below ``least``, or ``least`` is given and it is near 0.
    """
    found = f"the validation mAP@0.5 is {finished.accuracy:.4f}"
    if least is not None and finished.accuracy < least:
        raise refusal([f"{found}, below {least:g}"], work, models_dir)
    if finished.accuracy >= NOTHING:
        return
    if least is not None:
        raise refusal([f"{found}, as good as none"], work, models_dir)
    log.warning("%s, as good as none: nothing shows that it has learnt", found)
