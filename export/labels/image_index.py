"""Which image a name in an annotation file means.

The images were labelled on another machine, by a tool that renamed, escaped or moved them, so a
name is looked for in steps, from what it says to what it can only mean.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from export import photograph_files
from export.errors import DataSetError
from export.file_names import escaped
from export.labels.part_names import part_of

# Beside them lie masks and depth maps of the same names.
_IMAGE_FOLDERS = ("jpegimages", "images", "image", "imgs", "img", "data")
_LABEL_FOLDERS = frozenset(("annotations", "annotation", "labels", "label", "xml", "xmls", "txt"))
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before an uploaded file's name
_NAMED = 3

Key = TypeVar("Key")


@dataclass(frozen=True)
class _Folders:
    """The folders of a file below the data set's: their names, folded, and the part they say."""

    names: tuple[str, ...]
    part: str | None


class ImageIndex:
    """The images of a folder, by name."""

    def __init__(self, root: Path, images: Sequence[Path]) -> None:
        """Keep what names are looked up in.

        Args:
            root: The folder.
            images: The image files below it.
        """
        self._root, self._images = root, images

    def find(self, name: str, near: Sequence[Path] = ()) -> Path:
        """Find the image that a name means.

        Args:
            name: As an annotation file states it: a path of any system, a URL, a bare name.
            near: Folders that it is probably relative to, the likeliest first.

        Returns:
            The file; where there is none, where it would be expected.

        Raises:
            DataSetError: The name can mean several images.
        """
        variants = list(_variants(name))
        bases = ["" if base == self._root else self._name(base) for base in (*near, self._root)]
        for variant in variants:
            for base in bases:
                exact = _normal(posixpath.join(base, variant.lstrip("/")))
                if exact in self._by_path:
                    return self._by_path[exact]
        for variant in variants:
            if found := self._meant(PurePosixPath(variant), bases):
                return found
        last = PurePosixPath(variants[-1]).name or "?"
        return self._expected_home(near[0] if near else self._root) / last.replace("\0", "?")

    def _expected_home(self, near: Path) -> Path:
        """Return the folder of images that is nearest to a folder."""

        def shared(home: Path) -> int:
            return sum(a == b for a, b in zip(home.parts, near.parts, strict=False))

        homes = sorted({path.parent for path in self._images})
        return near if near in homes else max(homes, key=shared, default=near)

    def _meant(self, stated: PurePosixPath, bases: Sequence[str]) -> Path | None:
        plain = _UPLOADED.sub("", stated.name)
        uploaded = stated.with_name(plain) if plain else stated
        for wanted in dict.fromkeys((stated, uploaded)):
            candidates = self._by_name.get(_fold(wanted.name)) or self._by_stem.get(
                _fold(wanted.name)  # stated without a suffix: what follows a dot is part of it
            )
            if not candidates and photograph_files.looks_like_one(Path(wanted.name)):
                candidates = self._by_stem.get(_fold(wanted.stem))
            if candidates:
                return self._only(candidates, wanted, bases)
        return None

    def _only(self, candidates: list[Path], wanted: PurePosixPath, bases: Sequence[str]) -> Path:
        """Return the one candidate that agrees best with the stated folders, or lies nearest."""

        def agreement(path: Path) -> tuple[int, int, int]:
            parts = zip(
                path.relative_to(self._root).parts[-2::-1], wanted.parts[-2::-1], strict=False
            )
            common = 0
            for mine, theirs in parts:
                if _fold(mine) != _fold(theirs):
                    break
                common += 1
            home = self._name(path.parent) if path.parent != self._root else ""
            near = -bases.index(home) if home in bases else -len(bases)
            return common, near, path.name == wanted.name

        if len(candidates) == 1:
            return candidates[0]
        ranked = sorted(candidates, key=agreement, reverse=True)
        if len(ranked) > 1 and agreement(ranked[0]) == agreement(ranked[1]):
            several = ", ".join(self._name(path) for path in ranked[:_NAMED])
            raise DataSetError(f"{wanted.name!r} can mean several images: {several}")
        return ranked[0]

    @cached_property
    def _by_path(self) -> dict[str, Path]:
        return {_normal(path.relative_to(self._root).as_posix()): path for path in self._images}

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        return _index((_fold(path.name), path) for path in self._images)

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        return _index((_fold(path.stem), path) for path in self._images)

    def beside(self, labels: Path, stated: str = "") -> list[Path]:
        """Find the image that a file of labels belongs to by its own name.

        Args:
            labels: The file of labels, ``Annotations/a.xml`` of ``JPEGImages/a.jpg``.
            stated: The image's name as the file states it, to choose by among several.

        Returns:
            It; several where images of as many folders are as likely, none where there is no such.
        """
        home = self._folders(labels)
        wanted = _fold(PurePosixPath(stated.replace("\\", "/")).name)
        for names in (home.names, *self._opposite(home.names)):  # where it mostly is
            here = self._by_place.get((names, labels.stem), [])
            if len(here) == 1 and (not wanted or _fold(here[0].name) == wanted):
                return here
        plain = unquote(labels.stem)  # as Label Studio names it
        stems = dict.fromkeys(map(_fold, (labels.stem, plain, _UPLOADED.sub("", plain))))
        named = next((found for stem in stems if (found := self._by_stem.get(stem))), ())
        if home.part:
            named = [path for path in named if self._folders(path).part in (home.part, None)]

        def agreement(path: Path) -> tuple[int, ...]:
            mine = self._folders(path)
            of_images = sum(name in _IMAGE_FOLDERS for name in mine.names)
            return (
                path.parent == labels.parent,
                _fold(path.name) == wanted,
                of_images > 0,
                -_apart(mine.names, home.names),
                of_images,
                path.stem == labels.stem,
            )

        best = max(map(agreement, named), default=())
        by_folder = {path.parent: path for path in reversed(named) if agreement(path) == best}
        return list(by_folder.values())[::-1]

    def nearest(self, image: Path, labels: Sequence[Path]) -> list[Path]:
        """Return the file of labels that an image's objects stand in, of several of its name.

        Predictions, copies and older versions lie farther away: ``labels/val/a.txt`` is that of
        ``images/val/a.jpg``, and ``runs/detect/val/labels/a.txt`` is not. Several are returned
        where each is as near as the other: a file a class, say.
        """
        mine = self._folders(image).names

        def agreement(path: Path) -> tuple[int, ...]:
            names = self._folders(path).names
            of_labels = any(name in _LABEL_FOLDERS for name in names)
            return mine in self._opposite(names), -_apart(mine, names), of_labels

        best = max(map(agreement, labels))
        found = [path for path in labels if agreement(path) == best]
        return [path for path in found if path.stem == image.stem] or found

    def _opposite(self, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Yield the folders of images that a folder of labels is for: labels/a's is images/a."""
        for at, name in enumerate(names):
            if name in _LABEL_FOLDERS:
                for other in self._image_folders:
                    yield (*names[:at], other, *names[at + 1 :])

    @cached_property
    def _image_folders(self) -> tuple[str, ...]:
        """Names of folders of images that there are, in the order of their likelihood."""
        there = {name for path in self._images for name in self._folders(path).names}
        return tuple(name for name in _IMAGE_FOLDERS if name in there)

    @cached_property
    def _by_place(self) -> dict[tuple[tuple[str, ...], str], list[Path]]:
        return _index(((self._folders(path).names, path.stem), path) for path in self._images)

    def _folders(self, path: Path) -> _Folders:
        """Return what is known of a file's folders, worked out once for each."""
        if (found := self._of_folder.get(path.parent)) is None:
            relative = path.relative_to(self._root)
            found = _Folders(tuple(map(_fold, relative.parts[:-1])), part_of(relative))
            self._of_folder[path.parent] = found
        return found

    @cached_property
    def _of_folder(self) -> dict[Path, _Folders]:
        return {}

    def _name(self, path: Path) -> str:
        return escaped(path.relative_to(self._root))


def _apart(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the folders that two paths do not share, from the outermost on and from the innermost.

    ``labels/cam1`` and ``images/cam1`` are 2 apart, ``labels/cam1`` and ``images/cam2`` 4.
    """
    shortest = min(len(one), len(other))
    before = next((i for i in range(shortest) if one[i] != other[i]), shortest)
    left = shortest - before
    after = next((i for i in range(left) if one[-1 - i] != other[-1 - i]), left)
    return len(one) + len(other) - 2 * (before + after)


def _index(pairs: Iterable[tuple[Key, Path]]) -> dict[Key, list[Path]]:
    found = defaultdict(list)
    for key, path in pairs:
        found[key].append(path)
    return found


def _variants(name: str) -> Iterator[str]:
    """Yield what a stated name can be: itself, with other slashes, without a URL's ornaments."""
    slashed = name.strip().replace("\\", "/")
    seen = []
    for plain in (name.strip(), slashed, unquote(slashed)):
        seen.append(plain)
        if "?" in plain or "://" in plain:
            try:
                url = urlsplit(slashed)
            except ValueError:  # an address that is none
                continue
            # Label Studio's local files: /data/local-files/?d=folder/image.jpg
            seen += [*parse_qs(url.query).get("d", ()), unquote(url.path)]
    yield from dict.fromkeys(seen)


def _normal(path: str) -> str:
    return unicodedata.normalize("NFC", posixpath.normpath(path))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
