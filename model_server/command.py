"""From the command line to the server that it asks for, and to an exit code."""

from __future__ import annotations

import faulthandler
import importlib.metadata
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from model_server import flag_table, launcher
from model_server.errors import ServingError, StartError, UsageError
from model_server.models.configs import ModelConfig
from model_server.observation import logs
from model_server.options import ServerOptions
from model_server.parsing import own_values, parse
from model_server.settings import read_model_configs, read_settings
from model_server.stopping import StopSignals
from serving_config.extras import missing_extra
from serving_config.version import __version__

if TYPE_CHECKING:
    from model_server.processes.membership import Membership, Place

logger = logging.getLogger("model_server")


def run(arguments: Sequence[str], place: Place | None = None) -> int:
    """Run the server until it is told to stop.

    Args:
        arguments: The command line without the program's name.
        place: Where this process is among those of ``--processes``; None is the whole server.

    Returns:
        0 after a clean end, 1 when the server cannot start, 2 when the command line or a
        configuration file cannot be used; with another server than the embedded one, its own.
    """
    if "--help" in arguments:
        print(flag_table.usage())  # noqa: T201
        return 0
    logs.configure(process=place.number if place else None)
    faulthandler.enable()  # a library's crash says which of our lines it was in
    try:
        return _run_worker(arguments, place) if place else _run(arguments)
    except UsageError as err:
        logger.error("%s", err)  # noqa: TRY400
        return 2
    except StartError as err:
        logger.error("Failed to start server. Error: %s", err)  # noqa: TRY400
        return 1


def _run(arguments: Sequence[str]) -> int:
    own = own_values(arguments)
    choice = launcher.choose(own["server"], own["docker_image"])
    if choice.kind != "embedded":
        _say(choice)
        return launcher.run(choice, arguments)
    chosen = parse(arguments)
    if chosen.version:
        print(_versions())  # noqa: T201
        return 0
    configs = read_model_configs(chosen)
    _say(choice)
    signals = StopSignals()
    if chosen.processes > 1:
        from model_server.processes import supervisor

        read_settings(chosen)  # a mistake is said once
        return supervisor.run(chosen, arguments, configs, signals)
    _serve(chosen, configs, signals)
    return 0


def _run_worker(arguments: Sequence[str], place: Place) -> int:
    signals = StopSignals()
    from model_server.processes.membership import Membership

    membership = Membership(place)
    try:
        _serve(parse(arguments), membership.configs(), signals, membership)
    except ServingError as err:
        raise StartError(f"the supervisor does not answer: {err.message}") from err
    return 0


def _serve(
    options: ServerOptions,
    configs: Sequence[ModelConfig],
    signals: StopSignals,
    membership: Membership | None = None,
) -> None:
    # TensorFlow's own chatter about CPUs and CUDA hides what the server has to say.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Importing TensorFlow takes seconds; a mistake on the command line is said before that.
    try:
        from model_server import application
    except ModuleNotFoundError as err:
        if (advice := missing_extra("the embedded server", "serve", err)) is None:
            raise
        raise UsageError(advice) from err
    application.run(options, configs, signals, membership)


def _say(choice: launcher.Choice) -> None:
    logger.info("server: %s (%s)", choice.kind, choice.reason)


def _versions() -> str:
    """Return what ``--version`` prints, in the form of TensorFlow Serving's two lines."""
    return (
        f"TensorFlow ModelServer: embedded, vision-forge {__version__}\n"
        f"TensorFlow Library: {_version_of('tensorflow')}"
    )


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
