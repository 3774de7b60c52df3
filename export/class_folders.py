"""A folder of class folders as people have them: what it holds, of which class, on which side.

``DIR/<class>/…/<photograph>``, nested as deep as one likes, or ``DIR/train/<class>/…`` with
``val/`` or ``valid/`` and ``test/`` beside it. Nothing is decoded and TensorFlow is not loaded, so
that a mistake is told within a second; what a file is, its first bytes tell.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export import photograph_files
from export.errors import DataSetError
from export.file_names import escaped

log = logging.getLogger(__name__)

TRAINING = ("train", "training")
VALIDATION = ("val", "valid", "validation")
TEST = ("test", "testing")

MAX_SKIPPED = 0.05
"""Share of unusable photographs above which something is wrong with the data set."""

_NAMED = 3  # files in a message; the count says how many there are
_FEWEST = 2  # classes, and photographs of a class: one to train on, one to validate with


@dataclass(frozen=True)
class Skipped:
    """A file among the photographs that is not used.

    Attributes:
        path: The file.
        reason: Why, in a user's words.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Part:
    """One side of a split, or all there is.

    Attributes:
        root: The folder that holds the class folders.
        files: Photographs, sorted, each with its class's position.
    """

    root: Path
    files: tuple[tuple[Path, int], ...]


