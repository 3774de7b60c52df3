"""Models as other people make them: a folder each below the one that is named.

Usage: ``make_models.py OUT``.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

Maker = Callable[[Path], None]
MAKERS: dict[str, Maker] = {}


def model(make: Maker) -> Maker:
    """Have a model made under the function's name."""
    MAKERS[make.__name__] = make
    return make


def network() -> Any:
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            keras.Input((4,), name="measurements"),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(3, activation="softmax", name="species"),
        ]
    )


@model
def keras_export(out: Path) -> None:
    network().export(out, verbose=False)


@model
def export_archive(out: Path) -> None:
    trained = network()
    archive = keras.export.ExportArchive()
    archive.track(trained)
    spec = tf.TensorSpec((None, 4), tf.float32, "measurements")
    archive.add_endpoint("serve", lambda measurements: trained(measurements), [spec])
    archive.add_endpoint("hidden", lambda measurements: trained.layers[0](measurements), [spec])
    archive.write_out(out, verbose=False)


class Several(tf.Module):
    """Several signatures, several inputs, a scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable([1.0, 2.0, 3.0])

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 3), tf.float32, "x"),
            tf.TensorSpec((), tf.float32, "scale"),
        ]
    )
    def weigh(self, x: Any, scale: Any) -> dict[str, Any]:
        return {"total": tf.reduce_sum(x * self.weights, 1) * scale, "used": scale + 0.0}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.int64, "left"),
            tf.TensorSpec((None,), tf.int64, "right"),
        ]
    )
    def add(self, left: Any, right: Any) -> dict[str, Any]:
        return {"sum": left + right, "larger": left > right}


@model
def several(out: Path) -> None:
    module = Several()
    tf.saved_model.save(module, out, signatures={"weigh": module.weigh, "add": module.add})


class Vocabulary(tf.Module):
    """Text in, numbers out, with a file of words among the assets."""

    def __init__(self, words: Path) -> None:
        super().__init__()
        self.words = tf.saved_model.Asset(str(words))
        initializer = tf.lookup.TextFileInitializer(
            self.words,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self.table = tf.lookup.StaticHashTable(initializer, -1)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "text")])
    def look_up(self, text: Any) -> dict[str, Any]:
        return {"index": self.table.lookup(text), "upper": tf.strings.upper(text)}


@model
def vocabulary(out: Path) -> None:
    words = out.with_name("words.txt")
    words.write_text("the\nquick\nbrown\nfox\n", encoding="utf-8")
    module = Vocabulary(words)
    tf.saved_model.save(module, out, signatures=module.look_up)


FACTOR, SHIFT = tf.constant(2.5), tf.constant([1, 2])


class Defaults(tf.Module):
    """Inputs that may be left out."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.float32, "x"),
            tf.TensorSpec((), tf.float32, "factor"),
            tf.TensorSpec((2,), tf.int32, "shift"),
        ]
    )
    def scale(self, x: Any, factor: Any = FACTOR, shift: Any = SHIFT) -> dict[str, Any]:
        return {"y": x * factor + tf.cast(tf.reduce_sum(shift), tf.float32)}


@model
def defaults(out: Path) -> None:
    module = Defaults()
    tf.saved_model.save(module, out, signatures=module.scale)


class Kinds(tf.Module):
    """Dtypes that are not float32, and a rank that nobody knows."""

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "anything")])
    def any_rank(self, anything: Any) -> dict[str, Any]:
        return {"doubled": anything * 2.0, "rank": tf.rank(anything)}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.int64, "big"),
            tf.TensorSpec((None,), tf.bool, "flag"),
            tf.TensorSpec((None,), tf.float16, "half"),
            tf.TensorSpec((None,), tf.bfloat16, "brain"),
            tf.TensorSpec((None,), tf.complex64, "wave"),
            tf.TensorSpec((None,), tf.uint32, "unsigned"),
        ]
    )
    def every(
        self, big: Any, flag: Any, half: Any, brain: Any, wave: Any, unsigned: Any
    ) -> dict[str, Any]:
        return {
            "big": big + 1,
            "flag": tf.logical_not(flag),
            "half": half * 2,
            "brain": brain * 2,
            "wave": wave * 2,
            "unsigned": unsigned,
        }


@model
def kinds(out: Path) -> None:
    module = Kinds()
    tf.saved_model.save(
        module, out, signatures={"any_rank": module.any_rank, "every": module.every}
    )


def first_generation(out: Path, tags: list[str]) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 2), "x")
        weights = tf.compat.v1.get_variable("w", (2, 3), initializer=tf.ones_initializer())
        y = tf.nn.softmax(tf.matmul(x, weights) * tf.constant([1.0, 2.0, 3.0]), name="y")
        session.run(tf.compat.v1.global_variables_initializer())
        builder = tf.compat.v1.saved_model.Builder(str(out))
        signature = tf.compat.v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(
            session, tags, signature_def_map={"serving_default": signature}
        )
        builder.save()


