"""Photographs, or features of them, kept on disk, and which of them are held out."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export.errors import DataSetError
from export.training.memory import BatchHalving
from export.training.row_store import RowStore

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

_ROWS = 32
_FREE_SHARE = 0.8  # of the disk's free space that may be used


@dataclass(frozen=True)
class Split:
    """Photographs, or features of them, and who trains on which.

    Attributes:
        inputs: float32 [photographs, …].
        labels: int32 [photographs].
        training: Positions of the training photographs.
        validation: Positions of the held-out photographs.
        scratch: Where rows are kept; None: where the system keeps temporary files.
    """

    inputs: RowStore
    labels: Array
    training: Array
    validation: Array
    scratch: Path | None = None

    def map(self, model: Any, memory: BatchHalving) -> Split:
        """Return the split of a model's outputs, computed once.

        Args:
            model: Of ``inputs``, to [photographs, …].
            memory: Calls it on as much as fits.
        """
        features = inference(model)

        def outputs() -> Iterator[Array]:
            for start in range(0, len(self.inputs), _ROWS):
                yield memory.map(features, self.inputs[start : start + _ROWS])

        stored = store(outputs(), len(self.inputs), self.scratch)
        return Split(stored, self.labels, self.training, self.validation, self.scratch)


def store(batches: Iterable[Array], rows: int, scratch: Path | None) -> RowStore:
    """Keep batches on disk, in half the bytes where whole ones do not fit.

    Args:
        batches: float32 [n, …] each, at least one.
        rows: Most rows of all together, for the room that they need.
        scratch: Where; None: where the system keeps temporary files.

    Raises:
        DataSetError: There is not enough room on the disk.
    """
    kept: RowStore | None = None
    for batch in batches:
        if kept is None:
            kept = RowStore(scratch, batch.shape[1:], _dtype(batch, rows, scratch))
        try:
            kept.append(batch)
        except OSError as err:
            raise DataSetError(
                f"the disk is full while features are kept ({err.strerror}); make room in "
                f"{scratch or 'the folder of temporary files'}, or name another with --work"
            ) from err
    if kept is None:
        raise DataSetError("no photograph can be used")
    return kept


def _dtype(batch: Array, rows: int, scratch: Path | None) -> str:
    need = batch[0].size * 4 * rows
    free = shutil.disk_usage(scratch or tempfile.gettempdir()).free * _FREE_SHARE
    if need <= free:
        return "float32"
    if need / 2 <= free:
        log.warning("little room on the disk: features are kept in 16 bits (%.1f GB)", need / 2e9)
        return "float16"
    raise DataSetError(
        f"the features of {rows} photographs need {need / 2e9:.1f} GB and the disk of "
        f"{scratch or 'temporary files'} has {free / 1e9:.1f}: make room, name a folder on another "
        "disk with --work, or lower --image-size"
    )


def inference(model: Any) -> Callable[[Array], Array]:
    """Return a model as a function of batches of any size, built once.

    ``predict`` builds it again for every new batch size, and a data set has a last batch.
    """
    specification = tf.TensorSpec([None, *model.input.shape[1:]], tf.float32)

    call = tf.function(lambda batch: model(batch, training=False), input_signature=[specification])
    return lambda batch: np.asarray(call(tf.convert_to_tensor(batch)))
