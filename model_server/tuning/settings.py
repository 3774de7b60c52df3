"""Which thread and batching settings are tried on a machine.

No setting may refuse a call that the server answers without it. Batching does: it fails concurrent
tensors of different shapes. So it is tried only when the caller of the command says that every
client sends encoded images, whose tensors are all vectors. Large requests are then cut into batches
instead of refused, and the queue has room for all the server lets in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MAX_ROWS = 1024
"""Rows that one request may have under batching."""

_CALLS = 128
"""Calls in flight that the queue has room for; ``--grpc_max_threads`` as this project ships it."""


@dataclass(frozen=True)
class Batching:
    """The parameters that are tried; a batch is what queued up while all threads were busy.

    Attributes:
        execution_size: Most rows that run together.
        threads: Batches that run at the same time.
    """

    execution_size: int
    threads: int

    def text(self) -> str:
        """Return a ``batching_parameters_file`` in protobuf text format."""
        queue = _CALLS * -(-_MAX_ROWS // self.execution_size)
        return (
            "# Dynamic batching (--enable_batching --batching_parameters_file), as measured by\n"
            "# `python -m model_server.tune`, for a server whose every caller keeps to this; any\n"
            "# other gets errors that the server does not give without it:\n"
            "#   - images are sent as files (serving_bytes). Tensors of pixels are joined only\n"
            "#     where concurrent calls have images of the same height and width; others get\n"
            "#     FAILED_PRECONDITION.\n"
            f"#   - at most {_MAX_ROWS:,} images a call; a larger one gets INVALID_ARGUMENT.\n"
            "\n"
            "# What one call may hold; it is cut into batches of max_execution_batch_size.\n"
            f"max_batch_size {{ value: {_MAX_ROWS} }}\n"
            "enable_large_batch_splitting { value: true }\n"
            f"max_execution_batch_size {{ value: {self.execution_size} }}\n"
            "# Never wait for company: a batch is what queued up while the threads were busy, so\n"
            "# that a single client pays nothing.\n"
            "batch_timeout_micros { value: 0 }\n"
            f"num_batch_threads {{ value: {self.threads} }}\n"
            f"# Room for {_CALLS} calls of {_MAX_ROWS:,} images: the queue refuses nothing that\n"
            "# the server has accepted.\n"
            f"max_enqueued_batches {{ value: {queue} }}\n"
        )


@dataclass(frozen=True)
class Setting:
    """One way to run the server.

    Attributes:
        intra_op: ``--tensorflow_intra_op_parallelism``; 0 is TensorFlow's default, all cores.
        batching: How requests are joined; None runs each alone.
    """

    intra_op: int = 0
    batching: Batching | None = None

    def __str__(self) -> str:
        threads = str(self.intra_op) if self.intra_op else "all"
        if self.batching is None:
            return f"intra_op {threads}, no batching"
        return (
            f"intra_op {threads}, batches of {self.batching.execution_size} "
            f"on {self.batching.threads} threads"
        )

    def flags(self, batching_file: str) -> list[str]:
        """Return the flags, the same for both servers; ``batching_file`` holds the parameters."""
        flags = [f"--tensorflow_intra_op_parallelism={self.intra_op}"]
        if self.batching is None:
            return [*flags, "--enable_batching=false"]
        return [*flags, "--enable_batching=true", f"--batching_parameters_file={batching_file}"]


def grid(intra_op: Sequence[int], batch_sizes: Sequence[int], batch_threads: int) -> list[Setting]:
    """Return the settings to try, the simplest first; the first is TensorFlow's default.

    Args:
        intra_op: Each number of threads inside one operation to try; 0, all cores, always is.
        batch_sizes: Each number of rows to run together at most; no batching always is tried.
        batch_threads: Batches that run at the same time.
    """
    threads = sorted({0, *intra_op})
    plans = [None, *(Batching(size, batch_threads) for size in sorted(set(batch_sizes)))]
    return [Setting(n, plan) for plan in plans for n in threads]