@model
def tensorflow_1(out: Path) -> None:
    first_generation(out, ["serve"])


@model
def other_tags(out: Path) -> None:
    first_generation(out, ["serve", "gpu"])


class Wrapped(tf.Module):
    """A Keras 3 model in a module: it shows well, runs in Python, and no server can run it."""

    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "measurements")])
    def classify(self, measurements: Any) -> dict[str, Any]:
        return {"species": self.network(measurements)}


@model
def unrunnable(out: Path) -> None:
    module = Wrapped()
    tf.saved_model.save(module, out, signatures=module.classify)


@model
def missing_variables(out: Path) -> None:
    first_generation(out, ["serve"])
    shutil.rmtree(out / "variables")


@model
def cut_variables(out: Path) -> None:
    first_generation(out, ["serve"])
    (file,) = (out / "variables").glob("variables.data-*")
    file.write_bytes(file.read_bytes()[:7])


@model
def no_signatures(out: Path) -> None:
    tf.saved_model.save(Several(), out, signatures={})


class Dice(tf.Module):
    """Another answer each time."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
    def throw(self, x: Any) -> dict[str, Any]:
        return {"y": x + tf.random.uniform(tf.shape(x))}


@model
def dice(out: Path) -> None:
    module = Dice()
    tf.saved_model.save(module, out, signatures=module.throw)


class Fragile(tf.Module):
    """A convolution that ends the process on a tensor of the wrong rank."""

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3), tf.float32, "image")])
    def convolve(self, image: Any) -> dict[str, Any]:
        return {"y": tf.nn.conv2d(image, tf.ones((3, 3, 3, 4)), 1, "SAME")}


@model
def fragile(out: Path) -> None:
    module = Fragile()
    tf.saved_model.save(module, out, signatures=module.convolve)


class Top(tf.Module):
    """The best of a list, where scores may tie."""

    @tf.function(input_signature=[tf.TensorSpec((None, 6), tf.float32, "scores")])
    def best(self, scores: Any) -> dict[str, Any]:
        found = tf.math.top_k(scores, 3)
        return {"best": found.values, "index": found.indices}


@model
def ranking(out: Path) -> None:
    module = Top()
    tf.saved_model.save(module, out, signatures=module.best)


class Printing(tf.Module):
    """Writes to standard output what is no line, and looks like a verdict."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
    def double(self, x: Any) -> dict[str, Any]:
        forged = '{"item": "golden serving_default/drawn_0", "differences": [], "distances": {}}'
        tf.print(b"\xff", forged, output_stream=sys.stdout, end="")
        return {"y": x * 2}


@model
def printing(out: Path) -> None:
    module = Printing()
    tf.saved_model.save(module, out, signatures=module.double)


class Zeros(tf.Module):
    """Answers bytes that end in zeros."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "text")])
    def encode(self, text: Any) -> dict[str, Any]:
        return {"bytes": tf.strings.join([text, tf.constant(b"\0\0")])}


@model
def zeros(out: Path) -> None:
    module = Zeros()
    tf.saved_model.save(module, out, signatures=module.encode)


class Padded(tf.Module):
    """A list that -1 fills up."""

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
    def best(self, x: Any) -> dict[str, Any]:
        found = tf.math.top_k(x, 3)
        used = found.values > 0
        return {
            "score": tf.where(used, found.values, -1.0),
            "index": tf.where(used, found.indices, -1),
            "count": tf.reduce_sum(tf.cast(used, tf.int32), 1),
        }


@model
def padded(out: Path) -> None:
    module = Padded()
    tf.saved_model.save(module, out, signatures=module.best)


class Small(tf.Module):
    """A dtype whose values NumPy cannot hold."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
    def shrink(self, x: Any) -> dict[str, Any]:
        return {"y": tf.cast(x, tf.dtypes.experimental.float8_e5m2)}


@model
def small(out: Path) -> None:
    module = Small()
    tf.saved_model.save(module, out, signatures=module.shrink)


def lite(source: Any, out: Path) -> None:
    converter = source
    out.write_bytes(converter.convert())


@model
def lite_file(out: Path) -> None:
    """``model.tflite`` with signatures, of ``several``; ``unnamed.tflite`` without."""
    out.mkdir()
    module = Several()
    tf.saved_model.save(module, out / "source", signatures={"weigh": module.weigh})
    lite(tf.lite.TFLiteConverter.from_saved_model(str(out / "source")), out / "model.tflite")
    function = module.weigh.get_concrete_function()
    unnamed = tf.lite.TFLiteConverter.from_concrete_functions([function])
    lite(unnamed, out / "unnamed.tflite")


def main() -> None:
    out = Path(sys.argv[1])
    for name, make in MAKERS.items():
        make(out / name)


if __name__ == "__main__":
    main()
