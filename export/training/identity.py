"""What makes a run that run: settings, weights it started from, data by fingerprint, libraries.

One JSON document. Two that differ are two runs, and figures of both in one history would describe
neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest(identity: Mapping[str, Any]) -> str:
    """Return one number for an identity: SHA-256 of its JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def differences(there: Any, here: Any, name: str = "") -> list[str]:
    """Name every value in which two JSON documents differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        keys = [*there, *(key for key in here if key not in there)]
        return [
            line
            for key in keys
            for line in differences(there.get(key), here.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if there == here else [f"{name}: {_show(there)} there, {_show(here)} here"]


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
