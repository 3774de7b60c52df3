"""How far correct runs of one network lie apart, and how far the slightest faults move it.

    python benchmarks/tolerances.py MODELS/classifier/1 MODELS/detector/1 …

The tolerances in ``serving_config/contracts`` stand between the two; docs/tolerances.md has the
tables that this prints. Each run is a process of its own, since a processor's instruction set is
chosen when TensorFlow starts. The golden requests of a version go through

* noise: its graph under other instruction sets, thread counts and batch sizes, the live Keras
  network before and after folding, TensorFlow Java, LiteRT;
* faults: the live network with one thing wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from serving_config.tensor_names import (
    CLASSES,
    DETECTION_BOXES,
    DETECTION_CLASSES,
    DETECTION_SCORES,
    LOGITS,
    PROBABILITIES,
    SERVING_DEFAULT,
)
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import Contract
from signature_contract.golden import GoldenCase
from signature_contract.version_files import KERAS_FILE, RUN_FILE, extra

REPO = Path(__file__).resolve().parent.parent
JAR = REPO / "java_client" / "target" / "vision-client.jar"

Array = np.ndarray[Any, Any]
Answers = Mapping[str, Array]

NOISE = (
    ("session", {}, "session"),
    ("session, one thread", {"THREADS": "1"}, "session"),
    ("session, oneDNN capped at AVX2", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "session"),
    ("session, oneDNN capped at SSE4.1", {"ONEDNN_MAX_CPU_ISA": "SSE41"}, "session"),
    ("session, without oneDNN", {"TF_ENABLE_ONEDNN_OPTS": "0"}, "session"),
    ("session, each image alone", {}, "alone"),
    ("session, in batches of 16", {}, "sixteen"),
    ("live Keras, folded", {}, "folded"),
    ("live Keras, as trained", {}, "trained"),
    ("live Keras, as trained, SSE4.1", {"ONEDNN_MAX_CPU_ISA": "SSE41"}, "trained"),
    ("TensorFlow 2.18 in Java", {}, "java"),
    ("LiteRT", {}, "litert"),
)
FLIPS = 120


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("versions", nargs="+", type=Path, metavar="VERSION")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        (version,) = arguments.versions
        print(json.dumps(list(measure(version, arguments.part))))
        return 0
    for version in map(Path.resolve, arguments.versions):
        contract = contracts.load(version)
        scale = {
            name: max(
                float(np.abs(case.outputs[name]).max()) for case in golden.load(version, contract)
            )
            for name in measured_outputs(contract)
        }
        show(version, "largest golden value", [{"what": "", "distances": scale, "refused": None}])
        rows = []
        for what, environment, part in NOISE:
            for row in run_part(version, part, environment):
                rows.append({**row, "what": what})
        show(version, "noise", rows)
        show(version, "faults", run_part(version, "faults", {}))
    return 0


def measured_outputs(contract: Contract) -> list[str]:
    """Name the outputs whose distance means something."""
    outputs = contract.signature(SERVING_DEFAULT).outputs
    return [name for name, spec in outputs.items() if spec.tolerance.absolute > 0]


def run_part(version: Path, part: str, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Measure one part in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, str(version), "--part", part],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO), "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return [{"what": part, "distances": {}, "refused": None, "note": last}]
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def show(version: Path, title: str, rows: list[dict[str, Any]]) -> None:
    """Print one table as Markdown."""
    names = measured_outputs(contracts.load(version))
    print(f"\n{version.parent.name}/{version.name} ({backbone_of(version)}): {title}\n")
    print("| " + " | ".join(["", *names, "requests refused"]) + " |")
    print("|---" * (len(names) + 2) + "|")
    for row in rows:
        cells = [f"{row['distances'][n]:.1e}" if n in row["distances"] else "" for n in names]
        refused = row.get("note") or ("" if row["refused"] is None else row["refused"])
        print("| " + " | ".join([row["what"], *cells, str(refused)]) + " |", flush=True)


def backbone_of(version: Path) -> str:
    """Return the version's backbone."""
    record = json.loads(extra(version, RUN_FILE).read_text(encoding="utf-8"))
    return str(record["settings"]["backbone"])


