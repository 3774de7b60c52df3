"""A difference from a contract as a value, and the comparison of names alone.

Standard library only, like :mod:`serving_config.contract`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One way in which something differs from its contract.

    Attributes:
        where: The place, for instance ``serving_default input "input_tensor"``.
        expected: What the contract says there.
        found: What is there instead.
        available: Names that do exist in that place, when a name was not found.
    """

    where: str
    expected: str
    found: str
    available: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.where}: expected {self.expected}, found {self.found}"
        if self.available:
            text += f" (what exists: {', '.join(self.available)})"
        return text


def name_differences(
    key: str, role: str, want: Iterable[str], have: Iterable[str]
) -> list[Difference]:
    """Compare names alone.

    Args:
        key: The signature key the names belong to, for messages; empty for the keys themselves.
        role: ``input``, ``output`` or ``signature``.
        want: Names that must be there.
        have: Names that are there.

    Returns:
        One difference for each name that is missing, then for each that is one too many.
    """
    want, have = list(want), list(have)
    prefix = f"{key} " if key else ""
    missing = [
        Difference(f'{prefix}{role} "{name}"', "it to be there", "nothing", tuple(have))
        for name in want
        if name not in have
    ]
    extra = [
        Difference(f'{prefix}{role} "{name}"', f"only {', '.join(want)}", "one more")
        for name in have
        if name not in want
    ]
    return missing + extra
