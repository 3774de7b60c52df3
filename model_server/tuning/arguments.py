"""The command line of ``python -m model_server.tune``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from model_server.errors import UsageError


def cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; None takes the process's own. A mistake in it ends the process."""
    return _parser().parse_args(arguments)


def check(options: argparse.Namespace) -> None:
    """Refuse values that nothing can be measured with.

    Raises:
        UsageError: With the option, what it may be and what it is.
    """
    if options.seconds <= 0 or min(options.clients) < 1 or min(options.batch_sizes) < 1:
        raise UsageError("--seconds, --clients and --batch-sizes must be above 0")
    if min(options.intra_op) < 0:
        raise UsageError(f"--intra-op must be 0 or more, received {min(options.intra_op)}")
    if not options.out.is_dir():
        raise UsageError(f"--out: {options.out} is no directory; create it or name another one")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_server.tune",
        description="Measure thread and batching settings and write the best for either server.",
    )
    parser.add_argument(
        "models",
        type=Path,
        nargs="?",
        default=Path("demo_output/models"),
        help="a folder of models, or one model's folder of versions (default: %(default)s)",
    )
    parser.add_argument("--model", default="", help="which, when MODELS holds several")
    parser.add_argument(
        "--request",
        type=Path,
        help="a serialized PredictRequest to send; default: a warm-up request of the version",
    )
    parser.add_argument("--out", type=Path, default=Path("serving_config"), help="where to write")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="measuring time of a setting and load"
    )
    parser.add_argument(
        "--clients",
        type=int,
        nargs="+",
        default=[1, 8, 32],
        help="loads; best at the last, losing nothing at the others (default: 1 8 32)",
    )
    parser.add_argument(
        "--encoded-images-only",
        action="store_true",
        help="every client sends whole image files (serving_bytes), none pixels: try batching too, "
        "which fails concurrent tensors of different shapes",
    )
    parser.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        default=[4, 8],
        help="with --encoded-images-only, each number of rows to run together (default: 4 8)",
    )
    parser.add_argument(
        "--intra-op",
        type=int,
        nargs="+",
        default=[0, *(n for n in (1, 2) if n < cores())],
        help="threads inside one operation to try, 0 for all cores (default: 0, 1 and 2)",
    )
    parser.add_argument(
        "--server", default="embedded", help="which server: embedded, binary, docker or auto"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would change, no more")
    return parser
