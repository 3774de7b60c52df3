"""Which photographs are held out: each class in proportion, what belongs together on one side.

For the classifier and the detector alike. NumPy alone: a split is arithmetic on labels and groups.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import DataSetError, SettingsError
from export.file_names import escaped

Array = np.ndarray[Any, Any]

_NAMED = 3


def pattern(group_by: str) -> re.Pattern[str]:
    """Compile ``--group-by``.

    Raises:
        SettingsError: It is no regular expression.
    """
    try:
        return re.compile(group_by)
    except re.error as err:
        raise SettingsError(
            f"--group-by takes a regular expression of a photograph's name, received {group_by!r}: "
            f"{err}"
        ) from err


def groups(names: Sequence[Path], contents: Sequence[str], group_by: str) -> Array:
    """Number what belongs together.

    Args:
        names: Of the photographs, below the data set.
        contents: SHA-256 of each; copies of one file belong together. Empty: not known.
        group_by: See :meth:`export.classifier.photographs.Photographs.split`; a photograph that it
            does not match is a group of its own.

    Returns:
        int64 [photographs]; equal numbers are one group.

    Raises:
        DataSetError: ``group_by`` matches no photograph.
    """
    subjects = _subjects(names, group_by) if group_by else [""] * len(names)
    # Joined by either: two keys that share a photograph are one group.
    first: dict[tuple[str, str], int] = {}
    parent = list(range(len(names)))

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for position, keys in enumerate(
        (("subject", subject), ("content", content))
        for subject, content in zip(subjects, contents, strict=True)
    ):
        for key in keys:
            if key[1]:
                parent[root(position)] = root(first.setdefault(key, position))
    return np.array([root(position) for position in range(len(names))], np.int64)


def hold_out(
    labels: Array, grouped: Array, fraction: float, seed: int, class_names: Sequence[str]
) -> Array:
    """Choose what validates.

    Args:
        labels: int [photographs].
        grouped: Their groups.
        fraction: Share of each class, at least one photograph and never all.
        seed: Of the choice.
        class_names: For messages.

    Returns:
        bool [photographs].

    Raises:
        DataSetError: All photographs of a class belong together, so that they cannot be divided.
    """
    random = np.random.default_rng(seed)
    validates = np.zeros(len(labels), bool)
    wanted = {}
    for label in range(len(class_names)):
        positions = np.flatnonzero(labels == label)
        wanted[label] = min(max(1, round(len(positions) * fraction)), len(positions) - 1)
        # Drawn class by class, so that without groups the split is what it always was.
        order = random.permutation(positions)
        validates[order[: wanted[label]]] = True
    if len(np.unique(grouped)) == len(labels):
        return validates
    return _whole_groups(labels, grouped, wanted, random, class_names)


def check_sides(names: Sequence[Path], grouped: Array, validates: Array) -> None:
    """Refuse a stated split that divides a group.

    Raises:
        DataSetError: With some of the groups, by one of their photographs.
    """
    both = np.intersect1d(grouped[validates], grouped[~validates])
    if len(both):
        shown = ", ".join(escaped(names[int(np.argmax(grouped == one))]) for one in both[:_NAMED])
        raise DataSetError(
            f"{len(both)} groups of --group-by have photographs both to train on and to validate "
            f"with, for instance those of {shown}; move each to one side, or leave the split to "
            "this program: put all class folders into one"
        )


def _subjects(names: Sequence[Path], group_by: str) -> list[str]:
    expression = pattern(group_by)
    subjects = []
    for name in names:
        found = expression.search(name.as_posix())
        subjects.append((found.group(1) if expression.groups else found.group()) if found else "")
    if not any(subjects):
        raise DataSetError(
            f"--group-by {group_by!r} matches none of {len(names)} photographs, for instance not "
            f"{escaped(names[0])}"
        )
    return [subject or "" for subject in subjects]


def _whole_groups(
    labels: Array,
    grouped: Array,
    wanted: dict[int, int],
    random: np.random.Generator,
    class_names: Sequence[str],
) -> Array:
    """Take groups at random while each of their classes still needs photographs."""
    members: dict[int, list[int]] = {}
    for position, group in enumerate(grouped.tolist()):
        members.setdefault(group, []).append(position)
    left = Counter(labels.tolist())
    needed = dict(wanted)
    validates = np.zeros(len(labels), bool)
    for group in random.permutation(np.array(list(members))).tolist():
        counts = Counter(labels[members[group]].tolist())
        if all(needed[label] > 0 and count < left[label] for label, count in counts.items()):
            validates[members[group]] = True
            for label, count in counts.items():
                needed[label] -= count
                left[label] -= count
    undivided = [
        name for label, name in enumerate(class_names) if not _on_both(labels == label, validates)
    ]
    if undivided:
        raise DataSetError(
            f"the photographs of {', '.join(undivided)} cannot be divided: they are one group "
            "(copies of one file, or one subject by --group-by), or share groups with other "
            "classes; each class needs two groups of its own"
        )
    return validates


def _on_both(members: Iterable[bool], validates: Array) -> bool:
    sides = validates[np.asarray(members)]
    return bool(sides.any() and not sides.all())