@dataclass(frozen=True)
class ClassFolders:
    """What a data set holds.

    Attributes:
        directory: The folder that all files lie below; records name them relative to it.
        class_names: Names of the class folders, sorted; the position is the label.
        training: Photographs to train on; all of them where no split is stated.
        validation: Photographs to validate with, where a split is stated.
        test: Those of a ``test/`` folder, which training leaves alone.
        skipped: Files that look like photographs and are none.
        others: How many other files there are, by suffix.
    """

    directory: Path
    class_names: tuple[str, ...]
    training: Part
    validation: Part | None
    test: Part | None
    skipped: tuple[Skipped, ...]
    others: Mapping[str, int]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Training, and validation where it is stated."""
        return (self.training, self.validation) if self.validation else (self.training,)


def find(data_dir: Path, validation_dir: Path | None = None) -> ClassFolders:
    """List a data set without decoding it.

    Args:
        data_dir: A folder of class folders, or of ``train/`` and ``val/`` or ``valid/`` with class
            folders in each.
        validation_dir: Class folders to validate with, where they lie elsewhere.

    Raises:
        DataSetError: There is no such folder, it has fewer than two class folders, a class has too
            few photographs, or the classes of the parts differ.
    """
    listing = _Listing()
    _check_folder(data_dir)
    sides = split_folders(data_dir)
    training_root = sides.get("training", data_dir)
    if validation_dir:
        _check_folder(validation_dir)
        if "validation" in sides:
            raise DataSetError(
                f"{data_dir} has a folder {sides['validation'].name}/ to validate with, and "
                f"--validation-data names another, {validation_dir}; leave one of them out"
            )
        sides["validation"] = validation_dir
    of_classes = _class_folders(training_root)
    names = tuple(escaped(folder.name) for folder in of_classes)
    training = listing.part(training_root, of_classes)
    _check_each_class(training, of_classes, "validation" in sides)
    parts = {
        name: listing.part(root, _the_same_classes(root, names, name == "validation"))
        for name, root in sides.items()
        if name != "training"
    }
    directory = data_dir
    if validation_dir:
        directory = Path(os.path.commonpath([data_dir.absolute(), validation_dir.absolute()]))
        training, parts = _absolute(training), {n: _absolute(p) for n, p in parts.items()}
    return ClassFolders(
        directory,
        names,
        training,
        parts.get("validation"),
        parts.get("test"),
        tuple(listing.skipped),
        dict(sorted(listing.others.items())),
    )


def split_folders(data_dir: Path) -> dict[str, Path]:
    """Return the folders of ``training``, ``validation`` and ``test`` where ``data_dir`` has them.

    It has them if there is a training folder with class folders in it, one of the other two, and
    nothing else beside them: a class may be called "test".
    """
    there = {folder.name.lower(): folder for folder in folders(data_dir)}
    found = {
        part: there.pop(name)
        for part, names in (("training", TRAINING), ("validation", VALIDATION), ("test", TEST))
        for name in names
        if name in there
    }
    if there or "training" not in found or len(found) == 1:
        return {}
    return found if folders(found["training"]) else {}


def photographs_below(folder: Path) -> tuple[list[Path], list[Skipped]]:
    """Return the photographs below a folder, sorted, and what only looks like some."""
    listing = _Listing()
    return listing.photographs(folder), listing.skipped


def check_skipped(skipped: Sequence[Skipped], usable: int, most: float) -> None:
    """Refuse a data set too much of which cannot be used.

    Args:
        skipped: What was not usable.
        usable: Number of photographs that were.
        most: The largest share of unusable ones.

    Raises:
        DataSetError: It is more; the message says why each was skipped.
    """
    total = len(skipped) + usable
    if not total or len(skipped) / total <= most:
        return
    raise DataSetError(
        f"{len(skipped)} of {total} photographs cannot be used, more than {most:.0%}:\n"
        + "\n".join(f"  {line}" for line in reasons(skipped))
        + "\nmend or remove them, or allow more with --max-skipped"
    )


def reasons(skipped: Iterable[Skipped]) -> list[str]:
    """Say why files were skipped: a line a reason, with some of the files."""
    by_reason: dict[str, list[Path]] = {}
    for one in skipped:
        by_reason.setdefault(one.reason, []).append(one.path)
    return [
        f"{reason} ({len(paths)}): {', '.join(escaped(path) for path in paths[:_NAMED])}"
        + (", …" if len(paths) > _NAMED else "")
        for reason, paths in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]


def describe(found: ClassFolders) -> list[str]:
    """Say what a data set holds, in lines for a person."""
    count = sum(len(part.files) for part in found.parts)
    lines = [
        f"{escaped(found.directory)}: {len(found.class_names)} classes, {count} photographs: "
        + ", ".join(_counts(found.class_names, [f for part in found.parts for f in part.files]))
    ]
    if found.validation:
        lines.append(
            f"split as the folders say: {len(found.training.files)} to train on, "
            f"{len(found.validation.files)} to validate with"
            + (f", {len(found.test.files)} in test/ left alone" if found.test else "")
        )
    if found.skipped:
        lines.append(f"skipped {len(found.skipped)}: " + "; ".join(reasons(found.skipped)))
    if found.others:
        named = ", ".join(f"{number} {suffix}" for suffix, number in found.others.items())
        lines.append(f"other files, not looked at: {named}")
    return lines


def _counts(names: Sequence[str], files: Iterable[tuple[Path, int]]) -> Iterator[str]:
    numbers = Counter(label for _, label in files)
    for label, name in enumerate(names):
        yield f"{name} {numbers[label]}"


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "there is no such folder"
        raise DataSetError(
            f"no data set at {escaped(folder)}: {what}; expected a folder of class folders"
        )


def folders(directory: Path) -> list[Path]:
    """Return the folders in a directory, sorted, without what systems leave there."""
    try:
        return sorted(
            p for p in directory.iterdir() if not photograph_files.is_litter(p.name) and p.is_dir()
        )
    except OSError as err:
        raise DataSetError(f"{escaped(directory)} cannot be read: {err.strerror}") from err


def _class_folders(root: Path) -> list[Path]:
    there = folders(root)
    if len(there) >= _FEWEST:
        return there
    message = f"{escaped(root)} must hold at least two class folders (one a label), found "
    if not there:
        message += "none"
        if any(photograph_files.looks_like_one(path) for path in root.iterdir() if path.is_file()):
            message += "; photographs lie in it directly: move those of each class to a folder"
    else:
        message += escaped(there[0].name)
        if len(folders(there[0])) >= _FEWEST:
            message += f"; did you mean --data {escaped(there[0])}?"
    raise DataSetError(message)


def _the_same_classes(root: Path, names: Sequence[str], every_class: bool) -> list[Path]:
    """Return the class folders of another part, in the order of ``names``."""
    found = {escaped(folder.name): folder for folder in folders(root)}
    unknown = sorted(found.keys() - set(names))
    missing = [name for name in names if name not in found] if every_class else []
    if unknown or missing:
        raise DataSetError(
            f"the class folders of {escaped(root)} must be those that are trained on "
            f"({', '.join(names)})"
            + (f"; others: {', '.join(unknown)}" if unknown else "")
            + (f"; missing: {', '.join(missing)}" if missing else "")
        )
    return [found.get(name, root / name) for name in names]


def _check_each_class(part: Part, of_classes: Sequence[Path], split_is_stated: bool) -> None:
    numbers = Counter(label for _, label in part.files)
    needed = 1 if split_is_stated else _FEWEST
    for label, folder in enumerate(of_classes):
        if numbers[label] < needed:
            raise DataSetError(
                f"the class folder {escaped(folder)} has {numbers[label] or 'no'} "
                f"photograph{'s' if numbers[label] != 1 else ''} (JPEG or PNG) and needs at least "
                + ("one" if split_is_stated else "2: one to train on, one to validate with")
            )


def _absolute(part: Part) -> Part:
    files = tuple((path.absolute(), label) for path, label in part.files)
    return Part(part.root.absolute(), files)


class _Listing:
    """Collects what folders hold; skipped and other files of all of them together."""

    def __init__(self) -> None:
        self.skipped: list[Skipped] = []
        self.others: Counter[str] = Counter()

    def part(self, root: Path, of_classes: Sequence[Path]) -> Part:
        files = [
            (path, label)
            for label, folder in enumerate(of_classes)
            if folder.is_dir()
            for path in self.photographs(folder)
        ]
        return Part(root, tuple(files))

    def photographs(self, folder: Path) -> list[Path]:
        return sorted(path for path in photograph_files.walk(folder) if self._takes(path))

    def _takes(self, path: Path) -> bool:
        reason = ""
        try:
            with path.open("rb") as file:
                head = file.read(photograph_files.HEAD)
        except OSError as err:
            head, reason = b"", f"cannot be read ({err.strerror})"
        if photograph_files.is_one(head):
            return True
        if not photograph_files.looks_like_one(path):
            self.others[path.suffix.lower() or "without a suffix"] += 1
            return False
        self.skipped.append(Skipped(path, reason or photograph_files.why_none(head, path.suffix)))
        return False
