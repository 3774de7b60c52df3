"""What a command's end says."""

from __future__ import annotations

KEPT, BROKEN, NO_TELLING = 0, 1, 2
