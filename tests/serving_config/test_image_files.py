"""Image files to upright pixels without TensorFlow, held to Pillow's reading of the same files."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from python_client import InputError, load_image
from serving_config.image_files import ImageFileError, decode, kind, turn_upright
from serving_config.jpeg_orientation import jpeg_orientation
from tests import orientations

CASES = orientations.cases()


@pytest.mark.parametrize("name", CASES)
def test_the_orientation_of_a_file(name: str) -> None:
    assert jpeg_orientation(CASES[name].file) == CASES[name].orientation


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")  # Pillow's, about broken EXIF
def test_pillow_turns_it_the_same_way(name: str) -> None:
    case = CASES[name]
    with Image.open(io.BytesIO(case.file)) as image:
        turned = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    found = decode(case.file)
    agrees = turned.shape == found.shape and np.abs(turned - found).max() <= 12
    assert agrees == case.pillow_agrees


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_upright_picture(orientation: int) -> None:
    upright = orientations.picture()
    found = decode(orientations.lying(upright, orientation)).astype(int)
    assert found.shape == (37, 60, 3)
    assert np.abs(found - np.asarray(upright)).max() < 12


def test_turning_is_contiguous_and_keeps_what_is_upright() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert turn_upright(pixels, 1) is pixels
    assert turn_upright(pixels, 6).flags.c_contiguous


def png(depth: int, color: int, row_bytes: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG file of 8x5 pixels of any depth and colour type, with random rows."""
    random = np.random.default_rng(depth + 7 * color)
    rows = b"".join(b"\0" + random.bytes(row_bytes) for _ in range(5))
    header = struct.pack(">IIBBBBB", 8, 5, depth, color, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


PALETTE = (b"PLTE", bytes(range(48)) * 16)
PNG_FILES = {
    "grey of 1 bit": png(1, 0, 1),
    "grey of 2 bits": png(2, 0, 2),
    "grey of 4 bits": png(4, 0, 4),
    "grey of 8 bits": png(8, 0, 8),
    "grey of 16 bits": png(16, 0, 16),
    "grey of 16 bits, one value transparent": png(16, 0, 16, (b"tRNS", b"\0\7")),
    "RGB": png(8, 2, 24),
    "RGB of 16 bits": png(16, 2, 48),
    "RGB with a gamma": png(8, 2, 24, (b"gAMA", struct.pack(">I", 100_000))),
    "RGB, one colour transparent": png(8, 2, 24, (b"tRNS", bytes(6))),
    "palette": png(8, 3, 8, PALETTE),
    "palette of 2 bits": png(2, 3, 2, PALETTE),
    "palette with transparency": png(8, 3, 8, PALETTE, (b"tRNS", bytes(range(200)))),
    "grey and alpha": png(8, 4, 16),
    "grey and alpha of 16 bits": png(16, 4, 32),
    "RGB and alpha": png(8, 6, 32),
    "RGB and alpha of 16 bits": png(16, 6, 64),
    "a note in the eXIf chunk": png(
        8, 2, 24, (b"eXIf", orientations.tiff([orientations.entry(6)]))
    ),
}


def test_sixteen_bits_keep_the_upper_eight() -> None:
    found = decode(PNG_FILES["grey of 16 bits"])
    random = np.random.default_rng(16)
    upper = np.stack([np.frombuffer(random.bytes(16), ">u2") >> 8 for _ in range(5)])
    assert (found == upper[..., None]).all()


def test_printers_inks_are_mixed_as_tensorflow_mixes_them() -> None:
    """Inks of which the answer can be worked out; test_litert.py holds random ones to the graph."""
    buffer = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 100, 255, 55)).save(buffer, "JPEG", quality=100)
    file = buffer.getvalue()  # Adobe's marker: inks inverted
    expected = np.array([255, 155, 0]) * 200 // 255
    assert np.abs(decode(file)[8, 8].astype(int) - expected).max() <= 2
    at = file.index(b"\xff\xee")
    unmarked = file[:at] + file[at + 16 :]
    # As they are stored, 255 - ink, the same numbers mean the opposite.
    expected = np.array([0, 100, 255]) * 55 // 255
    assert np.abs(decode(unmarked)[8, 8].astype(int) - expected).max() <= 2
    # Bytes that belong to nothing, of which libjpeg warns, change no colour.
    for whole in (file, unmarked):
        strayed = whole[:-2] + bytes(7) + whole[-2:]
        assert (decode(strayed) == decode(whole)).all()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "no bytes"),
        (b"BM" + bytes(50), "a BMP file; convert it to JPEG or PNG"),
        (b"GIF89a" + bytes(50), "a GIF file; convert it to JPEG or PNG"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP file; convert it to JPEG or PNG"),
        (b"\0\0\0\x18ftypheic", "a HEIC file; convert it to JPEG or PNG"),
        (b"\0\0\0\x18ftypmp42", "a video or AVIF file; convert it to JPEG or PNG"),
        (b"II*\0" + bytes(50), "a TIFF or raw camera file; convert it to JPEG or PNG"),
        (b"hello", "5 bytes of something else"),
    ],
)
def test_what_is_no_image_is_named_in_the_users_words(file: bytes, said: str) -> None:
    assert kind(file) == said
    with pytest.raises(ImageFileError, match="expected a whole JPEG or PNG file, received"):
        decode(file)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (orientations.lying(orientations.picture(), 6)[:400], "JPEG file is broken"),
        (orientations.lying(orientations.picture(), 6)[:-2], "JPEG file is cut off"),
        (PNG_FILES["RGB"][:60], "PNG file is broken or cut off"),
        (
            png(8, 2, 24).replace(struct.pack(">II", 8, 5), struct.pack(">II", 20_000, 20_000)),
            "at most 67108864 pixels",
        ),
    ],
)
def test_a_broken_file_is_refused(file: bytes, said: str) -> None:
    with pytest.raises(ImageFileError, match=said):
        decode(file)


def test_the_client_loads_paths_and_bytes(tmp_path: Path) -> None:
    file = orientations.lying(orientations.picture(), 8)
    path = tmp_path / "photo.jpg"
    path.write_bytes(file)
    assert (load_image(path) == load_image(file)).all()
    assert load_image(str(path)).shape == (37, 60, 3)
    path.write_bytes(b"BM")
    with pytest.raises(InputError, match=r"photo\.jpg: expected a whole JPEG or PNG file, .* BMP"):
        load_image(path)
