"""What a command writes: files that are whole or not there, and words for people."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from signature_contract.contract import ContractError


class UsageError(ContractError):
    """What was asked for cannot be done as it was asked."""


def counted(count: int, thing: str) -> str:
    """Return a number of things, in words."""
    return f"{count} {thing}" + ("s" if count != 1 else "")


def write(path: Path, text: str, force: bool) -> None:
    """Write a file.

    Raises:
        UsageError: It exists, and nobody said that it may be replaced.
    """
    if path.exists() and not force:
        raise UsageError(f"{path} exists; replace it with --force, or name another with --out")
    if path.exists() and not path.is_file():  # a pipe, a device: there is nothing to replace
        path.write_text(text, encoding="utf-8")
        return
    with placed(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def placed(place: Path) -> Iterator[Path]:
    """Give a file to write beside its place; it takes the place whole, or not at all."""
    place = place.resolve()  # a link stays one
    handle, name = tempfile.mkstemp(place.suffix, ".vision-contract-", place.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # as any other file; mkstemp's are private
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def print_text(text: str, output: Path | None) -> None:
    """Write what was asked for to a file, or to standard output."""
    if output:
        write(output, text, force=True)
    else:
        sys.stdout.write(text)


def say(line: str) -> None:
    """Tell a person something beside what was asked for."""
    print(line, file=sys.stderr)  # noqa: T201  # a command's words
