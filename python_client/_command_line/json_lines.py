"""What the command line writes: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def write(line: Mapping[str, Any]) -> None:
    """Write one object to stdout; whoever reads along sees each answer as it comes."""
    print(json.dumps(line, ensure_ascii=False), flush=True)  # noqa: T201


def one_line(err: Exception) -> str:
    """Return an error's message without its line breaks."""
    return " ".join(str(err).split())
