"""What reaches a base: right pictures by other people's resizes, wrong code; run as a program.

Prints one JSON object. The pytest process itself never imports TensorFlow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from skimage import data, transform

from export.errors import ExportError
from export.training.input_range import (
    BGR_MINUS_MEANS,
    IMAGENET_STATISTICS,
    MINUS_ONE_TO_ONE,
    RANGES,
    check_batch,
    check_preprocessing,
)

Array = np.ndarray[Any, Any]

_SIZES = (40, 120)  # smaller than the photographs, and larger


def outcome(action: Callable[[], Any]) -> str:
    """Return what an action is refused with; "" when it passes."""
    try:
        action()
    except ExportError as err:
        return str(err)
    return ""


def photographs() -> list[Array]:
    """Return squares of real photographs, uint8, among them black and white at sharp edges."""
    page = np.repeat(data.page()[:100, :100, None], 3, axis=2)
    pictures = (data.coffee(), data.chelsea(), data.astronaut(), data.rocket())
    squares = [p[80:280:2, left : left + 200 : 2] for p in pictures for left in (0, 150)]
    return [*squares, page]


def resizes() -> Iterator[tuple[str, Callable[[Array, int], Array]]]:
    """Yield resizes that overshoot, of three libraries: uint8 [h, w, 3] to float [n, n, 3]."""

    def pillow(kind: Any) -> Callable[[Array, int], Array]:
        def resize(picture: Array, side: int) -> Array:
            planes = [
                Image.fromarray(picture[..., c].astype("float32")).resize((side, side), kind)
                for c in range(3)
            ]
            return np.stack([np.asarray(plane) for plane in planes], axis=-1)

        return resize

    def scikit(picture: Array, side: int) -> Array:
        resized: Array = transform.resize(
            picture.astype("float64"), (side, side), order=3, clip=False, preserve_range=True
        )
        return resized

    def tensorflow(kind: str, *, antialias: bool) -> Callable[[Array, int], Array]:
        return lambda picture, side: np.asarray(
            tf.image.resize(picture.astype("float32"), (side, side), kind, antialias=antialias)
        )

    yield "Pillow bicubic", pillow(Image.Resampling.BICUBIC)
    yield "Pillow lanczos", pillow(Image.Resampling.LANCZOS)
    yield "scikit-image bicubic", scikit
    for kind in ("bicubic", "lanczos3", "lanczos5"):
        for antialias in (False, True):
            name = f"TensorFlow {kind}{' antialiased' if antialias else ''}"
            yield name, tensorflow(kind, antialias=antialias)


def right() -> dict[str, Any]:
    """Give every base right pictures, resized and with noise; collect what is refused."""
    pictures = photographs()
    random = np.random.default_rng(0)
    refused, most, asked = {}, 0.0, 0
    for name, resize in resizes():
        for side in _SIZES:
            pixels = np.stack([resize(picture, side) for picture in pictures])
            most = max(most, float(-pixels.min()), float(pixels.max() - 255))
            for noise in (0, 25):
                noisy = pixels + random.normal(0, noise, pixels.shape)
                for expected in RANGES:
                    given = expected.apply(noisy)
                    for batch in (given, given[:1]) if noise == 0 else (given,):
                        asked += 1
                        if said := outcome(lambda b=batch, e=expected: check_batch(b, e)):
                            refused[f"{name} {side} {noise} {expected.name} {len(batch)}"] = said
    dark = np.stack([p.astype("float64") for p in pictures])
    dark[:2] = random.integers(0, 2, dark[:2].shape)  # a lens cap, and a sensor's noise
    for expected in RANGES:
        given = expected.apply(dark)[:8]
        if said := outcome(lambda b=given, e=expected: check_batch(b, e)):
            refused[f"two black frames {expected.name}"] = said
    return {"refused": refused, "asked": asked, "overshoot": most}


def halves() -> dict[str, str]:
    """Give every base batches of which one half is coded otherwise."""
    small = [np.asarray(Image.fromarray(p).resize((64, 64)), "float64") for p in photographs()]
    pixels = np.stack(small[:8])
    found = {}
    for expected in RANGES:
        for other in RANGES:
            if other is not expected:
                mixed = np.concatenate([expected.apply(pixels[:4]), other.apply(pixels[4:])])
                name = f"{expected.name} and {other.name}"
                found[name] = outcome(lambda m=mixed, e=expected: check_batch(m, e))
    return found


def numbers() -> dict[str, str]:
    """Give batches with one value that is no number, or far beyond any."""
    found = {}
    for name, value in (("nan", np.nan), ("inf", np.inf), ("far", 1e4)):
        batch = MINUS_ONE_TO_ONE.apply(np.stack([data.coffee()[:64, :64]] * 4).astype("float64"))
        batch[2, 3, 4, 1] = value
        found[name] = outcome(lambda b=batch: check_batch(b, MINUS_ONE_TO_ONE))
    return found


def code() -> dict[str, str]:
    """Hold wrong code to what a base expects, in ways that four colours do not show."""
    scale = MINUS_ONE_TO_ONE.apply

    def unit(pixels: Any) -> Any:
        return keras.ops.convert_to_numpy(pixels) / 255.0

    def lower_half(pixels: Any) -> Any:
        made = scale(keras.ops.convert_to_numpy(pixels)).copy()
        made[:, made.shape[1] // 2 :] *= 0.5
        return made

    def one_pixel(pixels: Any) -> Any:
        made = scale(keras.ops.convert_to_numpy(pixels)).copy()
        made[:, 20, 10] = 0.1
        return made

    def half_a_batch(pixels: Any) -> Any:
        made = scale(keras.ops.convert_to_numpy(pixels)).copy()
        made[len(made) // 2 :] = made[len(made) // 2 :] / 2 + 0.5
        return made

    wrong = {
        "gamma": lambda x: unit(x) ** 2.2 * 2 - 1,
        "inverse gamma": lambda x: unit(x) ** (1 / 2.2) * 2 - 1,
        "threshold": lambda x: (unit(x) > 0.5) * 2.0 - 1,
        "few levels": lambda x: np.round(unit(x) * 7) / 7 * 2 - 1,
        "lower half": lower_half,
        "one pixel": one_pixel,
        "half a batch": half_a_batch,
        "logarithm": lambda x: np.log(unit(x)),
        "nan in between": lambda x: np.where(unit(x) == 100 / 255, np.nan, unit(x) * 2 - 1),
        "standardised": lambda x: (x - keras.ops.mean(x)) / keras.ops.std(x),
    }
    with np.errstate(divide="ignore"):
        return {
            name: outcome(lambda f=function: check_preprocessing(f, MINUS_ONE_TO_ONE))
            for name, function in wrong.items()
        }


def official() -> dict[str, str]:
    """Hold Keras's own functions, and a model of a fixed size, to what they are said to be."""
    apps = keras.applications
    functions = {
        "mobilenet_v2": (apps.mobilenet_v2, MINUS_ONE_TO_ONE),
        "inception_v3": (apps.inception_v3, MINUS_ONE_TO_ONE),
        "xception": (apps.xception, MINUS_ONE_TO_ONE),
        "resnet50": (apps.resnet50, BGR_MINUS_MEANS),
        "vgg16": (apps.vgg16, BGR_MINUS_MEANS),
        "densenet": (apps.densenet, IMAGENET_STATISTICS),
    }
    found = {
        name: outcome(
            lambda m=module, e=expected: check_preprocessing(
                lambda x: m.preprocess_input(tf.identity(x)), e
            )
        )
        for name, (module, expected) in functions.items()
    }
    fixed = keras.Sequential([keras.Input((160, 160, 3)), keras.layers.Rescaling(1 / 127.5, -1.0)])
    found["model of a fixed size"] = outcome(lambda: check_preprocessing(fixed, MINUS_ONE_TO_ONE))
    return found


if __name__ == "__main__":
    print(
        json.dumps(
            {
                "right": right(),
                "halves": halves(),
                "numbers": numbers(),
                "code": code(),
                "official": official(),
            }
        )
    )
