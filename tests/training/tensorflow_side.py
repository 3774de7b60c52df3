"""What needs TensorFlow, run by the tests as a program: ``tensorflow_side.py ACTION ARGUMENT…``.

Each action prints one JSON object. The pytest process itself never imports TensorFlow.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from skimage import data
from tensorflow.core.util.event_pb2 import Event
from tensorflow.python.framework.func_graph import FuncGraph

from export.classifier import backbones as classifier_backbones
from export.detector import backbones as detector_backbones
from export.errors import ExportError
from export.training import batch_norm, input_range
from export.training.batch_norm import BatchNormGuard
from export.training.batches import Batches, ShuffledBatches
from export.training.event_log import EventLog
from export.training.freezing import check_compiled, check_frozen
from export.training.input_range import RANGES, check_batch, check_image_size, check_preprocessing
from export.training.memory import BatchHalving
from export.training.one_replica import of_one_replica

Array = np.ndarray[Any, Any]


class Transfer(keras.Model):
    """A base and a head, the base called as a careless or a careful author would."""

    def __init__(self, base: Any, *, leaks: bool) -> None:
        super().__init__()
        self._base, self._leaks = base, leaks
        self._pool = keras.layers.GlobalAveragePooling2D()
        self._head = keras.layers.Dense(2)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the logits."""
        features = self._base(inputs, training=training if self._leaks else False)
        return self._head(self._pool(features))


def small_base() -> Any:
    """Return three convolutions, each with its normalisation."""
    layers: list[Any] = [keras.Input((16, 16, 3))]
    for number in range(3):
        layers += [
            keras.layers.Conv2D(8, 3, strides=2, name=f"conv_{number}"),
            keras.layers.BatchNormalization(name=f"norm_{number}"),
            keras.layers.ReLU(name=f"relu_{number}"),
        ][: 3 if number < 2 else 2]
    return keras.Sequential(layers, name="small_base")


def batch_norm_shift(log_dir: Path) -> dict[str, Any]:
    """Train the same network wrongly and rightly; tell what guards said.

    The wrong one stands under a second guard, to which its base may learn its statistics.
    """
    report = {}
    for name, leaks in (("wrong", True), ("right", False)):
        keras.utils.set_random_seed(0)
        base = small_base()
        model = Transfer(base, leaks=leaks)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-4), loss)
        pixels = np.random.default_rng(0).uniform(-1, 1, (32, 16, 16, 3)).astype("float32")
        labels = np.arange(32) % 2
        guard, lenient = BatchNormGuard(base), BatchNormGuard(base, learns=True)
        log = EventLog(log_dir / name, base)
        try:
            with guard.phase(2), lenient.phase(1):
                model.fit(pixels, labels, batch_size=4, epochs=4, verbose=0, callbacks=[log])
            error = None
        except ExportError as err:
            error = [type(err).__name__, str(err)]
        report[name] = {"error": error, "record": guard.to_json(), "lenient": lenient.to_json()}
    return report


def nested_layers() -> list[str]:
    """Find BatchNormalization in a model in a model, and in a layer that is no model."""
    inner = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(name="norm")])
    model = keras.Sequential(
        [
            keras.Input((3, 4)),
            keras.layers.TimeDistributed(keras.layers.BatchNormalization(name="wrapped")),
            keras.layers.TimeDistributed(inner),
            keras.layers.BatchNormalization(name="norm"),
        ]
    )
    return sorted(batch_norm.layers_of(model))


