"""Log lines on stderr: one event a line, with the time, the level and who speaks."""

from __future__ import annotations

import logging
import sys
import time


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def configure(level: int = logging.INFO, process: int | None = None) -> None:
    """Send this program's log to stderr. Called by the command line only.

    Args:
        level: The least that is said.
        process: This process's number among those of a server; None where it is the only one.
    """
    handler = logging.StreamHandler(sys.stderr)
    who = "" if process is None else f"[{process}] "
    handler.setFormatter(_Formatter(f"%(asctime)s %(levelname)s {who}%(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("model_server").setLevel(level)
