"""``python -m model_server``: TensorFlow Serving's command line on in-process TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from model_server import stopping


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until it is told to stop.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        0 after a clean end, 1 when the server cannot start, 2 when the command line or a
        configuration file cannot be used.
    """
    stopping.end_at_once()
    # Importing takes a while; SIGTERM has its right ending before that.
    from model_server import command

    return stopping.end(command.run(sys.argv[1:] if arguments is None else arguments))


if __name__ == "__main__":
    sys.exit(main())
