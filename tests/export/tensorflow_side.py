"""What needs TensorFlow, run by the tests as a program: ``tensorflow_side.py ACTION ARGUMENT…``.

Each action prints one JSON object. The pytest process itself never imports TensorFlow.
"""

from __future__ import annotations

import base64
import json
import logging
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from export import images, server_settings, upright, warmup
from export.classifier import photographs
from export.classifier.backbones import BACKBONES, all_backbones
from export.classifier.beginning import Beginning, begin
from export.classifier.model import (
    Assembly,
    Classifier,
    build,
    layer_below,
    unfreeze_top,
)
from export.classifier.pretrained import load_pretrained
from export.classifier.settings import ClassifierSettings
from export.classifier.training import train
from export.folding import fold_batch_norm
from export.training import checkpoints
from export.training.outcome import Trained
from export.training.policy import PhasePolicy
from export.training.work import Work
from signature_contract.version_files import WARMUP_FILE

_QUICK = ClassifierSettings(
    image_size=96,
    epochs=3,
    fine_tune_epochs=2,
    force_fine_tune=True,  # three epochs make no stable head
    policy=PhasePolicy(unfreezing=(5, 10)),
    batch_size=8,
)


def train_both_ways(data: Path, work: Path) -> dict[str, Any]:
    """Train with and without features computed once; compare what was learned."""
    _, cached = _train(_QUICK, data, work)
    _, every_epoch = _train(replace(_QUICK, cache_features=False), data, work)
    return {
        "trained": [_summary(cached), _summary(every_epoch)],
        "head_apart": _apart(cached.network.head, every_epoch.network.head),
        "base_apart": _apart(cached.network.base, every_epoch.network.base),
        "loss_apart": [
            abs(one.loss - other.loss)
            for one, other in zip(cached.phases, every_epoch.phases, strict=True)
        ],
    }


def harm(data: Path, work: Path) -> dict[str, Any]:
    """Fine-tune so fast that it destroys the base; tell what was done about it."""
    policy = PhasePolicy(unfreezing=(15, 30), learning_rate=2e-2)
    settings = replace(_QUICK, learning_rate=0.2, epochs=1, fine_tune_epochs=6, policy=policy)
    beginning, trained = _train(settings, data, work)
    untouched = BACKBONES["mobilenet_v2"].build(_QUICK.image_size)
    load_pretrained(untouched, BACKBONES["mobilenet_v2"], _QUICK.image_size, "auto")
    head = checkpoints.load(beginning.work, "head")
    assert head is not None
    best = [array for array in head.arrays("best") if array.dtype == np.float32]
    return {
        "fine_tuning": trained.fine_tuning.to_json(),
        "kept_phase": trained.kept_phase,
        "limit": policy.regression_limit(
            trained.phases[0].accuracy, len(beginning.data.split.validation)
        ),
        "accuracies": [epoch["val_accuracy"] for epoch in trained.phases[1].history],
        "base_apart": _apart(trained.network.base, untouched),
        "head_apart": max(
            float(np.abs(a - b).max())
            for a, b in zip(trained.network.head.get_weights(), best, strict=True)
        ),
        "overflow": overflow(data, work),
    }


def overflow(data: Path, work: Path) -> dict[str, Any]:
    """Fine-tune so fast that the loss is no number; tell what was done about it."""
    settings = replace(_QUICK, epochs=1, policy=PhasePolicy(unfreezing=(5,)))
    # No setting allows it: a rate is at most a tenth of the head's.
    object.__setattr__(settings.policy, "learning_rate", 1e30)
    beginning, trained = _train(settings, data, work)
    head = checkpoints.load(beginning.work, "head")
    assert head is not None
    best = [array for array in head.arrays("best") if array.dtype == np.float32]
    return {
        "fine_tuning": trained.fine_tuning.to_json(),
        "kept_phase": trained.kept_phase,
        "phases": len(trained.phases),
        "batch_norm": trained.batch_norm,
        "head_apart": max(
            float(np.abs(a - b).max())
            for a, b in zip(trained.network.head.get_weights(), best, strict=True)
        ),
    }


