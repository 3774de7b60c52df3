"""What the rooms above know of how versions run, whichever runtime runs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from model_server.runtimes.arrays import Array
from model_server.runtimes.limits import NO_LIMITS, CallLimits
from model_server.runtimes.signatures import Signature


class LoadedModel(Protocol):
    """A loaded version. Calls may come from any number of threads at the same time."""

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Signature by key."""

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run one signature.

        Args:
            signature: One of :attr:`signatures`.
            feeds: Value by input alias; dtypes are passed on as they are, never cast.
            outputs: Output aliases.
            limits: What bounds the call.

        Returns:
            One array per entry of ``outputs``; strings are ``bytes`` in an object array.

        Raises:
            ServingError: With the runtime's code and text.
        """

    def run_tensors(
        self,
        feeds: Mapping[str, Array],
        fetches: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run any part of the graph that the signatures' tensors bound.

        Args:
            feeds: Value by tensor name.
            fetches: Tensor names.
            limits: What bounds the call.

        Returns:
            One array per entry of ``fetches``.

        Raises:
            ServingError: With the runtime's code and text.
        """

    def close(self) -> None:
        """Free its memory. Nothing may run any more."""


class OfTensors(ABC):
    """A model whose runtime names tensors: a signature is the part of its graph between its own."""

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run one signature; see :meth:`model_server.runtimes.runtime.LoadedModel.run`."""
        return self.run_tensors(
            {signature.inputs[alias].tensor_name: value for alias, value in feeds.items()},
            [signature.outputs[alias].tensor_name for alias in outputs],
            limits,
        )

    @abstractmethod
    def run_tensors(
        self,
        feeds: Mapping[str, Array],
        fetches: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run a part of the graph; see ``run_tensors`` of :class:`LoadedModel`."""


class Runtime(Protocol):
    """A way to run versions. Several may be loaded at the same time."""

    def load(self, path: Path) -> LoadedModel:
        """Load a version.

        Args:
            path: The version's directory.

        Raises:
            ServingError: It cannot be loaded; with TensorFlow Serving's code and text where it has
                them.
        """
