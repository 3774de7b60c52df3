"""A folder is in its place whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from export import staging


def test_what_is_placed_is_there_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    with staging.beside(home) as folder:
        (folder / "file").write_text("x", encoding="utf-8")
        staging.place(folder, home / "1")
    assert [path.name for path in home.iterdir()] == ["1"]
    assert (home / "1" / "file").read_text(encoding="utf-8") == "x"
    assert (home / "1").stat().st_mode & 0o055 == 0o055, "another user's server must read it"


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staging.beside(tmp_path) as folder:
        (folder / "file").write_text("x", encoding="utf-8")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_is_written_over(tmp_path: Path, empty: bool) -> None:
    target = tmp_path / "1"
    target.mkdir()
    if not empty:
        (target / "old").touch()
    before = sorted(target.iterdir())
    with staging.beside(tmp_path) as folder, pytest.raises(FileExistsError, match="1 exists"):
        staging.place(folder, target)
    assert sorted(target.iterdir()) == before