def uninterrupted(data: Path, version: Path) -> dict[str, Any]:
    """Train as a published version was trained, in one go; compare with it."""
    run = json.loads((version / "assets.extra" / "run.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as work:
        _, trained = _train(ClassifierSettings.from_json(run["settings"]), data, Path(work))
    published = keras.models.load_model(version / "assets.extra" / "model.keras")
    return {
        "apart": _apart(trained.network.model, published),
        "histories": [phase.history for phase in trained.phases],
        "published_histories": [phase["history"] for phase in run["phases"]],
    }


def operations(*versions: Path) -> dict[str, Any]:
    """List the kinds of operation in the graphs of published versions."""
    kinds = []
    for version in versions:
        saved = SavedModel.FromString((version / "saved_model.pb").read_bytes())
        (graph,) = (meta.graph_def for meta in saved.meta_graphs)
        nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
        kinds.append(sorted({node.op for node in nodes}))
    return {"kinds": kinds}


def statistics() -> dict[str, Any]:
    """Fit a base with its top unfrozen, as phase 2 does and from scratch; tell what moved."""
    report = {}
    for name, pretrained in (("phase_2", True), ("from_scratch", False)):
        keras.utils.set_random_seed(1)
        row = BACKBONES["mobilenet_v2"]
        classifier = build(row, row.build(96), _QUICK, classes=3)
        unfreeze_top(classifier.base, _QUICK.policy.unfreezing[-1])
        model = Assembly(classifier.features, classifier.head, pretrained=pretrained)
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        before = {v.path: v.numpy() for v in classifier.base.variables}
        pixels = np.random.uniform(0, 255, (12, 96, 96, 3))
        model.fit(pixels, np.arange(12) % 3, batch_size=4, verbose=0)
        moved = {v.path for v in classifier.base.variables if not np.array_equal(before[v.path], v)}
        report[name] = {
            "statistics": sum("moving_" in path for path in moved),
            "weights": sum("moving_" not in path for path in moved),
        }
    return report


def backbones() -> dict[str, Any]:
    """Build every backbone; save, load and fold it, and compare."""
    report: dict[str, Any] = {}
    for name, row in BACKBONES.items():
        keras.utils.set_random_seed(1)
        base = row.build(64)
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.set_weights(
                    [np.random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()]
                )
        settings = ClassifierSettings(backbone=name, image_size=64)
        classifier = build(row, base, settings, classes=3)
        file = Path(sys.argv[2]) / f"{name}.keras"
        classifier.model.save(file)
        pixels = np.random.uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
        expected = classifier.model(pixels).numpy()
        folded = fold_batch_norm(base)
        preprocessed = row.preprocess(tf.constant(pixels))
        scale = float(np.abs(base(preprocessed)).max())
        official = {
            "mobilenet_v2": keras.applications.mobilenet_v2,
            "resnet50": keras.applications.resnet50,
            "efficientnet_b0": keras.applications.efficientnet,
        }[name].preprocess_input(pixels.copy())
        report[name] = {
            "reloaded_apart": float(np.abs(keras.models.load_model(file)(pixels) - expected).max()),
            "folded_apart": float(np.abs(folded(preprocessed) - base(preprocessed)).max()) / scale,
            "norms_left": sum(
                isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers
            ),
            "preprocessing_apart": float(np.abs(preprocessed - official).max()),
            "trainable_in_base": len(classifier.base.trainable_weights),
            "trainable_in_model": len(classifier.model.trainable_weights),
        }
    return report


def unrunnable(path: Path) -> dict[str, Any]:
    """Write the SavedModel that shows the contract's signatures and cannot run (a known trap)."""
    base = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(96, 96, 3), pooling="avg"
    )
    model = keras.Sequential([base, keras.layers.Dense(2)])

    class Wrapped(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def _answer(self, pixels: Any) -> dict[str, Any]:
            logits = self.model(tf.image.resize(pixels, (96, 96)) / 127.5 - 1.0)
            return {
                "logits": logits,
                "probabilities": tf.nn.softmax(logits),
                "classes": tf.tile([["cat", "dog"]], [tf.shape(logits)[0], 1]),
            }

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)])
        def pixels(self, input_tensor: Any) -> dict[str, Any]:
            return self._answer(input_tensor)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def files(self, image_bytes: Any) -> dict[str, Any]:
            return self._answer(tf.map_fn(_decode, image_bytes, fn_output_signature=tf.uint8))

    def _decode(item: Any) -> Any:
        picture = tf.io.decode_image(item, channels=3, expand_animations=False)
        return tf.cast(
            tf.image.resize(tf.ensure_shape(picture, [None, None, 3]), (96, 96)), tf.uint8
        )

    module = Wrapped()
    tf.saved_model.save(
        module, str(path), {"serving_default": module.pixels, "serving_bytes": module.files}
    )
    runs = tf.saved_model.load(str(path)).signatures["serving_default"]
    answer = runs(input_tensor=tf.zeros([1, 8, 8, 3], tf.uint8))
    return {"python_runs_it": sorted(answer)}


