"""Hold a version to the server settings that are shipped with it.

A server with batching replays the warm-up through it. A request that batching refuses is no slow
first call: the version is not loaded, and TensorFlow Serving does not start.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

import serving_config
from export.errors import PublishError
from protos import BatchingParameters
from signature_contract.contract import Difference
from signature_contract.version_files import WARMUP_FILE, extra

BATCHING_FILE = Path(serving_config.__file__).with_name("batching.config")
"""The parameters that we ship, or that ``python -m model_server.tune`` has written over them."""

# What TensorFlow Serving takes where the file is silent (shared_batch_scheduler.h).
_DEFAULT_MAX_BATCH_SIZE = 1000
_DEFAULT_MAX_ENQUEUED_BATCHES = 10


@dataclass(frozen=True)
class Batching:
    """What ``--batching_parameters_file`` lets through.

    Attributes:
        max_batch_size: Most rows of one request.
        max_enqueued_batches: Batches that may wait.
        execution_size: Rows that run together at most when large requests are split; None when
            they are not.
    """

    max_batch_size: int
    max_enqueued_batches: int
    execution_size: int | None

    @property
    def most_rows(self) -> int:
        """Most rows that one request may have on a server that is otherwise idle."""
        if self.execution_size is None:
            return self.max_batch_size
        # One batch more than may wait: the one that is being filled.
        room = (self.max_enqueued_batches + 1) * self.execution_size
        return min(self.max_batch_size, room)


def read_batching(path: Path) -> Batching:
    """Read a ``--batching_parameters_file``.

    Raises:
        PublishError: It cannot be read.
    """
    message = BatchingParameters()
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), message)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as err:
        raise PublishError(f"the server settings {path} cannot be read: {err}") from err
    size = message.max_batch_size.value if message.HasField("max_batch_size") else None
    waiting = message.max_enqueued_batches.value
    execution = None
    if message.enable_large_batch_splitting.value:
        execution = message.max_execution_batch_size.value or size or _DEFAULT_MAX_BATCH_SIZE
    return Batching(
        _DEFAULT_MAX_BATCH_SIZE if size is None else size,
        waiting if message.HasField("max_enqueued_batches") else _DEFAULT_MAX_ENQUEUED_BATCHES,
        execution,
    )


def refused_warmup(version: Path, batching_file: Path = BATCHING_FILE) -> list[Difference]:
    """Compare a version's warm-up with what a server under shipped settings accepts.

    Args:
        version: The version's directory; one without warm-up requests has nothing to refuse.
        batching_file: The ``--batching_parameters_file`` that its server may run with.

    Returns:
        One difference a request that the server would refuse, and with it the version.

    Raises:
        PublishError: ``batching_file`` cannot be read.
    """
    # Who publishes has TensorFlow loaded; who only lists what is published must do without.
    from export import warmup

    most = read_batching(batching_file).most_rows
    differences = []
    for number, request in enumerate(warmup.read(extra(version, WARMUP_FILE))):
        for name, tensor in request.inputs.items():
            shape = [dim.size for dim in tensor.tensor_shape.dim]
            if shape and shape[0] > most:
                signature = request.model_spec.signature_name
                differences.append(
                    Difference(
                        "warm-up-request",
                        f'warm-up request {number}, {signature} "{name}"',
                        f"at most {most} rows, as {batching_file} lets through",
                        f"shape {shape}",
                    )
                )
    return differences
