"""``python -m model_server.tune``: thread and batching settings that suit model and machine.

The command alone; :mod:`model_server.tuning` is the room that it opens.
"""

from __future__ import annotations

import sys

from model_server.tuning import command

if __name__ == "__main__":
    sys.exit(command.main())
