"""A folder of labelled images: its files, and what their names say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from export import photograph_files
from export.errors import DataSetError
from export.file_names import escaped
from export.labels.annotations import Collected, UnreadableError
from export.labels.image_index import ImageIndex
from export.labels.part_names import part_named, part_of
from export.labels.text_files import JsonFile

_COCO_BOXES = "instances_"
COCO_OTHERS = ("captions_", "person_keypoints_", "panoptic_", "stuff_", "image_info_")
"""What names of COCO's files that are not about boxes begin with."""

_HEAD = 1 << 20
_NAMED = 3
_DOCUMENTS = frozenset((".xml", ".json", ".txt", ".csv", ".yaml", ".yml", ".md", ".data", ".names"))


class Folder:
    """A data set's folder.

    Attributes:
        root: Its path.
        files: All files in it, sorted, without what systems leave there.
    """

    def __init__(self, root: Path) -> None:
        """List a folder.

        Raises:
            DataSetError: There is no such folder, or it cannot be read.
        """
        if not root.is_dir():
            what = "it is a file" if root.exists() else "there is no such folder"
            raise DataSetError(
                f"no data set at {escaped(root)}: {what}; expected a folder of labelled images"
            )
        self.root = root
        self.files = tuple(photograph_files.walk(root))
        self._json: dict[Path, JsonFile | UnreadableError] = {}

    def ending(self, *suffixes: str) -> list[Path]:
        """Return the files with one of the suffixes, in any case."""
        return [path for path in self.files if path.suffix.lower() in suffixes]

    def named(self, *names: str) -> list[Path]:
        """Return the files with one of the names, in any case."""
        return [path for path in self.files if path.name.lower() in names]

    def name(self, path: Path) -> str:
        """Return a file's name below the folder, for people."""
        return escaped(path.relative_to(self.root))

    @cached_property
    def images(self) -> tuple[Path, ...]:
        """The image files, and those that only look like some."""
        return tuple(path for path in self.files if _is_image(path))

    def json(self, path: Path) -> JsonFile:
        """Read a JSON file, once.

        Raises:
            UnreadableError: It is no JSON.
        """
        if path not in self._json:
            try:
                self._json[path] = JsonFile(path)
            except UnreadableError as err:
                self._json[path] = err
        found = self._json[path]
        if isinstance(found, UnreadableError):
            raise found
        return found

    def json_files(self, collected: Collected | None = None) -> Iterator[JsonFile]:
        """Yield the JSON files that can be read.

        Beside COCO's boxes, its captions, keypoints and masks are not: they are larger still.

        Args:
            collected: Where it goes that another, which looks like labels, cannot be read; None: it
                is no matter.

        Raises:
            UnreadableError: As :meth:`complain`.
        """
        paths = self.ending(".json")
        if any(path.name.startswith(_COCO_BOXES) for path in paths):
            paths = [path for path in paths if not path.name.startswith(COCO_OTHERS)]
        for path in paths:
            try:
                file = self.json(path)
            except UnreadableError as err:
                if collected is not None and _has_labels(path):
                    self.complain(err, collected)
                continue
            yield file

    def part_of(self, path: Path) -> str | None:
        """Return the part that a file's folders say, the innermost first."""
        return part_of(path.relative_to(self.root))

    def part_said_by_name(self, path: Path) -> str | None:
        """Return the part that words of a file's name say, if one alone: ``2007_train.txt``."""
        words = re.split(r"[^A-Za-z0-9]+", path.stem)
        found = {part for word in words if (part := part_named(word))}
        return found.pop() if len(found) == 1 else None

    def part_said_by(self, path: Path) -> str | None:
        """Return the part that a file's name or its folders say (``instances_train2017.json``)."""
        return self.part_said_by_name(path) or self.part_of(path)

    def image(self, name: str, near: Sequence[Path] = ()) -> Path:
        """Find the image that a name means, see :meth:`ImageIndex.find`."""
        return self._index.find(name, near)

    def complain(self, err: UnreadableError, collected: Collected) -> None:
        """Note that a file of labels cannot be read.

        Raises:
            UnreadableError: The file is that of a part: without it the data set would be divided
                otherwise than it says.
        """
        if self.part_said_by(err.problem.path):
            raise err
        collected.problems.append(err.problem)

    def images_of(
        self,
        labels: Mapping[Path, str],
        collected: Collected,
        is_one: Callable[[Path], bool] = lambda _: True,
    ) -> dict[Path, Path | None]:
        """Find the image of each file of labels; of several for one image the nearest are used.

        Args:
            labels: Files of labels, and the image's name as each states it, or nothing.
            collected: Where it goes that files are not used, a problem for each folder of them.
            is_one: Whether a file is one of labels, asked where several are of one image.

        Returns:
            Image by file, None where none is of its name; files that are not used are not in it.
        """
        found: dict[Path, Path | None] = {}
        for path, stated in labels.items():
            images = self._index.beside(path, stated)
            if len(images) > 1:
                several = ", ".join(map(self.name, images[:_NAMED]))
                collected.problem(path, f"can be of several images: {several}")
            else:
                found[path] = images[0] if images else None
        of_image: dict[Path, list[Path]] = defaultdict(list)
        for path, image in found.items():
            if image:
                of_image[image].append(path)
        left: dict[Path, list[tuple[Path, Path]]] = defaultdict(list)
        for image, paths in of_image.items():
            if len(paths) == 1:
                continue
            used = self._index.nearest(image, [p for p in paths if is_one(p)] or paths)
            for path in paths:
                if path not in used:
                    del found[path]
                    left[path.parent].append((path, used[0]))
        for others in left.values():
            (path, instead), count = others[0], len(others)
            more = f" (and {count - 1} more files beside this one)" if count > 1 else ""
            reason = f"not used: {self.name(instead)} has the labels of the same image{more}"
            collected.problem(path, reason)
        return found

    def image_beside(self, labels: Path, stated: str = "") -> Path | None:
        """Find the image that a file of labels belongs to, see :meth:`ImageIndex.beside`."""
        return next(iter(self._index.beside(labels, stated)), None)

    @cached_property
    def _index(self) -> ImageIndex:
        return ImageIndex(self.root, self.images)


def note_unlisted(folder: Folder, collected: Collected) -> None:
    """Say how many images lie beside those that files of labels list, and are in none."""
    listed = {image.path for part in collected.parts.values() for image in part}
    homes = {path.parent for path in listed}
    if left := sum(path not in listed and path.parent in homes for path in folder.images):
        collected.notes.append(f"{left} images that no file of labels lists are not used")


def _has_labels(path: Path) -> bool:
    """Tell whether a broken JSON file looks like labels, and not like another program's."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return any(word in head for word in (b'"annotations"', b'"images"', b'"bounding_box"'))


def _is_image(path: Path) -> bool:
    if photograph_files.looks_like_one(path):
        return True
    if path.suffix.lower() in _DOCUMENTS:
        return False
    try:
        with path.open("rb") as file:
            return photograph_files.is_one(file.read(photograph_files.HEAD))
    except OSError:
        return False
