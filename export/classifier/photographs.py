"""The photographs of a data set, decoded once and divided into what trains and what validates.

What is no readable image is named, skipped and counted; too many of them end the run, and so does a
class that has nothing left, because a model that silently lost a class is worse than none.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export import class_folders, duplicates, images, splitting
from export.class_folders import MAX_SKIPPED, ClassFolders, Skipped
from export.errors import DataSetError, ImageSizeError
from export.training.input_range import check_image_size

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_READERS = 4  # decoding releases the interpreter lock; more threads than this gain nothing
_DECODER = re.compile(r"\{\{.*?\}\} ?| \[Op:.*", re.DOTALL)  # inner names in TensorFlow's messages


@dataclass
class Photographs:
    """The usable photographs of a data set, in a fixed order.

    Attributes:
        folders: What was found, before decoding.
        max_skipped: Largest share of photographs that may be unusable.
        allow_leaks: Whether any number may stand on both sides of the split.
        paths: Files; grows while :meth:`read` runs, complete when it has ended.
        labels: Label of each file in ``paths``.
        thumbnails: Of each file in ``paths``, see :func:`export.duplicates.thumbnails`.
        skipped: What was not usable.
    """

    folders: ClassFolders
    max_skipped: float = MAX_SKIPPED
    allow_leaks: bool = False
    paths: list[Path] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    thumbnails: list[Array] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with what the first bytes told."""
        self.skipped = list(self.folders.skipped)

    @property
    def directory(self) -> Path:
        """The folder that all files lie below."""
        return self.folders.directory

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the class folders; the position is the label."""
        return self.folders.class_names

    @property
    def files(self) -> tuple[tuple[Path, int], ...]:
        """What is to be read, with labels: training, then validation where it is stated."""
        return tuple(file for part in self.folders.parts for file in part.files)

    def read(self, image_size: int, batch_size: int, minimum_size: int = 1) -> Iterator[Array]:
        """Decode and resize every file once.

        Args:
            image_size: Side of the square in pixels.
            batch_size: Most photographs a batch.
            minimum_size: Smallest side that the base accepts, in pixels; smaller photographs are
                skipped, because enlarged they would show it nothing that it knows.

        Yields:
            float32 [batch, image_size, image_size, 3], RGB, 0 to 255, in the order of ``paths``.

        Raises:
            DataSetError: When all are read, if more than ``max_skipped`` are unusable, or a class
                has fewer than two usable photographs (one to train on, one to validate with).
        """
        files = self.files

        def load(file: tuple[Path, int]) -> Array | Skipped:
            return _load(file[0], image_size, minimum_size)

        with ThreadPoolExecutor(_READERS) as pool:
            for start in range(0, len(files), batch_size):
                part = files[start : start + batch_size]
                usable = []
                for (path, label), image in zip(part, pool.map(load, part), strict=True):
                    if isinstance(image, Skipped):
                        self.skipped.append(image)
                    else:
                        usable.append(image)
                        self.paths.append(path)
                        self.labels.append(label)
                if usable:
                    batch = np.stack(usable)
                    self.thumbnails.extend(duplicates.thumbnails(batch))
                    yield batch
        self._check()

    def split(
        self,
        validation_fraction: float,
        seed: int,
        group_by: str = "",
        contents: Mapping[Path, str] | None = None,
    ) -> tuple[Array, Array]:
        """Divide the photographs: as the folders say, or each class in the same proportion.

        Args:
            validation_fraction: Share of each class to hold out where the folders say nothing; at
                least one photograph.
            seed: The same seed gives the same split of the same files.
            group_by: A regular expression of a file's name below the data set: photographs with
                the same match (its first group, if it has one) stand on one side.
            contents: SHA-256 of each file: copies of one file stand on one side.

        Returns:
            Positions for training and for validation, int64, ascending.

        Raises:
            DataSetError: The folders put one group on both sides, or a class has one group only.
        """
        names = [path.relative_to(self.directory) for path in self.paths]
        digests = [(contents or {}).get(path, "") for path in self.paths]
        groups = splitting.groups(names, digests, group_by)
        if self.folders.validation:
            held_out = {path for path, _ in self.folders.validation.files}
            validates = np.array([path in held_out for path in self.paths])
            if group_by:
                splitting.check_sides(names, groups, validates)
        else:
            validates = splitting.hold_out(
                np.array(self.labels), groups, validation_fraction, seed, self.class_names
            )
        return np.flatnonzero(~validates), np.flatnonzero(validates)

    def _check(self) -> None:
        if self.skipped:
            log.warning("skipped %d photographs:", len(self.skipped))
            for line in class_folders.reasons(self.skipped):
                log.warning("  %s", line)
        class_folders.check_skipped(self.skipped, len(self.paths), self.max_skipped)
        for label, name in enumerate(self.class_names):
            if (count := self.labels.count(label)) < 2:
                raise DataSetError(
                    f"the class {name!r} has {count} usable photographs and needs at least 2 (one "
                    f"to train on, one to validate with); {len(self.skipped)} files were skipped"
                )
        if self.folders.validation:
            self._check_both_sides()

    def _check_both_sides(self) -> None:
        read = set(self.paths)
        for part, doing in zip(self.folders.parts, ("train on", "validate with"), strict=True):
            usable = {label for path, label in part.files if path in read}
            if lacking := [
                name for label, name in enumerate(self.class_names) if label not in usable
            ]:
                raise DataSetError(
                    f"no usable photograph of {', '.join(lacking)} to {doing} in {part.root}"
                )


def find(
    data_dir: Path, validation_dir: Path | None = None, max_skipped: float = MAX_SKIPPED
) -> Photographs:
    """List a data set without reading it; arguments and errors are those of `class_folders.find`.

    Args:
        data_dir: A folder of class folders, or of ``train/`` and ``val/``.
        validation_dir: Class folders to validate with, where they lie elsewhere.
        max_skipped: Largest share of photographs that may be unusable.
    """
    return Photographs(class_folders.find(data_dir, validation_dir), max_skipped)


def _load(path: Path, image_size: int, minimum_size: int) -> Array | Skipped:
    try:
        content = path.read_bytes()
    except OSError as err:
        return Skipped(path, f"cannot be read ({err.strerror})")
    try:
        with tf.device("CPU"):
            image = images.decode(tf.constant(content))
            check_image_size(image.shape[0], image.shape[1], minimum_size)
            resized: Array = images.resize(image, image_size).numpy()
    except ImageSizeError as err:
        return Skipped(path, str(err))
    except tf.errors.OpError as err:
        return Skipped(path, _in_words(err.message))
    return resized


def _in_words(message: str) -> str:
    """Say what a decoder's message means."""
    text = _DECODER.sub("", message).strip()
    if "assertion failed" in text:
        text = text.partition("assertion failed:")[2].strip()
    if "Invalid JPEG" in text or "Premature end" in text:
        return "a JPEG file that is cut off or broken"
    if "Invalid PNG" in text:
        return "a PNG file that is cut off or broken"
    return text.splitlines()[0]
