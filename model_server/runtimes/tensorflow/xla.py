"""XLA is off unless a flag says otherwise, as in TensorFlow Serving's ``main.cc``.

A graph that asks for it (``jit_compile=True``) then fails at its first call, there as here. By
Python's default it would run, and hide from its author what the real server will say.
"""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path

import tensorflow as tf

logger = logging.getLogger(__name__)

# tensorflow::DisableXlaCompilation(), which has no name in Python.
_SYMBOL = "_ZN10tensorflow21DisableXlaCompilationEv"


def disable() -> None:
    """Let no graph be compiled by XLA in this process."""
    for library in sorted(Path(tf.sysconfig.get_lib()).glob("libtensorflow_cc*")):
        function = getattr(ctypes.CDLL(str(library)), _SYMBOL, None)
        if function is not None:
            function.restype = None
            function()
            return
    logger.warning(
        "TensorFlow %s does not let XLA be switched off: a graph that asks for it runs here, and "
        "fails on TensorFlow Serving without --xla_cpu_compilation_enabled",
        tf.__version__,
    )