def events(log_dir: Path) -> dict[str, Any]:
    """Read event files as TensorBoard does."""
    steps: dict[str, list[int]] = {}
    histogram: dict[str, Any] = {}
    versions = set()
    for path in sorted(log_dir.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = Event.FromString(record.numpy())
            versions.add(event.file_version)
            for value in event.summary.value:
                steps.setdefault(value.tag, []).append(event.step)
                if value.HasField("histo"):
                    histo = value.histo
                    histogram = {
                        "num": histo.num,
                        "counted": sum(histo.bucket),
                        "ordered": list(histo.bucket_limit) == sorted(histo.bucket_limit),
                        "last": histo.bucket_limit[-1],
                        "max": histo.max,
                    }
    return {"steps": steps, "histogram": histogram, "versions": sorted(versions)}


def ranges() -> dict[str, Any]:
    """Give every base photographs of every kind of preprocessing, and twice its own."""
    photographs = [
        image[:, start : start + 200]
        for image in (data.coffee(), data.chelsea())
        for start in (0, 80, 160, 240)
    ]
    pictures = [Image.fromarray(photograph).resize((64, 64)) for photograph in photographs]
    pixels = np.stack([np.asarray(picture, "float32") for picture in pictures])
    found = {}
    for expected in RANGES:
        given = {other.name: other.apply(pixels) for other in RANGES}
        if expected is not input_range.PIXELS:
            given["twice"] = expected.apply(expected.apply(pixels))
        for name, values in given.items():
            found[f"{expected.name} <- {name}"] = _error(
                lambda v=values, e=expected: check_batch(v, e)
            )
    return found


def preprocessing() -> dict[str, Any]:
    """Hold every row's code to what the row states, and some wrong code to it."""
    rows = [
        *classifier_backbones.BACKBONES.values(),
        *detector_backbones.BACKBONES.values(),
    ]
    tf_mode, caffe = input_range.MINUS_ONE_TO_ONE, input_range.BGR_MINUS_MEANS
    official = keras.applications.resnet50.preprocess_input
    wrong = {
        "swapped": (lambda x: x[..., ::-1] / 127.5 - 1, tf_mode),
        "not swapped": (lambda x: official(tf.identity(x)[..., ::-1]), caffe),
        "twice": (lambda x: (x / 127.5 - 1) / 127.5 - 1, tf_mode),
        "never": (lambda x: x, tf_mode),
        "another's": (lambda x: x / 255, tf_mode),
    }
    return {
        "rows": {
            r.name: _error(lambda r=r: check_preprocessing(r.preprocess, r.input_range))
            for r in rows
        },
        "official": _error(lambda: check_preprocessing(official, caffe)),
        "wrong": {n: _error(lambda w=w: check_preprocessing(*w)) for n, w in wrong.items()},
    }


def unusual_batches() -> dict[str, Any]:
    """Batches that need judgement: few images, bright ones, damaged ones, small ones."""
    bright = np.random.default_rng(0).uniform(0.0, 1.0, (8, 8, 8, 3))
    tf_mode = input_range.MINUS_ONE_TO_ONE
    damaged = bright.copy()
    damaged[0, 0, 0, 0] = np.nan
    return {
        "many": _error(lambda: check_batch(bright, tf_mode)),
        "few": _error(lambda: check_batch(bright[:2], tf_mode)),
        "known": _error(lambda: check_batch(bright, tf_mode, refuse_guesses=False)),
        "damaged": _error(lambda: check_batch(damaged, tf_mode)),
        "shape": _error(lambda: check_batch(bright[..., 0], tf_mode)),
        "small": _error(lambda: check_image_size(31, 400, 32, "cat/1.jpg")),
        "large enough": _error(lambda: check_image_size(32, 32, 32)),
    }


def freezing() -> dict[str, Any]:
    """Freeze and unfreeze at the right and at the wrong moment, and see what Keras trains."""
    report: dict[str, Any] = {}
    ones = np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")

    def fresh(*, frozen: bool) -> tuple[Any, Any]:
        base = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(3, name="deep")], name="base"
        )
        base.trainable = not frozen
        model = keras.Sequential([keras.Input((3,)), base, keras.layers.Dense(1, name="head")])
        model.compile("sgd", "mse")
        return base, model

    def trains(base: Any, model: Any) -> bool:
        before = base.get_weights()[0].copy()
        model.fit(*ones, verbose=0)
        return not np.array_equal(before, base.get_weights()[0])

    base, model = fresh(frozen=False)
    report["trainable"] = _error(lambda: check_frozen(base))
    base.trainable = False  # compiled before it was frozen, but never trained
    report["frozen"] = _error(lambda: check_frozen(base))
    report["compiled first"] = [_error(lambda: check_compiled(model)), trains(base, model)]

    base, model = fresh(frozen=False)
    model.fit(*ones, verbose=0)
    base.trainable = False
    report["frozen late"] = [_error(lambda: check_compiled(model)), trains(base, model)]

    base, model = fresh(frozen=True)
    model.fit(*ones, verbose=0)
    base.trainable = True
    report["unfrozen late"] = [_error(lambda: check_compiled(model)), trains(base, model)]
    model.compile("sgd", "mse")
    report["compiled again"] = [_error(lambda: check_compiled(model)), trains(base, model)]
    report["not compiled"] = _error(lambda: check_compiled(keras.Sequential([keras.Input((3,))])))
    return report


def batches() -> dict[str, Any]:
    """Train on ten rows, four a batch, for three epochs, and again from the second on."""

    def seen(first_epoch: int) -> list[list[int]]:
        read: list[list[int]] = []

        def batch(rows: Array) -> tuple[Array, Array]:
            read.append(rows.tolist())
            return rows[:, None].astype("float32"), rows[:, None]

        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        shuffled = ShuffledBatches(batch, np.arange(10), 4, seed=7)
        dataset = shuffled.dataset()
        read.clear()  # of what it took to know the shapes
        model.fit(dataset, initial_epoch=first_epoch, epochs=3, callbacks=[shuffled], verbose=0)
        return read

    in_order = Batches(lambda rows: rows, np.arange(3, 8), 2)
    return {
        "whole": seen(0),
        "resumed": seen(1),
        "in order": [batch.numpy().tolist() for batch in in_order.dataset()],
        "tuner": in_order.dataset().options().autotune.enabled,
        "let go": _let_go(),
    }


