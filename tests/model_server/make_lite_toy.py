"""Write the corpus's toy model as ``model.tflite``: ``make_lite_toy.py VERSION... [--scale]``.

In the form that TensorFlow Serving's own test data has, and by hand, so that it does not repeat
what the exporter does: one graph, and metadata that holds a FlexBuffer map of ``SignatureDef``.
TFLite does not count a text's bytes, so two of the toy's three signatures are there.
"""

import argparse
from pathlib import Path

import flatbuffers
import tensorflow as tf
from flatbuffers import flexbuffers
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.lite.python import schema_py_generated as schema

SIGNATURES = {
    "serving_default": (("x",), ("y",)),
    "weighted_sum": (("a", "b"), ("total", "count")),
}
# Answers repeat tensors' names: those of the SavedModel that the corpus was recorded with.
NAMES = {"y": "PartitionedCall_1:0"}
DTYPES = {"b": tf.int64, "count": tf.int64}


class Raw:
    """Bytes that FlexBuffers take for a text."""

    def __init__(self, content: bytes) -> None:
        """Keep the bytes."""
        self.content = content

    def encode(self, _encoding: str) -> bytes:
        """Return them as they are."""
        return self.content


def convert(offset: float) -> bytes:
    """Convert one graph with every input and output."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="x"),
            tf.TensorSpec([None, 2], tf.float32, name="a"),
            tf.TensorSpec([None], tf.int64, name="b"),
        ]
    )
    def both(x, a, b):
        total = tf.reduce_sum(a, 1) * tf.cast(b, tf.float32)
        # Not the input itself, which would be one tensor with two roles.
        return {"y": x / 2 + offset, "total": total, "count": tf.maximum(b, -(2**62))}

    module = tf.Module()
    module.both = both
    function = both.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert()


def signature_defs(model) -> bytes:
    """Name the graph's tensors as a SavedModel's signatures do, and return the metadata."""
    (graph,), (own,) = model.subgraphs, model.signatureDefs
    tensors = {
        one.name.decode(): graph.tensors[one.tensorIndex] for one in (*own.inputs, *own.outputs)
    }
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, roles in SIGNATURES.items():
            message = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
            for aliases, infos in zip(roles, (message.inputs, message.outputs), strict=True):
                for alias in aliases:
                    infos[alias].name = NAMES.get(alias, f"{key}_{alias}:0")
                    tensors[alias].name = infos[alias].name.encode()
                    infos[alias].dtype = DTYPES.get(alias, tf.float32).as_datatype_enum
                    for size in tensors[alias].shapeSignature:
                        infos[alias].tensor_shape.dim.add().size = int(size)
            builder.Key(key)
            builder.String(Raw(message.SerializeToString()))
    return bytes(builder.Finish())


def main() -> None:
    """Write the file of every version asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="+", type=Path)
    parser.add_argument("--scale", action="store_true")
    arguments = parser.parse_args()
    for version in arguments.versions:
        content = convert(2.0 * int(version.name) if arguments.scale else 2.0)
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = list(signature_defs(model))
        model.buffers.append(buffer)
        entry.name, entry.buffer = "signature_defs_metadata", len(model.buffers) - 1
        model.metadata = [*(model.metadata or []), entry]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        version.mkdir(parents=True, exist_ok=True)
        (version / "model.tflite").write_bytes(bytes(builder.Output()))


if __name__ == "__main__":
    main()
