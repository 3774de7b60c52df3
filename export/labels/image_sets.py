"""VOC's lists of images: ``ImageSets/[Main/]{train,val,trainval,test}.txt``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from export.labels import text_files
from export.labels.annotations import (
    TEST,
    TRAINING,
    VALIDATION,
    Collected,
    LabelledImage,
    UnreadableError,
)
from export.labels.folder import Folder

_FOLDER = "imagesets"
# In lists of one class a name is followed by 1, 0 or -1.
_COLUMN = re.compile(r"\s+[-+]?[01]$")
_LOOKED_AT = 200  # lines of a text that may be a list

Labelled = tuple[Path, LabelledImage]
"""An image, and the file that it is labelled in."""


@dataclass(frozen=True)
class Lists:
    """The lists of one folder; VOCdevkit has one such folder a year.

    Attributes:
        home: The folder whose images they name.
        of_part: The lists of each part.
        minus: A part, and the part whose images are not of it: VOC's trainval.txt has both.
        are_all: Whether what they do not name is not used: VOC's own. Of others the rest is what
            its folders say, or what is trained on where no list says that.
    """

    home: Path
    of_part: Mapping[str, tuple[Path, ...]]
    minus: tuple[str, str] | None = None
    are_all: bool = True


def find(folder: Folder, images: Sequence[Labelled]) -> list[Lists]:
    """Return the lists of parts, those of each folder together: VOC's own, else any of such names.

    Args:
        folder: The data set.
        images: Each with the file that it is labelled in.

    Raises:
        UnreadableError: One that names our images cannot be read.
    """
    return _of_image_sets(folder) or _elsewhere(folder, _Names(images))


def _of_image_sets(folder: Folder) -> list[Lists]:
    there: dict[Path, dict[str, list[Path]]] = defaultdict(dict)
    for home in (_FOLDER, "main"):  # the second is VOC's own place and goes before
        for path in folder.ending(".txt"):
            above = [parent.name.lower() for parent in path.relative_to(folder.root).parents]
            if above[0] == home and _FOLDER in above:
                images = path.parents[above.index(_FOLDER) + 1]
                there[images][path.stem.lower()] = [path]
    found = [_by_part(home, paths, are_all=True) for home, paths in there.items()]
    return [lists for lists in found if lists.of_part]


def _by_part(home: Path, paths: Mapping[str, list[Path]], *, are_all: bool) -> Lists:
    """Sort lists by part.

    Args:
        home: The folder whose images they name.
        paths: By ``train``, ``trainval``, ``val``, ``valid``, ``validation`` and ``test``.
        are_all: See :class:`Lists`.
    """
    validation = paths.get("val") or paths.get("valid") or paths.get("validation")
    training, both = paths.get("train"), paths.get("trainval")
    minus = None
    if both and not training:
        minus = (TRAINING, VALIDATION)
    elif both and not validation:
        validation, minus = both, (VALIDATION, TRAINING)
    named = {
        TRAINING: training or both,
        VALIDATION: validation,
        TEST: paths.get("test"),
    }
    return Lists(home, {part: tuple(of) for part, of in named.items() if of}, minus, are_all)


def _elsewhere(folder: Folder, names: _Names) -> list[Lists]:
    """Return lists such as ``annotations/trainval.txt`` or ``train_list.txt``: of names we know."""
    there: dict[Path, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in folder.ending(".txt"):
        part = folder.part_said_by_name(path)
        if part and not folder.image_beside(path) and _names_ours(path, names):
            word = "trainval" if "trainval" in path.stem.lower() else _WORDS[part]
            there[path.parent][word].append(path)
    return [_by_part(home, paths, are_all=False) for home, paths in there.items()]


_WORDS = {TRAINING: "train", VALIDATION: "val", TEST: "test"}


def _names_ours(path: Path, names: _Names) -> bool:
    """Tell whether any line of a text names an image of ours.

    Raises:
        UnreadableError: One does, and the text is in no encoding that is known.
    """
    content = text_files.read_bytes(path)
    try:
        lines = text_files.decode(path, content).splitlines()
    except UnreadableError:
        if _any_named(content.decode("latin-1").splitlines(), names, path.parent):
            raise
        return False
    return _any_named(lines, names, path.parent)


def _any_named(lines: Sequence[str], names: _Names, home: Path) -> bool:
    return any(names.find(line.strip(), home) for line in lines[:_LOOKED_AT] if line.strip())


def divide(
    folder: Folder, images: Sequence[Labelled], homes: Sequence[Lists], collected: Collected
) -> None:
    """Add images to the parts whose lists name them.

    Args:
        folder: The data set.
        images: Each with the file that it is labelled in.
        homes: The lists of :func:`find`.
        collected: Where they go; a name that means nothing, or several images, is a problem.

    Raises:
        DataSetError: A list cannot be read.
    """
    names = _Names(images)
    by_path: dict[Path, list[LabelledImage]] = defaultdict(list)
    for _, image in images:  # several files may be of one, each of a class
        by_path[image.path].append(image)
    members: dict[str, dict[Path, None]] = {}
    outermost: dict[Path, int] = {}
    for lists in sorted(homes, key=lambda one: len(one.home.parts)):
        listed = _members(lists, names, collected)
        depth = len(lists.home.parts)
        mine = {path for of_part in listed.values() for path in of_part}
        if not lists.are_all and any(outermost.get(path, depth) < depth for path in mine):
            said = "its lists name images that lists farther out have named; they are not used"
            collected.notes.append(f"{folder.name(lists.home)}: {said}")
            continue
        outermost.update(dict.fromkeys(mine, depth))
        for part, of_part in listed.items():
            members.setdefault(part, {}).update(of_part)
    for part, of_part in members.items():
        for path in of_part:
            for labelled in by_path[path]:
                collected.add(part, labelled)
    are_all, left = all(lists.are_all for lists in homes), 0
    for label_file, image in images:
        if image.path in outermost:
            continue
        by_folder = folder.part_of(label_file)
        if are_all or (by_folder or TRAINING) in members:
            left += 1
        else:
            collected.add(by_folder, image)
    if left:
        collected.notes.append(f"{left} images that no list names are not used")


def _members(lists: Lists, names: _Names, collected: Collected) -> dict[str, dict[Path, None]]:
    """Return the images of each part that the lists of one folder name, in their order."""
    found = {
        part: dict.fromkeys(p for path in paths for p in _listed(path, names, lists, collected))
        for part, paths in lists.of_part.items()
    }
    if lists.minus:
        part, other = lists.minus
        for path in found.get(other, {}):
            found[part].pop(path, None)
    return found


def _listed(path: Path, names: _Names, lists: Lists, collected: Collected) -> Iterator[Path]:
    for number, line in text_files.lines(path):
        found = names.find(line, lists.home)
        if not found:
            collected.problem(path, f"{line!r} is the name of no annotation and no image", number)
        elif len({image.path for image in found}) > 1:
            collected.problem(path, f"{line!r} can mean several images", number)
        else:
            yield found[0].path


class _Names:
    """Images by the names that lists give them."""

    def __init__(self, images: Sequence[Labelled]) -> None:
        self._by_stem: dict[str, list[LabelledImage]] = defaultdict(list)
        self._by_place: dict[tuple[str, str], list[LabelledImage]] = defaultdict(list)
        for label_file, image in images:
            for path in {label_file.with_suffix(""), image.path.with_suffix("")}:
                self._by_stem[path.name.casefold()].append(image)
                self._by_place[path.parent.name, path.name].append(image)

    def find(self, line: str, home: Path) -> list[LabelledImage]:
        """Return the image that a line names, or that its first column does.

        Args:
            line: A bare name, one with a suffix, or with folders; something may follow it.
            home: The folder whose images are meant.

        Returns:
            Several where each is as likely.
        """
        if not line:
            return []
        # PaddleDetection's lists have two columns.
        for stated in dict.fromkeys((line, _COLUMN.sub("", line), line.split()[0])):
            if found := self._of_name(PurePosixPath(stated.replace("\\", "/")), home):
                return found
        return []

    def _of_name(self, stated: PurePosixPath, home: Path) -> list[LabelledImage]:
        place = self._by_place.get((stated.parent.name, stated.stem), ())
        if stated.parent.name and len(place) == 1:
            return list(place)
        by_stem = self._by_stem
        candidates = by_stem.get(stated.name.casefold()) or by_stem.get(stated.stem.casefold())
        if not candidates or len(candidates) == 1:
            return candidates or []

        def agreement(image: LabelledImage) -> tuple[int, bool]:
            same = [
                a == b for a, b in zip(image.path.parts[-2::-1], stated.parts[-2::-1], strict=False)
            ]
            common = same.index(False) if False in same else len(same)
            return common, image.path.is_relative_to(home)

        best = max(map(agreement, candidates))
        return [image for image in candidates if agreement(image) == best]
