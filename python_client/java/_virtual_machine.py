"""The one Java virtual machine of this process."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from python_client.errors import JvmError
from python_client.java._class_path import find_class_path

_PACKAGE = "io.thecodeforge.ml"
_LOG_LEVEL = "-Dorg.slf4j.simpleLogger.defaultLogLevel="
_NATIVE_ACCESS = "--enable-native-access="


class _Started(NamedTuple):
    process: int
    options: tuple[str, ...]
    class_path: tuple[str, ...]


_lock = threading.Lock()
_started: _Started | None = None


def start_jvm(
    jvm_options: Sequence[str] | None = None, class_path: Sequence[str | Path] | None = None
) -> None:
    """Start this process's virtual machine, or see that the one that runs will do.

    A service or a client does this by itself. It cannot be stopped, nor started again; a process
    that is forked off does not have it.

    Args:
        jvm_options: Its options, for instance ``-Xmx1g``; None for those that it runs with.
        class_path: Where the Java client is: jars, or folders of jars as ``folder/*``. None takes
            the environment variable ``VISION_JAVA_CLASS_PATH``, or what ``make java`` built.

    Raises:
        JvmError: JPype, a virtual machine or the classes are missing; one runs with other options
            or without our classes; or it was started in a process that this one was forked from.
    """
    global _started  # as JPype's, there is one for a process
    jpype = _jpype()
    with _lock:
        if _started is None:
            options = tuple(jvm_options or ())
            if jpype.isJVMStarted():  # by somebody else: how it was started nobody can tell
                jars = tuple(map(str, class_path or ()))
            else:
                jars = tuple(find_class_path(class_path))
                _start(jpype, options, jars)
            _started = _Started(os.getpid(), options, jars)
        _check(_started, jvm_options, class_path)


def java_class(name: str) -> Any:
    """Return a class of the Java client, by its name below ``io.thecodeforge.ml``."""
    return _jpype().JClass(f"{_PACKAGE}.{name}")


def _jpype() -> ModuleType:
    try:
        import jpype
    except ImportError as err:
        raise JvmError(
            f'JPype is not installed: {err}\n  fix: pip install "vision-forge[java]"'
        ) from err
    module: ModuleType = jpype
    return module


def _start(jpype: Any, options: tuple[str, ...], jars: tuple[str, ...]) -> None:
    try:
        path = jpype.getDefaultJVMPath()
        added = [] if _names(options, _LOG_LEVEL) else [f"{_LOG_LEVEL}warn"]
        # From this release on the virtual machine warns of native code that nobody allowed.
        if _release(Path(path)) >= 22 and not _names(options, _NATIVE_ACCESS):
            added.append(f"{_NATIVE_ACCESS}ALL-UNNAMED")
        jpype.startJVM(path, *options, *added, classpath=list(jars))
    except jpype.JVMNotFoundException as err:
        raise JvmError(
            f"no Java virtual machine is found: {err}"
            "\n  fix: install a JDK or JRE of version 17 or later, or set JAVA_HOME to one"
        ) from err
    except (OSError, RuntimeError, TypeError, ValueError) as err:
        raise JvmError(f"the Java virtual machine does not start with {options}: {err}") from err


def _names(options: tuple[str, ...], start: str) -> bool:
    return any(option.startswith(start) for option in options)


def _release(library: Path) -> int:
    """Return the release that a virtual machine's library belongs to; 0 where it does not say."""
    for folder in library.resolve().parents:
        file = folder / "release"
        if file.is_file():
            found = re.search(r'^JAVA_VERSION="(\d+)', file.read_text(encoding="utf-8"), re.M)
            return int(found[1]) if found else 0
    return 0


def _check(
    started: _Started,
    jvm_options: Sequence[str] | None,
    class_path: Sequence[str | Path] | None,
) -> None:
    if started.process != os.getpid():
        raise JvmError(
            "this process was forked from one whose Java virtual machine runs, and has none"
            "\n  fix: start processes with multiprocessing's method spawn"
        )
    if jvm_options is not None and tuple(jvm_options) != started.options:
        raise _other("options", started.options, tuple(jvm_options))
    if class_path is not None and tuple(map(str, class_path)) != started.class_path:
        raise _other("class path", started.class_path, tuple(map(str, class_path)))
    try:
        java_class("VisionException")
    except TypeError as err:
        raise JvmError(
            "the Java virtual machine of this process runs without the Java client: somebody "
            "started it before, with another class path"
            "\n  fix: call python_client.java.start_jvm() before them"
        ) from err


def _other(what: str, runs: tuple[str, ...], asked: tuple[str, ...]) -> JvmError:
    return JvmError(
        f"the Java virtual machine of this process runs with the {what} {list(runs)}, and a "
        f"process has one: expected the same or none, received {list(asked)}"
    )
