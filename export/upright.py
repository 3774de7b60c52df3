"""Turn a photograph upright, as its EXIF orientation says, by standard operations.

TensorFlow's decoders ignore the note, so a model would see every other photograph of a phone lying
on its side. The rule is that of :mod:`serving_config.jpeg_orientation`, whose form in Python this
is held to.
"""

from __future__ import annotations

import tensorflow as tf

from serving_config.jpeg_orientation import (
    APP1,
    ENTRY_BYTES,
    LONG,
    NAME,
    SEARCHED_BYTES,
    SHORT,
    TAG,
    UPRIGHT,
)

_LENGTH = 2  # bytes of a segment's length, which counts itself
_FIRST, _SECOND = [1, 256], [256, 1]  # weights of the bytes of a number: little endian, big endian


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn a stored picture as it is to be seen.

    Args:
        image: [height, width, channels], as stored.
        orientation: Scalar int32, 1 to 8 (:func:`orientation`).

    Returns:
        The upright picture, of the same dtype; for 5 to 8 [width, height, channels].
    """

    def turned() -> tf.Tensor:
        lying = orientation >= 5  # 5 to 8 exchange rows and columns
        standing = tf.cond(lying, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
        upside_down = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
        mirrored = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
        return tf.raw_ops.Reverse(tensor=standing, dims=tf.stack([upside_down, mirrored, False]))

    return tf.cond(tf.equal(orientation, UPRIGHT), lambda: image, turned)


def orientation(file: tf.Tensor) -> tf.Tensor:
    """Read the orientation that a file notes.

    Args:
        file: Scalar string, a whole JPEG or PNG file.

    Returns:
        Scalar int32, 1 to 8; 1 where the file notes none.
    """
    # Most files have no such segment, and walking costs more than a search for its name.
    head = tf.strings.substr(file, 0, SEARCHED_BYTES + 4 + len(NAME))
    name = NAME.decode().replace("\0", r"\x00")
    without = tf.strings.regex_replace(head, name, "", replace_global=False)
    return tf.cond(
        tf.strings.length(without) < tf.strings.length(head),
        lambda: _tiff_orientation(_exif_segment(file)),
        lambda: tf.constant(UPRIGHT),
    )


def _exif_segment(file: tf.Tensor) -> tf.Tensor:
    """Walk from segment to segment; return what follows the name in EXIF's, or nothing."""
    length = tf.strings.length(file)

    def bytes_at(position: tf.Tensor, count: int) -> tf.Tensor:
        return _bytes(tf.strings.substr(file, tf.minimum(position, length), count), count)

    def walks(position: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return (position >= 0) & (position < tf.minimum(length, SEARCHED_BYTES))

    def step(position: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        head = bytes_at(position, 4)
        marker, size = head[1], _number(head[2:], _SECOND)
        name = tf.strings.substr(file, tf.minimum(position + 4, length), len(NAME))
        found = tf.equal(marker, APP1) & tf.equal(name, NAME) & (size >= _LENGTH + len(NAME))
        ends = tf.not_equal(head[0], 0xFF) | tf.reduce_any(tf.equal(marker, [0xDA, 0xD9]))
        # Fill bytes, and markers that no length follows.
        alone = tf.equal(marker, 0x01) | ((marker >= 0xD0) & (marker <= 0xD8))
        skip = tf.where(tf.equal(marker, 0xFF), 1, tf.where(alone, 2, 2 + size))
        segment = tf.cond(
            found & ~ends,
            lambda: tf.strings.substr(file, position + 4 + len(NAME), size - _LENGTH - len(NAME)),
            lambda: tf.constant(b""),
        )
        return tf.where(found | ends, -1, position + skip), segment

    _, segment = tf.while_loop(
        walks, step, [tf.constant(2), tf.constant(b"")], parallel_iterations=1
    )
    return segment


def _tiff_orientation(tiff: tf.Tensor) -> tf.Tensor:
    length = tf.strings.length(tiff)
    head = _bytes(tiff, 8)
    little = tf.reduce_all(tf.equal(head[:4], list(b"II*\0")))
    big = tf.reduce_all(tf.equal(head[:4], list(b"MM\0*")))
    pair = tf.where(little, _FIRST, _SECOND)

    def short(two: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(two * pair, axis=-1)

    def long(four: tf.Tensor) -> tf.Tensor:
        first, second = (
            tf.cast(short(four[..., :2]), tf.int64),
            tf.cast(short(four[..., 2:]), tf.int64),
        )
        return tf.where(little, first + 65536 * second, 65536 * first + second)

    start = tf.cast(tf.minimum(long(head[4:]), tf.cast(length, tf.int64)), tf.int32)
    count = short(_bytes(tf.strings.substr(tiff, start, 2), 2))
    table = tf.strings.substr(tiff, tf.minimum(start + 2, length), count * ENTRY_BYTES)
    whole = tf.strings.length(table) // ENTRY_BYTES
    entries = tf.cast(
        tf.io.decode_raw(tf.strings.substr(table, 0, whole * ENTRY_BYTES), tf.uint8), tf.int32
    )
    entries = tf.reshape(entries, [-1, ENTRY_BYTES])
    notes = tf.boolean_mask(entries, tf.equal(short(entries[:, :2]), TAG))
    # A row more, so that there is a first one.
    note = tf.concat([notes, tf.zeros([1, ENTRY_BYTES], tf.int32)], axis=0)[0]
    kind, values = short(note[2:4]), long(note[4:8])
    value = tf.where(tf.equal(kind, SHORT), tf.cast(short(note[8:10]), tf.int64), long(note[8:12]))
    known = tf.reduce_any(tf.equal(kind, [SHORT, LONG])) & tf.equal(values, 1)
    valid = (little | big) & known & (value >= 1) & (value <= 8)
    return tf.where(valid, tf.cast(value, tf.int32), UPRIGHT)


def _bytes(text: tf.Tensor, count: int) -> tf.Tensor:
    """Return the first bytes of a string as int32 [count], zeros where it is shorter."""
    padded = tf.strings.substr(tf.strings.join([text, b"\0" * count]), 0, count)
    return tf.cast(tf.ensure_shape(tf.io.decode_raw(padded, tf.uint8), [count]), tf.int32)


def _number(two: tf.Tensor, weights: list[int]) -> tf.Tensor:
    return tf.reduce_sum(two * weights)
