"""One server for everything under ``MODELS``, from one ``models.config``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from demo.errors import DemoError
from export import server_process


def write_models_config(path: Path, models_dir: Path, models: Iterable[str]) -> None:
    """Write ``models.config`` in TensorFlow Serving's format.

    Args:
        path: The file.
        models_dir: ``MODELS``.
        models: Names of the models below it.
    """
    text = server_process.models_config(models_dir, dict.fromkeys(models))
    path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def serving(config: Path, log_path: Path) -> Iterator[str]:
    """Run the server; yield its address when every model is available.

    Args:
        config: A ``models.config``.
        log_path: Where the server's output goes.

    Raises:
        DemoError: It did not come up.
    """
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(
                server_process.running(
                    f"--model_config_file={config}", "--grpc_max_threads=32", log_path=log_path
                )
            )
        except server_process.ServerError as err:
            raise DemoError(str(err)) from err
        yield server.target
