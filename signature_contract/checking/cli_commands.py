"""Runs commands of ``saved_model_cli``, all in one process: importing TensorFlow takes seconds.

``python -m signature_contract.checking.cli_commands COMMANDS REPORT``: ``COMMANDS`` is a JSON list
of command lines, without the program's name. For each a JSON object a line is added to ``REPORT``,
once it has ended: ``code``, ``stdout`` and ``stderr``, as a process of its own would have had.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
from pathlib import Path

from absl import flags
from tensorflow.python.tools import saved_model_cli


def run(command: list[str]) -> dict[str, int | str]:
    """Run one command line."""
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()  # what an earlier command was given
    sys.argv = ["saved_model_cli", *command]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            saved_model_cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except Exception:  # a process of its own would print it and end
            traceback.print_exc()
            code = 1
    return {"code": code, "stdout": out.getvalue(), "stderr": err.getvalue()}


def main() -> None:
    """Run all commands in their order."""
    commands, report = map(Path, sys.argv[1:])
    with report.open("a", encoding="utf-8") as lines:
        for command in json.loads(commands.read_text(encoding="utf-8")):
            lines.write(json.dumps(run(command)) + "\n")
            lines.flush()


if __name__ == "__main__":
    main()
