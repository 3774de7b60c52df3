"""Names of files as a record can hold them: some file systems have names that are no UTF-8."""

from __future__ import annotations

import re
from pathlib import Path

_ESCAPED = re.compile(r"\\x([89a-f][0-9a-f])")


def escaped(name: str | Path) -> str:
    r"""Return a name as valid text: a byte that is no UTF-8 stands as ``\xe9``.

    Args:
        name: As Python reads it from the file system.

    Returns:
        The name with forward slashes; unchanged where it is valid.
    """
    text = name.as_posix() if isinstance(name, Path) else name
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def below(home: Path, name: str) -> Path:
    """Return the file that a record names, see :func:`escaped`; it need not exist.

    Args:
        home: The folder that the record's names are relative to.
        name: From the record.
    """
    path = home / name
    if path.exists() or not _ESCAPED.search(name):
        return path
    return home / _ESCAPED.sub(lambda byte: chr(0xDC00 + int(byte[1], 16)), name)
