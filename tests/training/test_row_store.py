"""Rows on disk: what is written is read, in any order, and nothing is left behind."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from export.training.row_store import RowStore

ROWS = np.random.default_rng(0).normal(0, 3, (50, 4, 5)).astype(np.float32)


def filled(directory: Path, dtype: str = "float32") -> RowStore:
    store = RowStore(directory, (4, 5), dtype)
    for start in range(0, 50, 7):
        store.append(ROWS[start : start + 7])
    return store


def test_rows_come_back_in_any_order(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert len(store) == 50
    np.testing.assert_array_equal(store[:], ROWS)
    np.testing.assert_array_equal(store[13:20], ROWS[13:20])
    np.testing.assert_array_equal(store[40:90], ROWS[40:])
    some = np.array([49, 0, 7, 7])
    np.testing.assert_array_equal(store[some], ROWS[some])
    np.testing.assert_array_equal(np.concatenate(list(store.slices())), ROWS)


def test_half_the_bytes_keep_three_digits(tmp_path: Path) -> None:
    found = filled(tmp_path, "float16")[:]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ROWS, rtol=1e-3, atol=1e-6)


def test_the_file_has_no_name(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert len(store) == 50
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_and_loses_no_row(tmp_path: Path) -> None:
    store = filled(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50 * 80 + 100, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.append(ROWS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    np.testing.assert_array_equal(store[:], ROWS)
