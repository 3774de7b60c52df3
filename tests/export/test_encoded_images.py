"""What the served graph makes of files that are not what they should be."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from python_client import VisionClient
from python_client.errors import InvalidArgumentError
from tests.running import PATIENCE_S


@pytest.fixture(scope="module")
def client(classifier_server: str) -> Iterator[VisionClient]:
    with VisionClient(classifier_server, timeout_s=PATIENCE_S) as client:
        yield client


@pytest.fixture(scope="module")
def jpeg(photographs: Path) -> bytes:
    return next((photographs / "brick").iterdir()).read_bytes()


def png(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds one row of it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    row = zlib.compress(bytes(1 + 3 * min(width, 10_000)))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


def claiming(jpeg: bytes, height: int, width: int) -> bytes:
    """Return the photograph with other sizes in its frame header (SOF0)."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 4 :]


def test_good_files_are_answered(client: VisionClient, jpeg: bytes) -> None:
    answers = client.classify([jpeg, png(7, 1)])
    assert len(answers) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: png(20_000, 20_000), "at most 67108864 pixels; received height, width:"),
        (lambda _: png(0, 10), "at most 67108864 pixels"),
        (lambda _: png(2**31 - 1, 2**31 - 1), "at most 67108864 pixels"),
        (lambda _: png(2**32 - 1, 1), "at most 67108864 pixels"),
        (lambda jpeg: claiming(jpeg, 65_000, 65_000), "at most 67108864 pixels"),
        (lambda jpeg: jpeg[:300], "Invalid JPEG"),
        (lambda jpeg: jpeg[: len(jpeg) // 2], "Invalid JPEG"),
        (lambda _: png(300, 300), "Invalid PNG"),
        (lambda _: b"\x89PNG\r\n\x1a\n", "at most 67108864 pixels"),
        (lambda _: b"GIF89a" + bytes(40), "expected a whole JPEG or PNG file"),
        (
            lambda _: b"RIFF\x1a\x00\x00\x00WEBPVP8L" + bytes(30),
            "expected a whole JPEG or PNG file",
        ),
        (lambda _: b"x", "expected a whole JPEG or PNG file"),
        (lambda _: b"", "expected a whole JPEG or PNG file"),
    ],
)
def test_a_bad_file_is_an_invalid_argument(
    client: VisionClient, jpeg: bytes, make: object, message: str
) -> None:
    data = make(jpeg)  # type: ignore[operator]
    with pytest.raises(InvalidArgumentError, match=message):
        client.predict({"image_bytes": [jpeg, data]}, "serving_bytes")
    assert client.predict({"image_bytes": [jpeg]}, "serving_bytes")
