"""Java decodes image files to the pixels that TensorFlow and Pillow make of them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from serving_config.image_files import decode
from tests import orientations
from tests.java import image_files
from tests.java.fixtures import JavaError
from tests.running import REPO, run_python

# The JDK refuses a file whose colour profile has broken parts, which the graph decodes.
CASES = {name: one for name, one in orientations.cases().items() if "130 kB" not in name}

# Between libjpeg's accurate inverse transform and the fast one that TensorFlow takes.
JPEG_LEVELS = 10
JPEG_MEAN_LEVELS = 1.5


@pytest.fixture(scope="module")
def tensorflows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """By name of a file, the pixels that TensorFlow makes of it; None where it refuses it."""
    folder = tmp_path_factory.mktemp("image_files")
    files = image_files.png_files() | _jpeg_files() | image_files.broken_files()
    for name, file in files.items():
        (folder / f"{name}.bin").write_bytes(file)
    program = REPO / "tests" / "java" / "image_files.py"
    ran = run_python(program, folder, environment={"PYTHONPATH": str(REPO)})
    assert ran.code == 0, ran.err
    return {
        name: np.load(path) if (path := folder / f"{name}.npy").exists() else None for name in files
    }


def _jpeg_files() -> dict[str, bytes]:
    return {f"JPEG, {name}": file for name, file in image_files.jpeg_files().items()}


def test_png_files_byte_for_byte(java: Any, tensorflows: dict[str, Any]) -> None:
    for name, file in image_files.png_files().items():
        np.testing.assert_array_equal(java("decode", file), tensorflows[name], err_msg=name)


def test_jpeg_files_but_for_the_transform(java: Any, tensorflows: dict[str, Any]) -> None:
    for name, file in _jpeg_files().items():
        apart = np.abs(java("decode", file).astype(int) - tensorflows[name])
        assert apart.max() <= JPEG_LEVELS, name
        assert apart.mean() <= JPEG_MEAN_LEVELS, name


def test_what_tensorflow_refuses(java: Any, tensorflows: dict[str, Any]) -> None:
    for name, file in image_files.broken_files().items():
        assert tensorflows[name] is None, name
        with pytest.raises(JavaError, match=r"broken|cut off|may have at most") as refusal:
            java("decode", file)
        assert refusal.value.kind == "InvalidImageException"


@pytest.mark.parametrize("big_endian", [False, True])
def test_every_orientation_as_pillow_turns_it(java: Any, big_endian: bool) -> None:
    for orientation in range(10):  # 0 and 9 are none
        file = image_files.noted(orientation, big_endian=big_endian)
        with Image.open(io.BytesIO(file)) as image:
            upright = np.asarray(ImageOps.exif_transpose(image))
        # Pillow's libjpeg and the JDK's transform accurately both.
        np.testing.assert_array_equal(java("decode", file), upright, err_msg=str(orientation))


@pytest.mark.parametrize("name", CASES)
def test_notes_are_read_by_the_rule_that_python_and_the_graph_follow(java: Any, name: str) -> None:
    upright = decode(CASES[name].file).astype(int)
    found = java("decode", CASES[name].file)
    assert found.shape == upright.shape
    assert np.abs(found - upright).max() <= JPEG_LEVELS


def test_a_file_of_another_kind(java: Any) -> None:
    with pytest.raises(JavaError, match="expected a whole JPEG or PNG file, received 6 bytes"):
        java("decode", b"GIF89a")