def measure(version: Path, part: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of one part."""
    contract = contracts.load(version)
    cases = golden.load(version, contract)
    if part == "java":
        yield compared("java", cases, contract, asks_java(version, contract))
    elif part == "litert":
        yield from litert(version)
    elif part == "faults":
        yield from faults(version, contract, cases)
    else:
        yield compared(part, cases, contract, asks_tensorflow(version, contract, part))


def compared(
    what: str, cases: list[GoldenCase], contract: Contract, ask: Callable[[GoldenCase], Answers]
) -> dict[str, Any]:
    """Run every case; return the largest distances and how many requests were refused."""
    distances: dict[str, float] = {}
    refused = 0
    for case in cases:
        comparison = case.compare(ask(case), contract)
        refused += not comparison.ok
        for name, distance in comparison.distances.items():
            distances[name] = max(distance, distances.get(name, 0.0))
    return {"what": what, "distances": distances, "refused": f"{refused} of {len(cases)}"}


def asks_tensorflow(
    version: Path, contract: Contract, part: str
) -> Callable[[GoldenCase], Answers]:
    """Return a function that asks a session or the live network."""
    import tensorflow as tf

    if threads := os.environ.get("THREADS"):
        tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    if part in ("folded", "trained"):
        return live(version, contract, part)
    from signature_contract.checking.session import SessionModel

    model = SessionModel(version)

    def ask(case: GoldenCase) -> Answers:
        ((name, value),) = case.inputs.items()
        if part == "alone":
            rows = [model.run(case.signature, {name: value[i : i + 1]}) for i in range(len(value))]
            return {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
        if part == "sixteen":
            many = np.concatenate([value] * (16 // len(value) + 1))[:16]
            found = model.run(case.signature, {name: many})
            return {key: rows[: len(value)] for key, rows in found.items()}
        return model.run(case.signature, {name: value})

    return ask


def live(
    version: Path, contract: Contract, how: str, change: Callable[[Any], Any] | None = None
) -> Callable[[GoldenCase], Answers]:
    """Return a function that asks the live Keras network.

    Args:
        version: A published version, for its ``model.keras``.
        contract: Its contract.
        how: ``folded`` or ``trained``.
        change: Makes something wrong with the restored network, in place.
    """
    import tensorflow as tf

    from export import images
    from export.training.finished import Finished

    record = json.loads(extra(version, RUN_FILE).read_text(encoding="utf-8"))
    finished = Finished(
        contract.model,
        record["settings"],
        contract.class_names,
        0.0,
        record,
        {},
        (),
        {"backbone": None, **{key: record.get(key) for key in ("strides", "anchors")}},
        extra(version, KERAS_FILE),
    )
    if contract.model == "classifier":
        from export.classifier.publishing import build

        classifier = build(finished)
        classifier.model.load_weights(finished.keras_file)
        if change:
            change(classifier)
        network = tf.function(classifier.network() if how == "folded" else classifier.trained())
        size, names = record["settings"]["image_size"], list(contract.class_names)

        def classify(case: GoldenCase) -> Answers:
            found = network(squares(case, lambda pixels: images.resize(pixels, size)))
            rows = len(found[LOGITS])
            answer = {name: value.numpy() for name, value in found.items()}
            return {**answer, CLASSES: np.array([names] * rows)}

        return classify
    from export.detector import serving
    from export.detector.publishing import build as build_detector
    from export.detector.suppression import Suppression

    detector = build_detector(finished)
    detector.model.load_weights(finished.keras_file)
    if change:
        change(detector)
    limits = Suppression(
        contract.bound["N"],
        contract.parameters["score_threshold"],
        contract.parameters["iou_threshold"],
    )
    graph = serving.live(detector.folded() if how == "folded" else detector, limits)

    def detect(case: GoldenCase) -> Answers:
        ((_, value),) = case.inputs.items()
        found = getattr(graph, case.signature)(
            tf.constant(value.tolist() if value.dtype == object else value)
        )
        return {name: tensor.numpy() for name, tensor in found.items()}

    return detect


def squares(
    case: GoldenCase, resize: Callable[[Any], Any], decode: Callable[[Any], Any] | None = None
) -> Any:
    """Return a request's images as the network takes them."""
    import tensorflow as tf

    from export import images

    ((_, value),) = case.inputs.items()
    if case.signature == SERVING_DEFAULT:
        return resize(tf.constant(value))
    return tf.stack([resize((decode or images.decode)(tf.constant(item))) for item in value])


def faults(version: Path, contract: Contract, cases: list[GoldenCase]) -> Iterator[dict[str, Any]]:
    """Yield what each fault does to the answers of the live network."""
    made = classifier_faults if contract.model == "classifier" else detector_faults
    for what, ask in made(version, contract):
        yield compared(what, cases, contract, ask)
    yield from flipped_bits(version, contract, cases)


def classifier_faults(
    version: Path, contract: Contract
) -> Iterator[tuple[str, Callable[[GoldenCase], Answers]]]:
    """Yield faults around and inside a classifier."""
    import keras
    import tensorflow as tf

    from export import images

    boxes: list[Any] = []
    live(version, contract, "trained", boxes.append)
    (classifier,) = boxes
    network = classifier.trained()
    size = classifier.model.input.shape[1]
    names = list(contract.class_names)

    def answer(pixels: Any, run: Callable[[Any], Any] = network) -> Answers:
        found = {name: value.numpy() for name, value in run(pixels).items()}
        return {**found, CLASSES: np.array([names] * len(found[LOGITS]))}

    def resized(method: str, **options: Any) -> Callable[[GoldenCase], Answers]:
        return lambda case: answer(
            squares(case, lambda p: tf.image.resize(p, [size, size], method=method, **options))
        )

    def own(pixels: Any) -> Any:
        return images.resize(pixels, size)

    def twice(pixels: Any) -> Any:
        if classifier.spec.name == "efficientnet_b0":  # its preprocessing is inside the base
            return pixels / 255
        return classifier.spec.preprocess(pixels)

    def in_training_mode(pixels: Any) -> Any:
        before = classifier.base.get_weights()
        classifier.base.trainable = True  # a frozen one keeps to its own statistics
        features = classifier.base(classifier.spec.preprocess(pixels), training=True)
        classifier.base.trainable = False
        classifier.base.set_weights(before)  # it has learnt from the batch
        logits = classifier.head(keras.layers.GlobalAveragePooling2D()(features), training=False)
        if len(names) == 2:
            logits = tf.concat([tf.zeros_like(logits), logits], 1)
        return {LOGITS: logits, PROBABILITIES: tf.nn.softmax(logits)}

    yield "pixels normalised twice", lambda case: answer(twice(squares(case, own)))
    yield "BGR for RGB", lambda case: answer(squares(case, own)[..., ::-1])
    yield (
        "BatchNorm with the batch's statistics",
        lambda case: answer(squares(case, own), in_training_mode),
    )
    yield "resized to the nearest pixel", resized("nearest")
    yield "resized by area", resized("area")
    yield "resized bicubically", resized("bicubic")
    yield "resized bilinearly with antialiasing", resized("bilinear", antialias=True)
    yield (
        "resized without half-pixel centres",
        lambda case: answer(
            squares(
                case,
                lambda p: tf.compat.v1.image.resize_bilinear(
                    p if p.shape.rank == 4 else p[None], [size, size]
                )[... if p.shape.rank == 4 else 0],
            )
        ),
    )
    yield (
        "JPEG decoded with the accurate transform",
        lambda case: answer(
            squares(
                case,
                own,
                lambda item: (
                    tf.io.decode_jpeg(item, 3, dct_method="INTEGER_ACCURATE")
                    if item.numpy().startswith(b"\xff\xd8")
                    else images.decode(item)
                ),
            )
        ),
    )
    yield "every pixel one level brighter", lambda case: answer(squares(case, own) + 1)
    yield "pixels divided by 256 for 255", lambda case: answer(squares(case, own) * (255 / 256))
    convolutions = [layer for layer in classifier.base.layers if type(layer).__name__ == "Conv2D"]
    middle = convolutions[len(convolutions) // 2]
    before = middle.get_weights()
    kernel = before[0].copy()
    kernel[..., [0, 1]] = kernel[..., [1, 0]]
    middle.set_weights([kernel, *before[1:]])
    yield f"two channels of {middle.name} exchanged", lambda case: answer(squares(case, own))
    middle.set_weights(before)


def detector_faults(
    version: Path, contract: Contract
) -> Iterator[tuple[str, Callable[[GoldenCase], Answers]]]:
    """Yield faults around and inside a detector."""

    def disturbed(change: Callable[[Any], Any]) -> Callable[[GoldenCase], Answers]:
        ask = live(version, contract, "trained")

        def run(case: GoldenCase) -> Answers:
            ((name, value),) = case.inputs.items()
            if case.signature != SERVING_DEFAULT:
                return ask(case)
            return ask(replace(case, inputs={name: change(value)}))

        return run

    def moved(change: Callable[[dict[str, Array]], None]) -> Callable[[GoldenCase], Answers]:
        ask = live(version, contract, "trained")

        def run(case: GoldenCase) -> Answers:
            answer = {name: value.copy() for name, value in ask(case).items()}
            change(answer)
            return answer

        return run

    def shifted(answer: dict[str, Array]) -> None:
        real = answer[DETECTION_SCORES] > 0
        answer[DETECTION_BOXES][real] = np.clip(answer[DETECTION_BOXES][real] + 0.5 / 416, 0, 1)

    def turned(answer: dict[str, Array]) -> None:
        answer[DETECTION_BOXES] = answer[DETECTION_BOXES][..., [1, 0, 3, 2]]

    def zero_based(answer: dict[str, Array]) -> None:
        answer[DETECTION_CLASSES] = np.maximum(answer[DETECTION_CLASSES] - 1, 0)

    yield "BGR for RGB (pixels)", disturbed(lambda pixels: pixels[..., ::-1].copy())
    yield (
        "every pixel one level brighter (pixels)",
        disturbed(lambda pixels: np.where(pixels < 255, pixels + 1, 255).astype(np.uint8)),
    )
    yield "boxes half a pixel of the square off", moved(shifted)
    yield "x and y of boxes exchanged", moved(turned)
    yield "classes counted from 0", moved(zero_based)

    def preprocessed(detector: Any) -> None:
        own = detector.spec.preprocess
        model = detector.model
        object.__setattr__(
            detector, "model", lambda x, training=False: model(own(x), training=training)
        )

    yield "pixels normalised twice", live(version, contract, "trained", preprocessed)

    def in_training_mode(detector: Any) -> None:
        model = detector.model
        detector.backbone.trainable = True
        object.__setattr__(detector, "model", lambda x, **_: model(x, training=True))

    yield (
        "BatchNorm with the batch's statistics",
        live(version, contract, "trained", in_training_mode),
    )


def flipped_bits(
    version: Path, contract: Contract, cases: list[GoldenCase]
) -> Iterator[dict[str, Any]]:
    """Yield what one flipped exponent bit of one weight does, over many weights at random."""
    boxes: list[Any] = []
    ask = live(version, contract, "trained", boxes.append)
    (restored,) = boxes
    variables = [v for v in restored.model.variables if len(v.shape) >= 2]
    sizes = np.array([int(np.prod(v.shape)) for v in variables])
    random = np.random.default_rng(0)
    few = [case for case in cases if case.signature == SERVING_DEFAULT][:2]
    for bit in (23, 24, 25, 30):
        refused = 0
        smallest: dict[str, float] = {}
        unseen: dict[str, float] = {}
        for _ in range(FLIPS // 4):
            place = int(random.integers(sizes.sum()))
            which = int(np.searchsorted(np.cumsum(sizes), place, side="right"))
            values = variables[which].numpy()
            whole = values.copy()
            position = int(random.integers(values.size))
            whole.view(np.uint32).flat[position] ^= np.uint32(1 << bit)
            variables[which].assign(whole)
            row = compared("", few, contract, ask)
            variables[which].assign(values)
            noticed = not row["refused"].startswith("0")
            refused += noticed
            for name, distance in row["distances"].items():
                kept = smallest if noticed else unseen
                pick = min if noticed else max
                kept[name] = pick(distance, kept.get(name, distance))
        yield {
            "what": f"exponent bit {bit} of one weight flipped: the least that is refused",
            "distances": smallest,
            "refused": f"{refused} of {FLIPS // 4} flips",
        }
        yield {
            "what": f"exponent bit {bit}: the most that is not refused",
            "distances": unseen,
            "refused": f"{FLIPS // 4 - refused} of {FLIPS // 4} flips pass",
        }


def asks_java(version: Path, contract: Contract) -> Callable[[GoldenCase], Answers]:
    """Return a function that asks TensorFlow Java in this process."""
    import jpype

    sys.path.insert(0, str(Path(__file__).parent))
    from golden_distances import asks_java as ask

    jpype.startJVM(classpath=[str(JAR)])
    ml = jpype.JPackage("io").thecodeforge.ml
    path = jpype.JClass("java.nio.file.Path").of(str(version))
    return ask(ml.embedded.VisionService.load(path), contract)


def litert(version: Path) -> Iterator[dict[str, Any]]:
    """Convert to float32 TFLite and read the distances that its own check measured."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "export",
                "tflite",
                "--model",
                str(version),
                "--out",
                out,
                "--form",
                "float32",
            ],
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr.strip().splitlines()[-1])
        report = json.loads(done.stdout.splitlines()[-1])
    distances = report["forms"]["float32"]["max_distance"]
    yield {"what": "litert", "distances": distances, "refused": "0"}


if __name__ == "__main__":
    sys.exit(main())
