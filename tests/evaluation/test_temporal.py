"""Photographs over time: where their dates come from, and whether a drop is more than chance."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.errors import DataSetError
from export.evaluation import periods, temporal

CLASSES = ("brick", "gravel")


def write(path: Path, taken: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (8, 8))
    exif = image.getexif()
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken  # DateTimeOriginal
    image.save(path, exif=exif)
    return path


def test_exif_times_are_put_into_months_quarters_or_years(tmp_path: Path) -> None:
    for name in CLASSES:
        write(tmp_path / name / "a.jpg", "2023:11:30 23:59:59")
        write(tmp_path / name / "b.jpg", "2024:02:01 08:00:00")
        write(tmp_path / name / "c.jpg", "2024:03:09 08:00:00")
    names = {
        length: periods.find(tmp_path, CLASSES, "auto", length).names for length in periods.LENGTHS
    }
    assert names == {
        "day": ("2023-11-30", "2024-02-01", "2024-03-09"),
        "month": ("2023-11", "2024-02", "2024-03"),
        "quarter": ("2023-Q4", "2024-Q1"),
        "year": ("2023", "2024"),
    }
    found = periods.find(tmp_path, CLASSES, "auto", "year")
    assert found.dates == "exif"
    assert found.period_of[tmp_path / "gravel" / "c.jpg"] == 1
    assert found.photographs.label_of[tmp_path / "gravel" / "c.jpg"] == 1


def test_photographs_without_a_date_are_never_dated_silently(tmp_path: Path) -> None:
    for name in CLASSES:
        write(tmp_path / name / "a.jpg", "2023:11:30 23:59:59")
        write(tmp_path / name / "b.jpg", "2024:02:01 08:00:00")
    unset = write(tmp_path / "brick" / "unset.jpg", "0000:00:00 00:00:00")
    with pytest.raises(DataSetError, match=r"1 of 5 photographs .* unset.jpg.*--dates file"):
        periods.find(tmp_path, CLASSES, "auto", "month")
    found = periods.find(tmp_path, CLASSES, "exif", "month")
    assert found.undated == (unset,)
    assert unset not in found.photographs.label_of


def test_file_dates_are_taken_when_asked_for(tmp_path: Path) -> None:
    for name in CLASSES:
        for day in (1, 20):
            path = write(tmp_path / name / f"{day}.jpg")
            at = datetime(2024, 5, day, tzinfo=UTC).timestamp()
            os.utime(path, (at, at))
    found = periods.find(tmp_path, CLASSES, "file", "day")
    assert found.names == ("2024-05-01", "2024-05-20")
    assert found.dates == "file"
    with pytest.raises(DataSetError, match="by month: all in 2024-05"):
        periods.find(tmp_path, CLASSES, "file", "month")


def test_dated_folders_are_in_order_and_need_not_hold_every_class(tmp_path: Path) -> None:
    write(tmp_path / "2024-05" / "brick" / "a.jpg")
    write(tmp_path / "2023_12" / "brick" / "a.jpg")
    write(tmp_path / "2023_12" / "gravel" / "b.jpg")
    found = periods.find(tmp_path, CLASSES, "auto", "month")
    assert found.names == ("2023_12", "2024-05")
    assert found.dates == "folders"
    assert found.period_of[tmp_path / "2024-05" / "brick" / "a.jpg"] == 1
    write(tmp_path / "later" / "brick" / "a.jpg")
    with pytest.raises(DataSetError, match=r"named by date .* found later"):
        periods.find(tmp_path, CLASSES, "auto", "month")
    shutil.rmtree(tmp_path / "later")
    write(tmp_path / "2024-06" / "sand" / "a.jpg")
    with pytest.raises(DataSetError, match="none of its classes: sand"):
        periods.find(tmp_path, CLASSES, "folders", "month")


def shift(early: list[float], late: list[float], counts: tuple[list[int], list[int]]) -> object:
    """Measure two periods with exact accuracies and photographs of each class."""
    labels, right, when = [], [], []
    for period, (rates, numbers) in enumerate(zip((early, late), counts, strict=True)):
        for label, (rate, number) in enumerate(zip(rates, numbers, strict=True)):
            labels += [label] * number
            right += [i < round(rate * number) for i in range(number)]
            when += [period] * number
    return temporal.measure(
        np.array(labels), np.array(right), np.array(when), ("2023", "2024"), seed=0
    )


def test_a_real_drop_is_beyond_chance() -> None:
    found = shift([0.95, 0.9], [0.8, 0.7], ([60, 60], [60, 60]))
    assert found.beyond_chance
    assert found.p_value < 0.01
    assert found.drop.value == pytest.approx(0.175)
    assert found.drop.low > 0
    assert [p.photographs for p in found.periods] == [120, 120]


def test_a_drop_among_few_photographs_is_not() -> None:
    found = shift([0.9, 0.9], [0.8, 0.8], ([10, 10], [10, 10]))
    assert found.drop.value == pytest.approx(0.1)
    assert not found.beyond_chance
    assert found.drop.low < 0


def test_more_photographs_of_the_hard_class_are_no_drop() -> None:
    found = shift([1.0, 0.6], [1.0, 0.6], ([100, 20], [20, 100]))
    assert found.periods[0].accuracy.value > found.periods[1].accuracy.value + 0.2
    assert found.drop.value == pytest.approx(0)
    assert not found.beyond_chance


def test_the_test_says_so_as_rarely_as_it_states() -> None:
    random = np.random.default_rng(0)
    labels, when = np.arange(120) % 3, np.arange(120) // 60
    alarms = sum(
        temporal.measure(labels, random.random(120) < 0.8, when, ("a", "b"), seed).beyond_chance
        for seed in range(150)
    )
    assert alarms / 150 <= 0.09  # 0.05 at most, and whole numbers make it less


def test_periods_must_have_a_class_in_common() -> None:
    with pytest.raises(DataSetError, match="2023 and 2024 have no class in common"):
        shift([1.0, 1.0], [1.0, 1.0], ([5, 0], [0, 5]))