def warmed_up(version: Path, batching_files: list[Path]) -> dict[str, Any]:
    """Tell what a version's warm-up asks for, and what each server setting says to it."""
    requests = warmup.read(version / "assets.extra" / WARMUP_FILE)
    return {
        "requests": [
            [request.model_spec.signature_name, name, tensor.tensor_shape.dim[0].size]
            for request in requests
            for name, tensor in request.inputs.items()
        ],
        "shipped": list(map(str, server_settings.refused_warmup(version))),
        "refused": {
            file.name: list(map(str, server_settings.refused_warmup(version, file)))
            for file in batching_files
        },
    }


def applications() -> dict[str, Any]:
    """Hold every row to Keras's own preprocessing; divide some bases, and let Keras divide them."""
    rows = {spec.name: spec for spec in all_backbones()}
    for spec in rows.values():
        spec.check_against_keras()
    divided = {}
    for name in ("MobileNetV3Small", "mobilenet_v2", "InceptionV3"):
        base = rows[name].build(max(64, rows[name].minimum_size))
        for layers in (5, 30):
            divided[f"{name} {layers}"] = [
                layer_below(base, layers).name,
                next(
                    layer.name
                    for layer in reversed(base.layers[1 : len(base.layers) - layers])
                    if _divides(layer, base)
                ),
            ]
    return {"checked": sorted(rows), "divided": divided}


def _divides(layer: Any, base: Any) -> bool:
    try:
        keras.Model(layer.output, base.output)
    except ValueError:
        return False  # a shortcut goes around it
    return True


def upright_files(file: Path) -> dict[str, Any]:
    """Read the orientation of some files and the pixels of others with the graph's operations."""
    asked = json.loads(file.read_text())
    one_file = [tf.TensorSpec([], tf.string)]
    orientation = tf.function(upright.orientation, input_signature=one_file)
    decode = tf.function(images.decode, input_signature=one_file)
    pixels = {
        name: decode(base64.b64decode(text)).numpy() for name, text in asked["pixels"].items()
    }
    return {
        "orientations": {
            name: int(orientation(base64.b64decode(text)))
            for name, text in asked["orientations"].items()
        },
        "pixels": {
            name: {"shape": found.shape, "bytes": base64.b64encode(found.tobytes()).decode()}
            for name, found in pixels.items()
        },
    }


def _train(
    settings: ClassifierSettings, data: Path, work: Path
) -> tuple[Beginning, Trained[Classifier]]:
    found = photographs.find(data)
    beginning = begin(settings, found, lambda identity: Work.below(work, identity))
    return beginning, train(beginning)


def _summary(trained: Trained[Classifier]) -> dict[str, Any]:
    return {
        "accuracy": [phase.accuracy for phase in trained.phases],
        "frozen_layers": [phase.frozen_layers for phase in trained.phases],
        "steps": [[asdict(step) for step in phase.steps] for phase in trained.phases],
        "losses": [epoch["loss"] for phase in trained.phases for epoch in phase.history],
    }


def _apart(one: Any, other: Any) -> float:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


if __name__ == "__main__":
    logging.disable()
    action, *paths = sys.argv[1:]
    chosen = {
        "train_both_ways": lambda: train_both_ways(Path(paths[0]), Path(paths[1])),
        "harm": lambda: harm(Path(paths[0]), Path(paths[1])),
        "uninterrupted": lambda: uninterrupted(Path(paths[0]), Path(paths[1])),
        "operations": lambda: operations(*map(Path, paths)),
        "statistics": statistics,
        "upright": lambda: upright_files(Path(paths[0])),
        "applications": applications,
        "backbones": backbones,
        "warmed_up": lambda: warmed_up(Path(paths[0]), list(map(Path, paths[1:]))),
        "unrunnable": lambda: unrunnable(Path(paths[0])),
    }[action]
    print(json.dumps(chosen()))
