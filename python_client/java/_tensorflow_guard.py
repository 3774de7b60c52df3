"""Python's TensorFlow and TensorFlow Java in one process: the second says why it cannot.

Each registers the same protocol messages for the whole process, and the native libraries answer a
second registration by ending it, or with a symbol that nobody has heard of.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

from python_client.errors import JvmError

_REASON = (
    "TensorFlow Java is in this process, and Python's TensorFlow cannot share a process with it: "
    "import tensorflow in another process (multiprocessing with the method spawn, or subprocess)"
)


class _Refusing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``tensorflow``, and refuses to load it."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a specification for ``tensorflow`` alone, so that looking for it is no error."""
        del path, target
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == "tensorflow" else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Refuse, before anything of TensorFlow runs."""
        raise ImportError(_REASON, name=spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: no module is ever made."""


def refuse_python_tensorflow() -> None:
    """Keep Python's TensorFlow out from now on.

    Raises:
        JvmError: It is in this process already.
    """
    if "tensorflow" in sys.modules:
        raise JvmError(
            "Python's TensorFlow is in this process, and TensorFlow Java cannot share a process "
            "with it"
            "\n  fix: load the model in another process (multiprocessing with the method spawn, "
            "or subprocess), or ask a server: JavaVisionGrpcClient needs no TensorFlow"
        )
    if not any(isinstance(finder, _Refusing) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Refusing())
