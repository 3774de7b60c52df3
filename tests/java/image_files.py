"""Image files of every kind that programs write, and what TensorFlow makes of them.

As a program (``image_files.py FOLDER``) it decodes each ``NAME.bin`` of a folder as the served
graph does, into ``NAME.npy``, or into ``NAME.refused`` where TensorFlow refuses the file.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

_EXIF_ORIENTATION = 0x0112
_UNDONE_BY = {6: 8, 8: 6}


def picture(height: int = 37, width: int = 60) -> Image.Image:
    """Return a smooth picture without any symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / width, 255 * y / height
    blue = 120 + 100 * np.sin(x / 9 + y / 5)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def noted(orientation: int, *, big_endian: bool) -> bytes:
    """Return a JPEG file that notes an orientation in one of the two byte orders."""
    order, start = (">", b"MM\0*") if big_endian else ("<", b"II*\0")
    entry = struct.pack(f"{order}HHIHH", _EXIF_ORIENTATION, 3, 1, orientation, 0)
    tiff = start + struct.pack(f"{order}IH", 8, 1) + entry + struct.pack(f"{order}I", 0)
    content = b"Exif\0\0" + tiff
    plain = _saved(picture(), "JPEG", quality=95)
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + plain[2:]


def png_files() -> dict[str, bytes]:
    """Return PNG files by name, which every decoder reads to the same bytes."""
    rgb = picture()
    grey = np.asarray(rgb.convert("L"))
    grey16 = grey.astype(np.uint16) * 257 + 3
    alpha = Image.fromarray(np.linspace(0, 255, grey.size).reshape(grey.shape).astype(np.uint8))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    palette = rgb.quantize(40)
    return {
        "rgb": _saved(rgb, "PNG"),
        "rgba": _saved(rgba, "PNG"),
        "grey": _saved(rgb.convert("L"), "PNG"),
        "grey and alpha": _saved(Image.merge("LA", (rgb.convert("L"), alpha)), "PNG"),
        "one bit": _saved(rgb.convert("1"), "PNG"),
        "grey of 16 bits": _saved(Image.fromarray(grey16), "PNG"),
        "rgb of 16 bits": _png(16, 2, np.asarray(rgb).astype(">u2") * 257 + 5),
        "grey and alpha of 16 bits": _png(16, 4, np.stack([grey16, grey16], -1).astype(">u2")),
        "palette": _saved(palette, "PNG"),
        "palette of 4 bits": _saved(rgb.quantize(9), "PNG", bits=4),
        "palette with alpha": _saved(palette, "PNG", transparency=bytes(range(0, 240, 6))),
        "a transparent colour": _saved(rgb, "PNG", transparency=(0, 0, 120)),
        "a transparent grey": _saved(rgb.convert("L"), "PNG", transparency=7),
        "a gamma": _with_chunk(_saved(rgb, "PNG"), b"gAMA", struct.pack(">I", 100_000)),
        "a colour profile": _saved(rgb, "PNG", icc_profile=_other_profile()),
        "one pixel": _saved(picture(1, 1), "PNG"),
    }


def jpeg_files() -> dict[str, bytes]:
    """Return JPEG files by name, which decoders read to nearly the same levels."""
    rgb = picture(64, 80)
    return {
        "rgb": _saved(rgb, "JPEG", quality=95),
        "not subsampled": _saved(rgb, "JPEG", quality=95, subsampling=0),
        "progressive": _saved(rgb, "JPEG", quality=95, progressive=True),
        "grey": _saved(rgb.convert("L"), "JPEG", quality=95),
        "cmyk": _saved(rgb.convert("CMYK"), "JPEG", quality=95),
        "a colour profile": _saved(rgb, "JPEG", quality=95, icc_profile=_other_profile()),
        "no JFIF segment": _without_jfif(_saved(rgb, "JPEG", quality=95)),
        "no JFIF segment, not subsampled": _without_jfif(
            _saved(rgb, "JPEG", quality=95, subsampling=0)
        ),
        "components called R, G and B": _saved(rgb, "JPEG", quality=95, keep_rgb=True),
        "bytes behind its end": _saved(rgb, "JPEG", quality=95) + b"more",
    }


def broken_files() -> dict[str, bytes]:
    """Return files that nobody can decode, by name."""
    jpeg, png = _saved(picture(), "JPEG"), _saved(picture(), "PNG")
    damaged = bytearray(png)
    damaged[60] ^= 0xFF
    return {
        "a JPEG file that is cut off": jpeg[: len(jpeg) * 2 // 3],
        "a JPEG file without its end": jpeg[:-2],
        "the beginning of a JPEG file": jpeg[:20],
        "a PNG file that is cut off": png[: len(png) * 2 // 3],
        "a PNG file without its end": png[:-12],
        "a damaged PNG file": bytes(damaged),
        "a PNG file without an image": png[:33],
        "too many pixels": _with_size(png, 10_000, 10_000),
    }


def _saved(image: Image.Image, kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def _other_profile() -> bytes:
    """Return a profile under which the same numbers are quite other colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    written = bytearray(profile.tobytes())
    # Red's primary becomes green's and the other way round.
    table = {bytes(written[at : at + 4]): at for at in range(132, 132 + 12 * written[131], 12)}
    red, green = table[b"rXYZ"], table[b"gXYZ"]
    written[red + 4 : red + 12], written[green + 4 : green + 12] = (
        written[green + 4 : green + 12],
        written[red + 4 : red + 12],
    )
    return bytes(written)


def _without_jfif(file: bytes) -> bytes:
    return file[:2] + file[2 + 18 :]


def _chunk(name: bytes, content: bytes) -> bytes:
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def _png(bits: int, colour: int, samples: np.ndarray) -> bytes:  # type: ignore[type-arg]
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in samples.astype(">u2"))
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    return png[:33] + _chunk(name, content) + png[33:]


def _with_size(png: bytes, height: int, width: int) -> bytes:
    header = struct.pack(">II", width, height) + png[24:29]
    return png[:8] + _chunk(b"IHDR", header) + png[33:]


def _decode_all(folder: Path) -> None:
    import tensorflow as tf

    from export import images

    decode = tf.function(images.decode, input_signature=[tf.TensorSpec([], tf.string)])
    for path in sorted(folder.glob("*.bin")):
        try:
            np.save(path.with_suffix(".npy"), decode(path.read_bytes()).numpy())
        except tf.errors.InvalidArgumentError as err:
            path.with_suffix(".refused").write_text(str(err), encoding="utf-8")


if __name__ == "__main__":
    _decode_all(Path(sys.argv[1]))
