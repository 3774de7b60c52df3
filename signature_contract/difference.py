"""A difference from a contract as a value, and the comparison of names alone.

Standard library only, like :mod:`signature_contract.contract`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One way in which something differs from its contract.

    Attributes:
        rule: Identifier of the rule that is broken, see :mod:`signature_contract.rules`.
        where: The place, for instance ``serving_default input "input_tensor"``.
        expected: What the contract says there.
        found: What is there instead.
        available: Names that do exist in that place, when a name was not found.
    """

    rule: str
    where: str
    expected: str
    found: str
    available: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.where}: expected {self.expected}, found {self.found}"
        if self.available:
            text += f" (what exists: {', '.join(self.available)})"
        return f"{text} [{self.rule}]"


def name_differences(
    key: str, role: str, want: Iterable[str], have: Iterable[str], optional: Iterable[str] = ()
) -> list[Difference]:
    """Compare names alone.

    Args:
        key: The signature key the names belong to, for messages; empty for the keys themselves.
        role: ``input``, ``output`` or ``signature``.
        want: Names that must be there.
        have: Names that are there.
        optional: Names of ``want`` that may be missing.

    Returns:
        One difference for each name that is missing, then for each that is one too many.
    """
    want, have, optional = list(want), list(have), set(optional)
    prefix = f"{key} " if key else ""
    missing = [
        Difference(
            f"{role}-missing", f'{prefix}{role} "{name}"', "it to be there", "nothing", tuple(have)
        )
        for name in want
        if name not in have and name not in optional
    ]
    extra = [
        Difference(
            f"{role}-unknown", f'{prefix}{role} "{name}"', f"only {', '.join(want)}", "one more"
        )
        for name in have
        if name not in want
    ]
    return missing + extra
