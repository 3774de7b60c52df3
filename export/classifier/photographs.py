"""A folder of class folders, read once.

``DIR/<class>/<photograph>``. What is no readable image is named, skipped and counted; a class that
has nothing left is an error, because a model that silently lost a class is worse than none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export import images
from export.errors import DataSetError, ImageSizeError
from export.training.input_range import check_image_size

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_READERS = 4  # decoding releases the interpreter lock; more threads than this gain nothing


@dataclass(frozen=True)
class Skipped:
    """A file in a class folder that is not used.

    Attributes:
        path: The file.
        reason: Why.
    """

    path: Path
    reason: str


@dataclass
class Photographs:
    """The usable photographs of a data set, in a fixed order.

    Attributes:
        directory: The folder of class folders.
        class_names: Folder names, sorted; the position is the label.
        files: What the class folders hold, with labels.
        paths: Files; grows while :meth:`read` runs, complete when it has ended.
        labels: Label of each file in ``paths``.
        skipped: What was not usable.
    """

    directory: Path
    class_names: tuple[str, ...]
    files: tuple[tuple[Path, int], ...]
    paths: list[Path] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

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
            DataSetError: When all are read, if a class has fewer than two usable photographs (one
                to train on, one to validate with).
        """

        def load(file: tuple[Path, int]) -> Array | Skipped:
            return _load(file[0], image_size, minimum_size)

        with ThreadPoolExecutor(_READERS) as pool:
            for start in range(0, len(self.files), batch_size):
                files = self.files[start : start + batch_size]
                usable = []
                for (path, label), image in zip(files, pool.map(load, files), strict=True):
                    if isinstance(image, Skipped):
                        log.warning("skipped %s: %s", image.path, image.reason)
                        self.skipped.append(image)
                    else:
                        usable.append(image)
                        self.paths.append(path)
                        self.labels.append(label)
                if usable:
                    yield np.stack(usable)
        if self.skipped:
            log.warning("skipped %d of %d files", len(self.skipped), len(self.files))
        for label, name in enumerate(self.class_names):
            if (count := self.labels.count(label)) < 2:
                raise DataSetError(
                    f"the class {name!r} has {count} usable photographs and needs at least 2 (one "
                    f"to train on, one to validate with); {len(self.skipped)} files were skipped"
                )

    def split(self, validation_fraction: float, seed: int) -> tuple[Array, Array]:
        """Divide the photographs, each class in the same proportion.

        Args:
            validation_fraction: Share of each class to hold out; at least one photograph.
            seed: The same seed gives the same split of the same files.

        Returns:
            Positions for training and for validation, int64, ascending.
        """
        random = np.random.default_rng(seed)
        labels = np.array(self.labels)
        validation = []
        for label in range(len(self.class_names)):
            positions = random.permutation(np.flatnonzero(labels == label))
            count = min(max(1, round(len(positions) * validation_fraction)), len(positions) - 1)
            validation.append(positions[:count])
        held_out = np.sort(np.concatenate(validation))
        return np.setdiff1d(np.arange(len(labels)), held_out), held_out


def find(data_dir: Path) -> Photographs:
    """List a data set without reading it.

    Raises:
        DataSetError: No such folder, fewer than two class folders, or a class folder without a
            file.
    """
    if not data_dir.is_dir():
        raise DataSetError(f"no data set at {data_dir}: expected a folder of class folders")
    folders = sorted(p for p in data_dir.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(folders) < 2:
        found = ", ".join(p.name for p in folders) or "none"
        raise DataSetError(
            f"{data_dir} must hold at least two class folders (one a label), found {found}"
        )
    files = []
    for label, folder in enumerate(folders):
        inside = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
        if not any(p.is_file() for p in inside):
            message = f"the class folder {folder} holds no photographs"
            if inside:
                nested = ", ".join(p.name for p in inside[:3])
                message += (
                    f", only folders ({nested}); name the folder that holds the class folders"
                )
            raise DataSetError(message)
        files += [(path, label) for path in inside]
    return Photographs(data_dir, tuple(p.name for p in folders), tuple(files))


def _load(path: Path, image_size: int, minimum_size: int) -> Array | Skipped:
    if not path.is_file():
        return Skipped(path, "not a file")
    try:
        content = path.read_bytes()
    except OSError as err:
        return Skipped(path, f"cannot be read: {err.strerror}")
    if not content:
        return Skipped(path, "empty")
    try:
        with tf.device("CPU"):
            image = images.decode(tf.constant(content))
            check_image_size(image.shape[0], image.shape[1], minimum_size)
            resized: Array = images.resize(image, image_size).numpy()
    except ImageSizeError as err:
        return Skipped(path, str(err))
    except tf.errors.OpError as err:
        return Skipped(path, f"not an image that can be decoded: {err.message.split(' [Op:')[0]}")
    return resized
