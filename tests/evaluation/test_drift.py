"""Drift: silent on photographs of the same kind, loud on blurred or darkened ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from export.evaluation import drift, image_statistics

Array = np.ndarray[Any, Any]


def named(values: Array) -> dict[str, Array]:
    return {f"feature {i}": values[:, i] for i in range(values.shape[1])}


def test_without_drift_the_alarm_is_as_rare_as_stated() -> None:
    random = np.random.default_rng(0)
    alarms = joint = 0
    for seed in range(40):
        values = random.standard_t(3, size=(120, 6))
        values[:, 1] = values[:, 0] ** 2 + 0.1 * values[:, 1]  # the features hang together
        found = drift.compare(named(values[:60]), named(values[60:]), seed)
        alarms += found.found
        joint += found.joint_p < 0.2
    assert alarms <= 2  # 0.4 expected
    assert 2 <= joint <= 16  # 8 expected: a p-value that is too large would find nothing


def test_a_shift_of_one_feature_is_found_and_named() -> None:
    random = np.random.default_rng(1)
    reference, holdout = random.normal(size=(2, 150, 6))
    holdout[:, 3] += 0.8
    found = drift.compare(named(reference), named(holdout), 0)
    assert found.found
    assert found.features[0].name == "feature 3"
    assert found.features[0].shift == pytest.approx(0.8, abs=0.3)
    assert found.to_json()["changed"] == ["feature 3"]


def test_a_change_that_no_single_feature_shows_is_found_jointly() -> None:
    random = np.random.default_rng(2)
    reference, holdout = random.normal(size=(2, 200, 2))
    holdout[:, 1] = 0.95 * holdout[:, 0] + np.sqrt(1 - 0.95**2) * holdout[:, 1]
    found = drift.compare(named(reference), named(holdout), 0)
    assert found.joint_adjusted_p < drift.LEVEL
    assert all(feature.adjusted_p > drift.LEVEL for feature in found.features)
    assert found.found


def test_more_photographs_of_one_class_are_no_drift() -> None:
    random = np.random.default_rng(3)
    classes = np.repeat([0, 1], [100, 100]), np.repeat([0, 1], [30, 170])
    sides = [random.normal(size=(200, 3)) + 3 * labels[:, None] for labels in classes]
    as_they_are = drift.compare(named(sides[0]), named(sides[1]), 0)
    assert as_they_are.found
    rows = drift.same_classes(*classes, random)
    assert [
        np.bincount(labels[chosen]).tolist() for labels, chosen in zip(classes, rows, strict=True)
    ] == [
        [30, 100],
        [30, 100],
    ]
    assert not drift.compare(named(sides[0][rows[0]]), named(sides[1][rows[1]]), 0).found


def test_blurred_and_darkened_photographs_are_drift_and_others_are_not(
    photographs: Path, tmp_path: Path
) -> None:
    every = sorted(photographs.rglob("*.jpg"))
    # Alternating tiles of the same pictures: the same distribution as nearly as there is one.
    one = image_statistics.measure_images(
        [path for i, path in enumerate(every) if (i // 8 + i) % 2]
    )
    others = [path for i, path in enumerate(every) if (i // 8 + i + 1) % 2]
    reference = dict(zip(image_statistics.STATISTICS, one.statistics.T, strict=True))

    def compare(name: str, change: Any) -> Any:
        (tmp_path / name).mkdir()
        for position, path in enumerate(others):
            with Image.open(path) as image:
                change(image).save(tmp_path / name / f"{position:03}.jpg", quality=92)
        seen = image_statistics.measure_images(sorted((tmp_path / name).iterdir()))
        here = dict(zip(image_statistics.STATISTICS, seen.statistics.T, strict=True))
        return drift.compare(reference, here, 0)

    assert not compare("same", lambda image: image).found
    blurred = compare("blurred", lambda image: image.filter(ImageFilter.GaussianBlur(1)))
    assert blurred.found
    assert blurred.features[0].name == "sharpness"
    assert blurred.features[0].shift < 0
    darkened = compare("darkened", lambda image: ImageEnhance.Brightness(image).enhance(0.6))
    assert "brightness" in darkened.to_json()["changed"]
