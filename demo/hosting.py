"""One server for everything under ``MODELS``, from one ``models.config``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from demo.errors import DemoError
from export import embedded_server


def write_models_config(path: Path, models_dir: Path, models: Iterable[str]) -> None:
    """Write ``models.config`` in TensorFlow Serving's format.

    Args:
        path: The file.
        models_dir: ``MODELS``.
        models: Names of the models below it.
    """
    text = embedded_server.models_config(models_dir, dict.fromkeys(models))
    path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def serving(config: Path, log_path: Path) -> Iterator[str]:
    """Run the embedded server; yield its address when every model is available.

    Args:
        config: A ``models.config``.
        log_path: Where the server's output goes.

    Raises:
        DemoError: It did not come up.
    """
    with contextlib.ExitStack() as stack:
        try:
            target = stack.enter_context(embedded_server.running(config, log_path))
        except embedded_server.ServerError as err:
            raise DemoError(str(err)) from err
        yield target
