"""Pictures that find out what code does to pixels: colours, every value, places, neighbours.

Four colours tell one convention from another. They do not tell a straight line from a curve that
goes through the same ends (a gamma), nor code that treats one half of a picture, or of a batch,
otherwise. So every value of every channel is asked for as well, at places drawn at random, and one
picture is asked about twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "blue": (0, 0, 255)}
"""The first pictures of :func:`pictures`, in this order, each of one colour."""

GREY = 100
"""Value of the picture after them, of which the last one is a copy."""

_HEIGHT, _WIDTH = 48, 32  # not square: a transposed picture is another shape
_RANDOM = 8


def size_for(preprocess: Any) -> tuple[int, int]:
    """Return height and width of the pictures: those that a Keras model insists on, if it does."""
    shape = getattr(preprocess, "input_shape", None)
    if isinstance(shape, tuple) and len(shape) == 4 and all(shape[1:3]):
        return int(shape[1]), int(shape[2])
    return _HEIGHT, _WIDTH


def pictures(height: int, width: int) -> Array:
    """Return the pictures: the colours, grey, every value at random places, grey again.

    Returns:
        float32 [pictures, height, width, 3], whole numbers from 0 to 255.
    """
    flat = [np.full((height, width, 3), colour) for colour in (*COLOURS.values(), (GREY,) * 3)]
    random = np.random.default_rng(0)
    values = np.resize(np.arange(256), (_RANDOM, height, width, 3))
    drawn = random.permuted(values.reshape(-1, 3), axis=0).reshape(values.shape)
    return np.concatenate([np.stack(flat), drawn, flat[-1][None]]).astype(np.float32)


def diagnose(asked: Array, received: Array, wanted: Array, apart: Array) -> str:
    """Say in what way code is wrong that treats the four colours rightly.

    Args:
        asked: From :func:`pictures`.
        received: What the code made of it, of the same shape.
        wanted: What it should have.
        apart: bool [pictures, height, width]: where the two differ.

    Returns:
        A sentence with an example.
    """
    picture, row, column = (int(axis[0]) for axis in np.nonzero(apart))
    example = (
        f"{_show(asked[picture, row, column])} in row {row}, column {column} of picture {picture}: "
        f"expected {_show(wanted[picture, row, column])}, received "
        f"{_show(received[picture, row, column])}"
    )
    grey = len(COLOURS)
    if not np.allclose(received[grey], received[-1]):
        return f"It treats pictures otherwise by their place in the batch ({example})"
    # Where only some of a value's places are wrong, it is the place that matters.
    value = asked[picture, row, column]
    same = (asked[grey + 1 : -1] == value).all(-1)
    wrong = apart[grey + 1 : -1]
    flat = apart[grey]
    if (flat.any() and not flat.all()) or (same.any() and (same & ~wrong).any()):
        return f"It differs by place within the picture ({example})"
    return (
        f"Black and white come out right and what lies between does not ({example}): a curve "
        "(gamma), a threshold, or a rounding"
    )


def _show(values: Any) -> str:
    rounded = [f"{float(value):.4g}" for value in values]
    return rounded[0] if len(set(rounded)) == 1 else f"({', '.join(rounded)})"
