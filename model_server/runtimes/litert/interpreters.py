"""A pool of LiteRT interpreters of one graph, each with its own tensors."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from ai_edge_litert.interpreter import Interpreter

from model_server.errors import ServingError, invalid_argument
from model_server.runtimes.arrays import Array
from model_server.runtimes.limits import NO_LIMITS, CallLimits

_Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class LiteInterpreter:
    """One interpreter. One call at a time.

    Attributes:
        threads: How many its operations use.
        shapes: The inputs' shapes that its memory is planned for.
    """

    def __init__(self, path: Path, threads: int) -> None:
        """Build it; the file is mapped, so that all of one file share its weights.

        Raises:
            ValueError: LiteRT cannot read the file, or lacks one of its operations.
        """
        self.threads = threads
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self.inputs: Sequence[Mapping[str, Any]] = self._interpreter.get_input_details()
        self.outputs: Sequence[Mapping[str, Any]] = self._interpreter.get_output_details()
        self._input_index = {one["name"]: int(one["index"]) for one in self.inputs}
        self._output_index = {one["name"]: int(one["index"]) for one in self.outputs}
        self.shapes: _Shapes = ()

    def run(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> list[Array]:
        """Run the graph.

        Args:
            feeds: Value by name of an input.
            fetches: Names of outputs.

        Returns:
            One array per entry of ``fetches``, the caller's own.

        Raises:
            ValueError: A value does not fit its input.
            RuntimeError: The graph cannot be planned for these shapes, or fails.
        """
        shapes = shapes_of(feeds)
        if shapes != self.shapes:
            self.shapes = ()
            for name, value in feeds.items():
                self._interpreter.resize_tensor_input(self._input_index[name], value.shape)
            self._interpreter.allocate_tensors()
            self.shapes = shapes
        for name, value in feeds.items():
            self._interpreter.set_tensor(self._input_index[name], value)
        self._interpreter.invoke()
        return [self._read(self._output_index[name]) for name in fetches]

    def _read(self, index: int) -> Array:
        value: Array = self._interpreter.get_tensor(index)
        return value.astype(object) if value.dtype.kind == "S" else value


class InterpreterPool:
    """Interpreters of one file, handed out to one call each. Thread-safe.

    Calls that come together run side by side, on one thread each, which is what gives most answers
    a second. A call that is alone would leave the other cores idle: it gets an interpreter that
    uses them all.

    Attributes:
        size: How many calls run at the same time.
        first: One of them, to be asked what the graph takes and gives.
    """

    def __init__(self, path: Path, size: int) -> None:
        """Build them all, so that no call waits for one that is being built.

        Args:
            path: The TFLite file.
            size: How many.

        Raises:
            ServingError: LiteRT cannot load the file.
        """
        self._path = path
        self.size = size
        try:
            self._idle = [LiteInterpreter(path, 1) for _ in range(size)]
            self._wide = LiteInterpreter(path, size) if size > 1 else None
        except (ValueError, RuntimeError) as err:
            raise ServingError(
                grpc.StatusCode.INTERNAL, f"Cannot build Interpreter from {path}: {_first(err)}"
            ) from err
        self._free = threading.Condition(threading.Lock())
        self._running = 0
        self.first = self._idle[0]

    @property
    def idle(self) -> int:
        """How many more calls could run now."""
        return self.size - self._running

    def run(
        self, feeds: Mapping[str, Array], fetches: Sequence[str], limits: CallLimits = NO_LIMITS
    ) -> list[Array]:
        """Run the graph in a free interpreter, one that knows these shapes if there is one.

        Args:
            feeds: Value by name of an input; every input of the graph.
            fetches: Names of outputs.
            limits: Bounds the wait for an interpreter.

        Returns:
            One array per entry of ``fetches``.

        Raises:
            ServingError: DEADLINE_EXCEEDED while it waited; INVALID_ARGUMENT, a value does not fit
                its input; INTERNAL, the graph fails on it.
        """
        interpreter = self._take(shapes_of(feeds), limits.timeout_ms)
        try:
            answer = interpreter.run(feeds, fetches)
        except (ValueError, TypeError, RuntimeError) as err:
            # A plan that failed leaves an interpreter nobody can trust.
            interpreter = LiteInterpreter(self._path, interpreter.threads)
            raise _refusal(err) from err
        finally:
            self._give_back(interpreter)
        return answer

    def _take(self, shapes: _Shapes, timeout_ms: int | None) -> LiteInterpreter:
        end = None if timeout_ms is None else time.monotonic() + timeout_ms / 1e3
        with self._free:
            while self._running == self.size:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    raise ServingError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
                self._free.wait(left)
            self._running += 1
            if self._running == 1 and self._wide is not None:
                wide, self._wide = self._wide, None
                return wide
            for place, interpreter in enumerate(self._idle):
                if interpreter.shapes == shapes:
                    return self._idle.pop(place)
            return self._idle.pop(0)

    def _give_back(self, interpreter: LiteInterpreter) -> None:
        with self._free:
            if interpreter.threads > 1:
                self._wide = interpreter
            else:
                self._idle.append(interpreter)
            self._running -= 1
            self._free.notify()

    def close(self) -> None:
        """Free them. Nothing may run any more."""
        self._idle.clear()
        self._wide = None


def shapes_of(feeds: Mapping[str, Array]) -> _Shapes:
    """Return the shapes that a graph has to be planned for, each with its input's name."""
    return tuple((name, value.shape) for name, value in feeds.items())


def _refusal(err: Exception) -> ServingError:
    if isinstance(err, RuntimeError):
        text = _first(err)
        return ServingError(
            grpc.StatusCode.INTERNAL, f"Failed to invoke TfLite interpreter: {text}"
        )
    return invalid_argument(_first(err))


def _first(err: Exception) -> str:
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    return lines[0] if lines else type(err).__name__
