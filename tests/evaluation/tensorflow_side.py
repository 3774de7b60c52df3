"""``python -m export`` as a process that stays: one start of TensorFlow for many commands.

Reads a JSON list of arguments a line, runs the command line with it, and answers with one JSON
object a line: ``code``, ``out`` and ``err``.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys

from export.__main__ import main


def run(arguments: list[str]) -> dict[str, object]:
    out, err = io.StringIO(), io.StringIO()
    logging.getLogger().handlers.clear()  # main() configures them, with this call's stderr
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
