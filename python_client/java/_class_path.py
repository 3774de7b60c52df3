"""Where the Java client's classes are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from python_client.errors import JvmError

VARIABLE = "VISION_JAVA_CLASS_PATH"
_BUILT = Path(__file__).resolve().parents[2] / "java_client" / "target" / "vision-client.jar"


def find_class_path(given: Sequence[str | Path] | None = None) -> list[str]:
    """Return the jars to start a virtual machine with.

    Args:
        given: Jars, or folders of jars as ``folder/*``; None takes those of the environment
            variable ``VISION_JAVA_CLASS_PATH``, or else what ``make java`` built in the repository
            that this package lies in.

    Raises:
        JvmError: There are none; the message says how to get them.
    """
    named = [str(one) for one in given] if given is not None else _of_environment()
    found = named or ([str(_BUILT)] if _BUILT.is_file() else [])
    if not found:
        raise JvmError(
            "the Java client is not found: neither class_path nor the environment variable "
            f"{VARIABLE} names it, and {_BUILT} is not there"
            "\n  fix: in the repository run `make java`; elsewhere collect vision-embedded, "
            "vision-grpc-client and tensorflow-core-native of your platform with Maven "
            "(dependency:copy-dependencies) and pass class_path=['folder/*']"
        )
    missing = [one for one in found if not Path(one.removesuffix("*")).exists()]
    if missing:
        raise JvmError(f"expected jars or folders of jars, found nothing at {', '.join(missing)}")
    return found


def _of_environment() -> list[str]:
    return [one for one in os.environ.get(VARIABLE, "").split(os.pathsep) if one]
