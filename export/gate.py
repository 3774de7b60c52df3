"""Whether what was trained is good enough to be published, as far as all kinds of model agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.errors import ExportError
from export.publication import publish_command


class NotGoodEnoughError(ExportError):
    """What was trained is below what was asked for; nothing was published."""


def refusal(reasons: Sequence[str], work: Path, models_dir: Path) -> NotGoodEnoughError:
    """Return the error that says why nothing was published, and how to do it all the same.

    Args:
        reasons: What speaks against it, in clauses, at least one.
        work: Where what was trained is kept.
        models_dir: ``MODELS``.
    """
    return NotGoodEnoughError(
        f"nothing was published: {'; '.join(reasons)}\nWhat was trained is kept in {work}; to "
        f"publish it all the same: {publish_command(work, models_dir)}"
    )