def _let_go() -> list[bool]:
    """Tell whether a data set's rows are in memory: while it is, and after it."""
    rows = np.arange(10)
    alive = weakref.ref(rows)
    dataset = Batches(lambda chosen, rows=rows: rows[chosen], np.arange(10), 4).dataset()
    del rows
    gc.collect()
    before = alive() is not None and sum(len(batch) for batch in dataset) == 10
    del dataset
    gc.collect()
    return [before, alive() is not None]


def step_graphs() -> int:
    """Train something as models are, let it go, and count the graphs of a step that are left.

    Each holds all weights that its step changed, and the optimiser's.
    """

    def train() -> None:
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        optimizer = keras.optimizers.Adam(0.1, global_clipnorm=10.0)
        model.compile(of_one_replica(optimizer), "mse")
        model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)

    def count() -> int:
        gc.collect()
        return sum(isinstance(found, FuncGraph) for found in gc.get_objects())

    before = count()
    train()
    return count() - before


class Hungry(keras.layers.Layer):
    """Asks for some memory an example, touches next to none of it, and gives its input back.

    So only addresses run out, of which there can be room enough for everything else.
    """

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self._floats = megabytes * 250_000

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        count = tf.shape(inputs)[0]
        large = tf.raw_ops.Empty(shape=[count, self._floats], dtype=tf.float32, init=False)
        # No number that stands there may count, and no optimiser may see that none does.
        return inputs + tf.cast(tf.math.is_nan(large[:, :1]) & (tf.shape(large)[1] < 0), tf.float32)


def out_of_memory() -> dict[str, Any]:
    """Train in little memory: TensorFlow's own allocator refuses what is too large."""
    inputs = np.arange(24 * 4, dtype="float32").reshape(24, 4) / 96
    targets = inputs.sum(1, keepdims=True)

    def train(batch_size: int, memory: BatchHalving | None, megabytes: int = 0) -> Any:
        keras.utils.set_random_seed(0)
        layers = [Hungry(megabytes)] if megabytes else []
        model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.1), "mse")
        model.fit(
            inputs,
            targets,
            batch_size=batch_size,
            shuffle=False,
            verbose=0,
            callbacks=[memory] if memory else [],
        )
        return model

    train(1, None)  # what TensorFlow allocates once
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    # Threads that TensorFlow starts later need addresses too: each takes a stack and an arena, and
    # without them it ends the process instead of raising.
    resource.setrlimit(resource.RLIMIT_AS, (used + 6_000_000_000, resource.RLIM_INFINITY))
    memory = BatchHalving(scratch=Path(tempfile.gettempdir()))
    halved = train(16, memory, 500)
    small = train(8, None)
    features = memory.map(lambda batch: Hungry(500)(batch).numpy(), inputs)
    return {
        "notes": memory.notes,
        "limit": memory.limit,
        "updates": int(halved.optimizer.iterations),
        "as if smaller": float(
            max(
                np.abs(a - b).max()
                for a, b in zip(halved.get_weights(), small.get_weights(), strict=True)
            )
        ),
        "features": bool(np.allclose(features, inputs)),
        "one does not fit": _error(lambda: train(2, BatchHalving(), 7_000)),
        "unguarded": _error(lambda: train(2, None, 7_000), tf.errors.ResourceExhaustedError),
    }


def _error(action: Callable[[], Any], kind: type[Exception] = ExportError) -> list[str] | None:
    """Return the type and message of what an action raises; None when it passes."""
    try:
        action()
    except kind as err:
        return [type(err).__name__, str(err)]
    return None


def guards(log_dir: Path) -> dict[str, Any]:
    """Everything that fits into one process."""
    return {
        "batch_norm_shift": batch_norm_shift(log_dir),
        "batches": batches(),
        "events": events(log_dir / "wrong"),
        "freezing": freezing(),
        "nested_layers": nested_layers(),
        "preprocessing": preprocessing(),
        "ranges": ranges(),
        "step_graphs": step_graphs(),
        "unusual_batches": unusual_batches(),
    }


if __name__ == "__main__":
    actions: dict[str, Callable[..., dict[str, Any]]] = {
        "guards": guards,
        "out_of_memory": out_of_memory,
    }
    print(json.dumps(actions[sys.argv[1]](*map(Path, sys.argv[2:]))))
