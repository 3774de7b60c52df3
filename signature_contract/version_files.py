"""What a published version carries besides its graph, and under which names.

TensorFlow Serving copies ``assets.extra`` along and reads nothing of it but the warm-up requests,
so it is the place for what must not be lost between a training and whoever asks about it later.
"""

from __future__ import annotations

from pathlib import Path

EXTRA = "assets.extra"
"""The folder, below the version's directory."""

TFLITE_FILE = "model.tflite"
"""The network for LiteRT, beside ``saved_model.pb``: TensorFlow Serving's own name for it."""

CONTRACT_FILE = "contract.json"
"""The contract, with the version's class names bound."""

GOLDEN_FILE = "golden.npz"
"""Golden requests and answers, see :mod:`signature_contract.golden`."""

WARMUP_FILE = "tf_serving_warmup_requests"
"""TensorFlow Serving's own name for the requests that it replays before it serves the version."""

RUN_FILE = "run.json"
"""The record of the training."""

LINEAGE_FILE = "lineage.json"
"""The run's row in the store of runs."""

KERAS_FILE = "model.keras"
"""The trained network, in Keras's own format."""


def extra(version: Path, name: str) -> Path:
    """Return the place of one of these files.

    Args:
        version: The version's directory, ``MODELS/<model>/<number>``.
        name: One of the names above.
    """
    return version / EXTRA / name


def golden_beside(contract_file: Path) -> Path:
    """Return where the golden answers of ``ranker.contract.json`` stand: ``ranker.golden.npz``."""
    return contract_file.with_name(f"{contract_file.stem.removesuffix('.contract')}.golden.npz")


def golden_of(contract: Path) -> Path | None:
    """Return the golden answers of a contract, where there are any.

    Args:
        contract: The contract's file, or the published version that carries it.
    """
    if contract.is_dir():
        places = [extra(contract, GOLDEN_FILE)]
    else:
        places = [golden_beside(contract)]
        if contract.name == CONTRACT_FILE:  # of a published version
            places.append(contract.with_name(GOLDEN_FILE))
    return next((place for place in places if place.is_file()), None)
