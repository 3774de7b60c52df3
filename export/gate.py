"""Whether what was trained is good enough to be published, as far as all kinds of model agree."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from export.errors import ExportError
from export.publication import publish_command

log = logging.getLogger(__name__)


class NotGoodEnoughError(ExportError):
    """What was trained is below what was asked for; nothing was published."""


def check(reasons: Sequence[str], least: float | None, work: Path, models_dir: Path) -> None:
    """Refuse to publish what is not good enough, or warn of it where no minimum was given.

    Args:
        reasons: What speaks against it, in clauses; none: it is good enough.
        least: The minimum that was asked for; None warns alone.
        work: Where what was trained is kept, for the message.
        models_dir: ``MODELS``, for the message.

    Raises:
        NotGoodEnoughError: There are reasons, and there is a minimum.
    """
    if not reasons:
        return
    if least is None:
        log.warning("%s: nothing shows that it has learnt", "; ".join(reasons))
        return
    raise NotGoodEnoughError(
        f"nothing was published: {'; '.join(reasons)}\nWhat was trained is kept in {work}; to "
        f"publish it all the same: {publish_command(work, models_dir)}"
    )
