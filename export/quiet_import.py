"""TensorFlow's start without the notices that a user can do nothing about.

They are written by its native library before any setting of it counts, so they are taken out of
standard error on the way; everything else passes. Another process does it: what TensorFlow says
before it gives up (a processor without AVX) must come through even though this process has ended.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

_NOTICES = (
    "All log messages before absl::InitializeLog() is called",
    "Could not find cuda drivers on your machine",
    "Unable to register cu",  # cuFFT, cuDNN and cuBLAS, twice registered
    "computation placer already registered",
    "oneDNN custom operations are on",
    "This TensorFlow binary is optimized to use available CPU instructions",
    "To enable the following instructions:",
)
_FILTER = """
import sys
for line in sys.stdin.buffer:
    if not any(notice in line for notice in NOTICES):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


@contextlib.contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Leave TensorFlow's notices about GPUs out of standard error while it is imported."""
    if "tensorflow" in sys.modules:
        yield
        return
    notices = repr(tuple(text.encode() for text in _NOTICES))
    sys.stderr.flush()
    original = os.dup(2)
    try:
        with subprocess.Popen(
            [sys.executable, "-ISc", f"NOTICES = {notices}\n{_FILTER}"], stdin=subprocess.PIPE
        ) as passing:
            if passing.stdin is not None:
                os.dup2(passing.stdin.fileno(), 2)
                passing.stdin.close()
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(original, 2)  # the other process sees the end, and ends
    finally:
        os.close(original)
