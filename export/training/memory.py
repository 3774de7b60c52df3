"""Out of memory: the batch is halved and the step tried again.

How much memory a step takes is known only when it has run. A run that dies of it in the first
minute costs an hour of somebody's patience, so a step whose batch does not fit is done in two
halves, each a step of its own, and every later batch is divided likewise. Order and number of the
examples stay what they were; only the number of updates grows, and the result says so.

This happens around Keras's step function, so it works with any data: nothing is read twice and no
epoch is begun again. The weights are put back to what they were before the step, if the failing
step was larger than any that has been through; later, when memory became scarce in the middle of a
run, a part of the failed update may stay.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.errors import OutOfMemoryError
from export.training.last_end import LastEnd, ProcessNote
from export.training.set_aside import SetAside, assign
from export.training.work import Work

log = logging.getLogger(__name__)

_TRAINING = "training"


class BatchHalving(keras.callbacks.Callback):
    """Halves batches that do not fit into memory, in ``fit`` and in the validation inside it.

    ::

        memory = BatchHalving()
        model.fit(…, callbacks=[memory])
        record["notes"] += memory.notes

    One object serves all fits of a run: what did not fit once is not tried again. Not for models
    of a ``tf.distribute`` strategy with several replicas, which would wait for the second half of
    one of them for ever: :class:`export.training.distribution.Distribution` says instead that the
    batch size must be lowered.

    Attributes:
        limit: Most examples a step, None as long as everything fitted.
        notes: What was halved, for the record of the run.
    """

    def __init__(
        self,
        limit: int | None = None,
        halved: Callable[[int], None] = lambda _: None,
        scratch: Path | None = None,
    ) -> None:
        """Set up.

        Args:
            limit: Most examples a step from the start; None: as long as everything fits, none.
            halved: Called with every limit that is found.
            scratch: A folder on the disk that holds the weights while a step is tried that is
                larger than any before; None: memory holds them.
        """
        super().__init__()
        self.limit = limit
        self.notes: list[str] = []
        self._halved, self._scratch = halved, scratch
        self._fitted = 0  # largest training step of this fit that has been through

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Take over the training step."""
        self._fitted = 0  # another model may need more
        self.model.train_function = self._halving(self.model.train_function, _TRAINING)

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Give both steps back, and let the model go: the next fit has one of its own."""
        for name in ("train_function", "test_function"):
            step = getattr(self.model, name)
            setattr(self.model, name, getattr(step, "whole", step))
        self.set_model(None)

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Take over the validation step."""
        self.model.test_function = self._halving(self.model.test_function, "validation")

    def map(self, function: Callable[[Any], Any], batch: Any) -> Any:
        """Call a function of a batch, in parts if it does not fit.

        Args:
            function: Of a batch (arrays or tensors, nested as Keras allows, [examples, …]) to
                arrays or tensors, [examples, …].
            batch: Its argument.

        Returns:
            What the function gives; where it took parts, those joined as arrays.

        Raises:
            OutOfMemoryError: One example alone does not fit.
        """
        parts = list(self._steps(function, batch, "computing features"))
        if len(parts) == 1:
            return parts[0]
        return keras.tree.map_structure(_join, *parts)

    def _halving(self, step: Any, doing: str) -> Any:
        if hasattr(step, "whole"):
            return step

        def halving(iterator: Any) -> Any:
            logs = None
            # A step on a list of one batch is a step on that batch, and the batch is kept here
            # until it is through.
            batches = list(itertools.islice(iterator, self.model.steps_per_execution))
            if not batches:
                raise StopIteration  # as Keras's own step says that the data has ended
            for batch in batches:
                for logs in self._steps(lambda part: step(iter([part])), batch, doing):  # noqa: B007
                    pass
            return logs

        halving.whole = step  # type: ignore[attr-defined]
        return halving

    def _steps(self, step: Callable[[Any], Any], batch: Any, doing: str) -> Iterator[Any]:
        """Run a step on a batch, part by part where there is a limit; halve the limit as needed."""
        size = _size(batch)
        start = 0
        while start < size:
            stop = size if self.limit is None else min(start + self.limit, size)
            part = batch if stop - start == size else _part(batch, start, stop)
            is_first = doing == _TRAINING and stop - start > self._fitted
            variables, before = self._state() if is_first else ([], [])
            try:
                result = step(part)
            except tf.errors.ResourceExhaustedError as err:
                self._halve(stop - start, doing, err)
                # The step may have got as far as the update of some weights.
                assign(variables, before)
                continue
            if doing == _TRAINING:
                self._fitted = max(self._fitted, stop - start)
            yield result
            start = stop

    def _state(self) -> tuple[list[Any], Iterable[Any]]:
        """Return what a step changes, and its values at this moment."""
        model, optimizer = self.model, self.model.optimizer
        if not optimizer.built:
            optimizer.build(model.trainable_variables)  # as the first step would
        variables = [*model.variables, *optimizer.variables]
        if self._scratch is None:
            return variables, [keras.ops.convert_to_numpy(variable) for variable in variables]
        before = SetAside(self._scratch)
        before.keep(variables)
        return variables, before

    def _halve(self, size: int, doing: str, err: Exception) -> None:
        if size == 1:
            raise OutOfMemoryError(
                f"{doing} ran out of memory with a single example: choose a smaller --image-size "
                f"or backbone ({_reason(err)})"
            ) from err
        self.limit = (size + 1) // 2
        self._halved(self.limit)
        note = f"out of memory: {doing} steps of {size} examples halved to {self.limit}"
        self.notes.append(note)
        log.warning("%s (%s)", note, _reason(err))


def _size(batch: Any) -> int:
    first = next(leaf for leaf in keras.tree.flatten(batch) if leaf is not None)
    return int(first.shape[0])


def _part(batch: Any, start: int, stop: int) -> Any:
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else leaf[start:stop],
        batch,
    )


def _join(*parts: Any) -> Any:
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])


def _reason(err: Exception) -> str:
    """Return the line of TensorFlow's message that says what did not fit."""
    lines = str(err).strip().splitlines() or [""]
    return next((line for line in lines if "OOM" in line), lines[0]).strip()[:200]


def halving_of(work: Work, batch_size: int, *, halves: bool = True) -> BatchHalving:
    """Return what halves a run's batches: half as large as the last process's if it died of them.

    Args:
        work: The run's working directory, in which processes note how they end.
        batch_size: Examples a step, as the settings say.
        halves: False where nobody may halve, as among several replicas; then it is said only.
    """
    if not work.writes:
        return BatchHalving()
    note = ProcessNote(work.directory, batch_size)
    last = note.last()
    if not halves:
        if last.reason:
            log.warning("%s, once --batch-size is lowered", last.reason)
        last = LastEnd()
    memory = BatchHalving(last.limit, note.write, work.directory)
    if last.reason:
        log.warning("%s", last.reason)
        memory.notes.append(last.reason)
    note.begin(memory.limit)
    work.at_close(lambda: note.end(memory.limit))
    return memory
