"""Pictures of extreme data: nothing overlaps or is cut, and no colour stands alone."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from export.report import batch_norm_chart, channels, confusion, contact_sheet, curves, style
from export.report.contact_sheet import Shown
from export.report.record import BatchNormShifts, RecordedPhase, Step

LONG_NAMES = [f"a class whose name goes on and on, edition {n}" for n in range(10)]
TWELVE = style.picture_names([*LONG_NAMES, "$x$ & <b>", "猫"])
TWO = ("cat", "dog")


@pytest.mark.parametrize("names", [TWO, TWELVE])
def test_labels_of_a_confusion_matrix_do_not_touch(names: tuple[str, ...]) -> None:
    matrix = np.random.default_rng(0).integers(0, 40, (len(names), len(names)))
    assert_readable(confusion.draw(matrix, names))


@pytest.mark.parametrize("names", [TWO, TWELVE])
def test_labels_of_shared_channels_do_not_touch(names: tuple[str, ...]) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(3 * len(names)) % len(names)
    maps = random.gamma(0.5, 1, (len(labels), 4, 4, 96)).astype(np.float32)
    assert_readable(channels.draw_shared(channels.measure(maps, labels, len(names)), names))


def test_unfreezings_in_neighbouring_epochs_are_told_apart() -> None:
    epoch = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.2, "val_accuracy": 0.4}
    steps = tuple(Step(layers, first) for layers, first in ((15, 13), (30, 14), (50, 15)))
    phases = (
        RecordedPhase(1, "head", 1, (epoch,) * 12),
        RecordedPhase(2, "top", 13, (epoch,) * 4, steps),
    )
    assert [place for place, _ in curves.unfreezings(phases)] == [12.5, 13.5, 14.5]
    assert_readable(curves.draw(phases, 2))


@pytest.mark.parametrize("largest", [0.0, 0.2, 40.0])
def test_the_line_of_the_alarm_is_always_in_the_picture(largest: float) -> None:
    shifts = {f"block_{n}_BN": largest * n / 52 for n in range(52)}
    drawn = BatchNormShifts(0.05, {1: dict.fromkeys(shifts, 0.0), 2: shifts})
    figure = batch_norm_chart.draw(drawn)
    low, high = figure.axes[0].get_ylim()
    assert low <= 0 and high > max(0.05, largest)
    assert_readable(figure)
    texts = " ".join(text.get_text() for text in figure.texts)
    assert ("block_51_BN" in texts) == (largest > 0.05)


def test_a_shift_that_is_not_a_number_is_over_the_line() -> None:
    shifts = BatchNormShifts(0.05, {1: {"good": 0.01, "burst": float("nan")}})
    assert [name for _, name, _ in batch_norm_chart.over_threshold(shifts)] == ["burst"]


def test_an_infinite_shift_is_named_beside_the_picture() -> None:
    drawn = BatchNormShifts(0.05, {1: {"good": 0.01, "burst": float("inf")}})
    figure = batch_norm_chart.draw(drawn)
    assert_readable(figure)
    assert any("burst" in text.get_text() for text in figure.texts)


def test_a_channel_that_answers_everywhere_the_same_is_nobodys() -> None:
    maps = np.zeros((4, 3, 3, 300), np.float32)
    labels = np.array([0, 0, 1, 1])
    maps[..., 7] = 6.0  # saturated
    maps[:, 1, 1, 5] = 1.0  # both classes
    maps[:2, 0, 0, 9] = 1.0  # the first alone
    shared = channels.measure(maps, labels, 2)
    assert shared.shared_by[[5, 7, 9]].tolist() == [2, 0, 1]
    assert shared.most_shared(1).tolist() == [5]
    assert shared.overlap == pytest.approx(np.array([[1, 0.5], [1, 1]]))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=12, unique=True))
def test_names_in_pictures_are_short_different_and_drawable(names: list[str]) -> None:
    drawn = style.picture_names(names)
    assert len(set(drawn)) == len(drawn) == len(names)
    for name in drawn:
        assert 0 < len(name) <= style.LONGEST_LABEL and style.drawable(name)


def test_a_sheet_holds_tall_wide_and_tiny_photographs(tmp_path: Path) -> None:
    shown = []
    for index, size in enumerate([(400, 40), (40, 400), (3, 3)]):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", size, (90, 90, 90)).save(path)
        shown.append(Shown(path, TWELVE[0], TWELVE[index % 2], 0.9, 0.1))
    sheet = tmp_path / "sheet.png"
    sheet.write_bytes(contact_sheet.draw(shown))
    with Image.open(sheet) as picture:
        assert picture.height < 400 < picture.width


# Machado, Oliveira and Fernandes (2009), severity 1.
_PROTAN = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
           [-0.003882, -0.048116, 1.051998]]  # fmt: skip
_DEUTAN = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
           [-0.011820, 0.042940, 0.968881]]  # fmt: skip


@pytest.mark.parametrize("blindness", [_PROTAN, _DEUTAN])
@pytest.mark.parametrize(
    "pair", [(style.GREEN, style.RED), (style.BLUE, style.ORANGE), (style.BLUE, style.RED)]
)
def test_colour_blind_people_can_tell_the_colours_apart(
    pair: tuple[str, str], blindness: list[list[float]]
) -> None:
    seen = [np.clip(np.array(blindness) @ _linear(to_rgb(color)), 0, 1) for color in pair]
    assert np.linalg.norm(_lab(seen[0]) - _lab(seen[1])) > 20  # 2.3 is just noticeable


@pytest.mark.parametrize("color", [style.GREEN_TEXT, style.RED_TEXT, style.INK, style.GREY])
def test_text_in_pictures_can_be_read(color: str) -> None:
    luminance = float(_linear(to_rgb(color)) @ [0.2126, 0.7152, 0.0722])
    assert 1.05 / (luminance + 0.05) >= 4.5


def assert_readable(figure: Figure) -> None:
    """No label of one axis touches its neighbour, and nothing lies outside of the saved picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that the font lacks
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    renderer = canvas.get_renderer()
    whole = figure.get_tightbbox(renderer).padded(0.12).transformed(figure.dpi_scale_trans)
    for axes in figure.axes:
        children = [axes, *axes.child_axes]
        for axis in (a for c in children for a in (c.xaxis, c.yaxis)):
            labels = [t for t in axis.get_ticklabels() if t.get_text()]
            low, high = sorted(axis.get_view_interval())
            place = 0 if axis.axis_name == "x" else 1  # ticks out of view are not drawn
            labels = [t for t in labels if low <= t.get_position()[place] <= high]
            boxes = [label.get_window_extent(renderer) for label in labels]
            for box in boxes:
                assert whole.x0 <= box.x0 and box.x1 <= whole.x1
                assert whole.y0 <= box.y0 and box.y1 <= whole.y1
            if any(label.get_rotation() % 90 for label in labels):
                # Slanted labels' boxes overlap though the letters do not: their lines' distance.
                slant = np.radians(labels[0].get_rotation())
                anchors = [axis.axes.transData.transform((t.get_position()[0], 0))[0]
                           for t in labels]  # fmt: skip
                height = labels[0].get_fontsize() * figure.dpi / 72
                gaps = np.diff(sorted(anchors)) * np.sin(slant)
                assert gaps.size == 0 or gaps.min() > 0.9 * height
            else:
                for one, other in itertools.pairwise(boxes):
                    assert not one.overlaps(other)


def _linear(color: tuple[float, float, float]) -> np.ndarray:
    value = np.array(color)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.array(to_xyz) @ linear / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
