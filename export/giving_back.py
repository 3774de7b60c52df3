"""Memory that is no longer used, given back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Free what nobody refers to any more.

    Keras's and TensorFlow's objects refer to one another in circles, which Python frees at its
    leisure: a network of which nothing but such circles is left stays in memory while the next one
    is built. And glibc keeps what is freed between things that are not.
    """
    gc.collect()
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)
