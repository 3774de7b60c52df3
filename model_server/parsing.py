"""From a command line to options: the embedded server's, or what can be told of another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_server import flags
from model_server.errors import UsageError
from model_server.options import FLAGS, OWN_FLAGS, ServerOptions


def parse(arguments: Sequence[str]) -> ServerOptions:
    """Read the embedded server's command line.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The options; a flag given twice has its last value.

    Raises:
        UsageError: What :func:`flags.read` refuses, or values that contradict each other.
    """
    return ServerOptions(**flags.read(arguments, FLAGS))


def own_values(arguments: Sequence[str]) -> dict[str, Any]:
    """Read our own flags alone: which server runs is known before what its flags mean.

    Returns:
        Value by name, of all own flags.

    Raises:
        UsageError: A value is missing or of the wrong type.
    """
    given, _ = flags.split(arguments, OWN_FLAGS)
    defaults = {name: FLAGS[name].default for name in OWN_FLAGS}
    return defaults | flags.read(given, FLAGS)


def without_own_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Leave out the flags that TensorFlow Serving does not have.

    Args:
        arguments: A command line.

    Returns:
        The other arguments, word for word, and the names of the flags left out that say something
        other than which server to run.

    Raises:
        UsageError: The value of one of our flags is missing or of the wrong type.
    """
    given, others = flags.split(arguments, OWN_FLAGS)
    told = flags.read(given, FLAGS).keys() - {"server", "docker_image"}
    return others, [f"--{name}" for name in sorted(told)]


def known_values(arguments: Sequence[str]) -> dict[str, Any]:
    """Read what can be read of another server's command line, which checks it by itself.

    Returns:
        Value by name, of all flags known here; the default where there is none to be read.
    """
    values = {name: known.default for name, known in FLAGS.items()}
    for argument in arguments:
        try:
            values |= flags.read([argument], FLAGS)
        except UsageError:
            continue
    return values
