"""What a published model says of inputs that it does not take, whichever runtime it runs in.

The served graph asserts these sentences; where no graph can (LiteRT), the server says them.
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_PIXELS = 2**26
"""Most pixels of an encoded image: 67 million, more than cameras take, 200 MB decoded."""

PIXELS = (
    "input_tensor must be uint8 [batch, height, width, 3], RGB, every axis at least 1; received "
    "shape"
)
FILES = "image_bytes must be a vector of at least one whole JPEG or PNG file; received shape"
KIND = "expected a whole JPEG or PNG file; received bytes:"
SIZE = f"an image may have at most {MAX_PIXELS} pixels; received height, width:"
JPEG_HEADER = "Invalid JPEG data, size"  # TensorFlow's kernels say the last three
JPEG = "jpeg::Uncompress failed. Invalid JPEG data or crop window."
PNG = "Invalid PNG data, size"


def asserted(sentence: str, found: Sequence[int] | int) -> str:
    """Return what a graph's assertion says.

    Args:
        sentence: One of the first four above.
        found: What it ends with: a shape, or a number of bytes.
    """
    shown = found if isinstance(found, int) else " ".join(map(str, found))
    return f"assertion failed: [{sentence}] [{shown}]"
