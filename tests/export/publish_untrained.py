"""``publish_untrained.py PHOTOGRAPHS MODELS``: a version whose weights are variables, made quickly.

The exporter keeps large networks so; training one would take a test minutes. This is a small
network with random weights, written as a large one and published as any: golden answers, warm-up,
stamp and verification in fresh processes. Prints the result as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
from pathlib import Path

import keras
import numpy as np

from export import golden_cases, golden_images, serving_graph, warmup
from export.classifier.backbones import BACKBONES
from export.classifier.model import build
from export.classifier.settings import ClassifierSettings
from export.lineage import identity
from export.publish import publish
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract.version_files import WARMUP_FILE

SIDE = 64
NAMES = ("brick", "grass", "gravel")


def main() -> None:
    """Build, publish, print."""
    photographs, models = map(Path, sys.argv[1:])
    keras.utils.set_random_seed(5)
    row = BACKBONES["mobilenet_v2"]
    base = row.build(SIDE)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([np.random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    settings = ClassifierSettings(backbone=row.name, image_size=SIDE)
    network = build(row, base, settings, len(NAMES)).network()
    pictures = [golden_images.load(sorted((photographs / n).iterdir())[0]) for n in NAMES]
    cases = golden_cases.make(pictures, network, SIDE, NAMES)
    model_id = str(uuid.UUID(int=5))

    def write(version_dir: Path) -> None:
        serving_graph.write_image_model(version_dir, network, SIDE, NAMES, most_constant_bytes=0)
        extra = version_dir / "assets.extra"
        extra.mkdir(exist_ok=True)
        warmup.write(extra / WARMUP_FILE, "classifier", cases)
        identity.stamp(version_dir, model_id)

    published = publish(models, toolkit_contract("classifier").bind(NAMES), cases, write)
    result = {"path": str(published.path), "model_id": model_id}
    print(json.dumps({**result, "max_distance": dict(published.verification.distances)}))


if __name__ == "__main__":
    logging.disable()
    main()
