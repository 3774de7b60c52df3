"""``python -m model_server.worker``: one of the processes of ``--processes``.

Started by the supervisor alone, with the folder of the sockets, the process's number, the
descriptor that tells whether the supervisor lives, and the server's command line.
"""

from __future__ import annotations

import sys
from pathlib import Path

from model_server import stopping


def main(arguments: list[str]) -> int:
    """Serve until the supervisor says to stop.

    Args:
        arguments: As above.

    Returns:
        The exit code, as the server's own.
    """
    stopping.end_at_once()
    from model_server import command
    from model_server.processes.membership import Place

    folder, number, supervisor_alive, *flags = arguments
    place = Place(Path(folder), int(number), int(supervisor_alive))
    return stopping.end(command.run(flags, place))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
