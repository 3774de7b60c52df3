"""A finished training on disk: all that publication needs, and nothing of the training itself.

A version can fail to be published for reasons that have nothing to do with what was trained: a full
disk, a kill, a guard. So a training ends by writing this folder into its working directory, whole
or not at all, and publication reads this folder alone. ``python -m export publish WORK`` publishes
it at any later time, on any machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ResumeError
from export.training import npz
from export.training.set_aside import assign
from signature_contract.version_files import KERAS_FILE

Array = np.ndarray[Any, Any]

FOLDER = "finished"
"""Name of the folder within a working directory."""

_DOCUMENT, _IMAGES, _WEIGHTS = "finished.json", "pictures.npz", "weights.npz"
_FORMAT = 1


@dataclass(frozen=True)
class Finished:
    """What a training came to.

    Attributes:
        model: ``classifier`` or ``detector``.
        settings: All settings, as JSON.
        class_names: In column or label order.
        accuracy: Of the kept weights on the validation data; a detector's is its mAP@0.5.
        record: What the version's ``run.json`` will hold.
        result: What the command's result says of the training, as JSON.
        network: What is needed besides settings to build the network, as JSON.
        images: Held-out images that golden requests are made of, uint8 [height, width, 3], RGB.
        keras_file: The trained network, in the folder.
    """

    model: str
    settings: Mapping[str, Any]
    class_names: tuple[str, ...]
    accuracy: float
    record: Mapping[str, Any]
    result: Mapping[str, Any]
    images: tuple[Array, ...]
    network: Mapping[str, Any] = field(default_factory=dict)
    keras_file: Path = Path(KERAS_FILE)

    def fill(self, network: Any) -> None:
        """Give a network the trained weights.

        Args:
            network: A Keras model, built as the trained one was.

        Raises:
            ResumeError: It is another network, or the weights are damaged.
        """
        path = self.keras_file.with_name(_WEIGHTS)
        try:
            with np.load(path, allow_pickle=False) as stored:
                found = [stored[str(position)].shape for position in range(len(stored.files))]
        except npz.DAMAGE as err:
            raise ResumeError(f"the trained weights {path} are damaged: {err}") from err
        if [tuple(variable.shape) for variable in network.weights] != found:
            raise ResumeError(
                f"{path} holds the weights of another network than this release builds from the "
                "same settings; publish it with the release (and the preset) that trained it"
            )
        with np.load(path, allow_pickle=False) as stored:  # one at a time: they are large together
            assign(network.weights, (stored[str(position)] for position in range(len(found))))


def write(folder: Path, finished: Finished, network: Any) -> None:
    """Write a finished training.

    Args:
        folder: An empty directory.
        finished: What the training came to.
        network: The trained Keras model.
    """
    network.save(folder / KERAS_FILE)
    # Keras finds a file's weights by the names of layers, and where it does not find them, as in
    # networks of keras-hub, keeps what is there; these are found by their order or not at all.
    npz.write(
        folder / _WEIGHTS, ((str(place), value) for place, value in enumerate(network.weights))
    )
    images = {str(position): image for position, image in enumerate(finished.images)}
    np.savez_compressed(folder / _IMAGES, **images)  # type: ignore[arg-type]  # no keywords
    document = {
        "format": _FORMAT,
        "model": finished.model,
        "settings": finished.settings,
        "class_names": finished.class_names,
        "accuracy": finished.accuracy,
        "record": finished.record,
        "result": finished.result,
        "network": finished.network,
    }
    (folder / _DOCUMENT).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load(work: Path) -> Finished:
    """Read the finished training of a working directory.

    Raises:
        ResumeError: It is damaged, or was written by a newer release; what to do about it.
    """
    folder = work / FOLDER
    try:
        document = json.loads((folder / _DOCUMENT).read_text(encoding="utf-8"))
        if (found := document.pop("format")) != _FORMAT:
            raise ResumeError(
                f"{folder} was written in format {found!r}, this release reads {_FORMAT}; publish "
                "it with the release that trained it"
            )
        with np.load(folder / _IMAGES, allow_pickle=False) as stored:
            images = tuple(stored[str(position)] for position in range(len(stored.files)))
        document["class_names"] = tuple(document["class_names"])
        finished = Finished(**document, images=images, keras_file=folder / KERAS_FILE)
    except npz.DAMAGE as err:
        raise ResumeError(
            f"the finished training in {folder} is damaged: {err}; delete {folder} to train again"
        ) from err
    if not finished.keras_file.is_file():
        raise ResumeError(
            f"the finished training in {folder} has lost its {KERAS_FILE}; delete {folder} to "
            "train again"
        )
    return finished


def room_for(weights: Sequence[Any]) -> int:
    """Return how many bytes a finished training may take on disk, where weights stand twice.

    Args:
        weights: The network's variables, float32.
    """
    return sum(2 * 4 * int(np.prod(variable.shape)) for variable in weights) + _REST


# Compressed images of at most 320 x 320 pixels, the record, and what HDF5 adds to a small file.
_REST = 16 << 20
