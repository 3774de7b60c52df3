"""Pictures of detections: boxes where they belong, labels whole, on any background."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from python_client import Box, Detection, Detections, drawing
from tests.running import PATIENCE_S

Pixels = np.ndarray[Any, Any]


def encoded(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def drawn(pixels: Pixels, *objects: Detection) -> Pixels:
    return np.asarray(drawing.draw(encoded(pixels), Detections(objects)))


def one(*edges: float, label: str = "cat", class_id: int = 1) -> Detection:
    return Detection(label, class_id, 0.87, Box(*edges))


def test_nothing_found_leaves_the_picture_as_it_is() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 600, 3), np.uint8)
    np.testing.assert_array_equal(drawn(noise), noise)


def test_a_box_is_where_it_should_be() -> None:
    white = np.full((500, 800, 3), 255, np.uint8)
    changed = (drawn(white, one(0.5, 0.25, 0.75, 0.5)) != white).any(axis=2)
    rows, columns = np.nonzero(changed[250:, :])
    # The frame with its dark edge, one pixel wider; above it stands the label.
    assert (rows.min() + 250, rows.max() + 250) == (250, 375)
    assert (columns.min(), columns.max()) == (199, 400)
    assert not changed[270:350, 220:380].any()


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("class_id", range(1, 9))
def test_a_frame_shows_on_any_background(level: int, class_id: int) -> None:
    flat = np.full((500, 500, 3), level, np.uint8)
    picture = drawn(flat, one(0.4, 0.4, 0.8, 0.8, class_id=class_id)).astype(int)
    across = picture[300, 190:220]
    assert np.ptp(across.sum(axis=1)) > 200  # of 765, between its brightest and darkest pixel


@pytest.mark.parametrize(
    "edges",
    [(0, 0, 0.1, 0.1), (0, 0.95, 0.1, 1), (0.95, 0, 1, 0.1), (0.99, 0.99, 1, 1), (0, 0, 1, 1)],
)
@pytest.mark.parametrize("label", ["cat", "a name that is wider than most pictures are " * 2])
@pytest.mark.parametrize("shape", [(500, 300, 3), (24, 30, 3)])
def test_a_label_is_whole(edges: tuple[float, ...], label: str, shape: tuple[int, ...]) -> None:
    """The plate under the text has its dark edge on all four sides, inside the picture."""
    picture = drawn(np.full(shape, 255, np.uint8), one(*edges, label=label))
    color, black = (picture == (0xE6, 0x9F, 0)).all(axis=2), (picture == 0).all(axis=2)
    # Rows of the plate's colour just inside its edge: the longest runs that are not the frame's.
    best: tuple[int, int, int] = (0, 0, 0)
    for y in range(1, len(picture) - 1):
        runs = np.flatnonzero(np.diff(np.pad(color[y], 1).astype(int)))
        for start, end in zip(runs[::2], runs[1::2], strict=True):
            if black[y - 1, start:end].all() and end - start > best[2] - best[1]:
                best = (y, int(start), int(end))
    y, start, end = best
    assert end - start >= 30
    assert black[y, start - 1] and black[y, end]
    below = color[y:, start]  # the plate's margin, down to its lower edge
    assert not below.all()
    assert black[y + int(below.argmin()), start]


def test_small_pictures_are_enlarged_by_a_whole_factor() -> None:
    assert drawn(np.zeros((28, 40, 3), np.uint8)).shape == (28 * 12, 40 * 12, 3)


def test_without_pillow_the_message_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from python_client.__main__ import main\n"
        "sys.exit(main(['detect', '--server', 'localhost:1', '--draw', 'nowhere', 'a.jpg']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "need Pillow and simplejpeg, which are not both installed" in line
    assert 'pip install "vision-forge[drawing]"' in line
