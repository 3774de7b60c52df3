"""Darknet's ``.weights`` files: the official network sees, and nothing else gets in."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data

RECORDED = Path(__file__).parent / "recorded"
CAT, CUP = 15, 41  # positions in coco.names

# A function of tensorflow_side.py, called in its process.
Side = Any


@pytest.mark.parametrize(
    ("photograph", "margin", "expected", "inside", "at_least"),
    # Where the eyes and the rim of the cup are, by looking: fractions of height and width. The
    # cat's face fills its photograph, larger than cats are in COCO: with a grey margin of 200
    # pixels it scores 0.96, without one 0.05 and still before everything else.
    [
        ("chelsea", 0, CAT, (0.35, 0.45), 0.01),
        ("chelsea", 200, CAT, (0.44, 0.47), 0.9),
        ("coffee", 0, CUP, (0.4, 0.5), 0.6),
    ],
)
def test_official_network_finds_what_is_there(
    side: Side,
    official_weights: str,
    photograph: str,
    margin: int,
    expected: int,
    inside: tuple[float, float],
    at_least: float,
) -> None:
    image = getattr(skimage.data, photograph)()
    image = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), constant_values=128)
    found = side("official_detections", official_weights, image)
    best = found["boxes"][0]
    assert found["classes"][0] == expected
    assert found["scores"][0] > at_least
    assert best[0] < inside[0] < best[2]
    assert best[1] < inside[1] < best[3]
    others = found["scores"][found["classes"] != expected]
    assert not len(others) or found["scores"][0] > 3 * others.max()


def test_a_file_of_two_scales_fills_the_network_of_three(side: Side, official_weights: str) -> None:
    two, three = side("three_scales", official_weights, skimage.data.chelsea())
    for ours, theirs in zip(three[:2], two[:2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [each.shape[1:] for each in three] == [
        (3, 3, 1024), (6, 6, 256), (12, 12, 128),
        (3, 3, 3, 8), (6, 6, 3, 8), (12, 12, 3, 8),
    ]  # fmt: skip


def test_the_network_of_three_scales_is_darknets(side: Side) -> None:
    """Convolution by convolution: a file that Darknet trained has its floats in this order."""
    recorded = json.loads((RECORDED / "yolov3_tiny_3l.json").read_text())
    found = side("convolutions", "yolov3_tiny_3l", recorded["class_count"])
    assert found == recorded["convolutions"]


def test_every_float_is_consumed_and_comes_back(
    side: Side, official_weights: str, tmp_path: Path
) -> None:
    read, written = side("rewritten", official_weights, str(tmp_path / "again.weights"))
    assert read == written


@pytest.mark.parametrize(
    ("version", "counter"),
    [((0, 1, 0), struct.pack("<I", 64)), ((0, 2, 5), struct.pack("<Q", 1 << 40))],
)
def test_both_header_versions(
    side: Side, tmp_path: Path, version: tuple[int, int, int], counter: bytes
) -> None:
    path = tmp_path / "some.weights"
    path.write_bytes(struct.pack("<3i", *version) + counter + struct.pack("<2f", 1.5, -2.0))
    images_seen = 64 if len(counter) == 4 else 1 << 40
    assert side("read_header", str(path)) == (version, images_seen, [1.5, -2.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a Darknet header of 16 or 20 bytes, received 0 bytes"),
        (b"PK\x03\x04" * 9, "not a Darknet .weights file"),
        (struct.pack("<3iQ", 0, 2, 0, 0) + b"abc", "whole float32 values, received 23 bytes"),
        (struct.pack("<3iQf", 0, 2, 0, 0, float("nan")), "1 of 1 values are not finite"),
    ],
)
def test_what_is_no_weights_file(side: Side, tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.weights"
    path.write_bytes(content)
    assert message in side.error_of("read_header", str(path))[1]


@pytest.mark.parametrize("extra", [-1, 1])
def test_a_file_for_another_network_is_refused(
    side: Side, official_weights: str, tmp_path: Path, extra: int
) -> None:
    content = Path(official_weights).read_bytes()
    path = tmp_path / "other.weights"
    path.write_bytes(content + bytes(4) if extra > 0 else content[:-4])
    kind, text = side.error_of("fill_tiny", str(path))
    assert kind == "WeightsError"
    assert (
        "belongs to another network: expected 6,298,480 (backbone), "
        f"8,858,734 (whole COCO network) values, received {8_858_734 + extra:,}"
    ) in text


def test_darknet53_has_the_sizes_of_its_official_files(side: Side) -> None:
    # darknet53.conv.74 and yolov3.weights: their bytes, less the header, over four.
    backbone, whole, shapes = side("darknet53_counts")
    assert (backbone, whole) == (40_620_640, 62_001_757)
    assert shapes == [(2, 2, 1024), (4, 4, 512), (8, 8, 256)]


def test_strided_convolution_pads_all_sides(side: Side, tmp_path: Path) -> None:
    """A kernel that picks its upper left pixel shows where the padding is."""
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0, 0, 0] = 1
    path = tmp_path / "one.weights"
    norm = [0.0, 1.0, 0.0, 1.0 - 1e-5]  # bias, scale, mean, variance: the identity
    path.write_bytes(struct.pack("<3iQ4f", 0, 2, 0, 0, *norm) + kernel.tobytes())
    pixels = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1) + 1
    found = side("strided_convolution", str(path), pixels)[0, :, :, 0]
    np.testing.assert_allclose(found, [[0, 0], [0, 6]], atol=1e-4)
