"""Importing the client: TensorFlow is not executed, and is none the worse for it.

Each case is a process of its own, for an import happens once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from tests.running import PATIENCE_S

ASK = """
from python_client import VisionClient
with VisionClient({target!r}) as client:
    assert client.status().available == (7,)
    assert client.classify(b"\\x65")[0].label == "dog"
"""

USE_TENSORFLOW = """
import numpy as np
import tensorflow as tf
import keras
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile(loss="mse", optimizer="sgd")
model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=1, verbose=0)
import tempfile
with tempfile.TemporaryDirectory() as directory:
    model.export(directory, verbose=False)
    loaded = tf.saved_model.load(directory)
    assert loaded.signatures["serving_default"]
    from tensorflow.python.saved_model import loader_impl
    assert loader_impl.parse_saved_model(directory).meta_graphs
assert tf.make_ndarray(tf.make_tensor_proto([1.0]))[0] == 1.0
"""

BOTH_CLASSES = """
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
import protos
from python_client import tensors
import numpy as np
assert tensor_pb2.TensorProto.DESCRIPTOR.full_name == protos.TensorProto.DESCRIPTOR.full_name
# Messages of either side go into those of the other, as bytes.
theirs = predict_pb2.PredictRequest()
theirs.inputs["x"].MergeFromString(tensors.encode(np.ones(3, np.float32)).SerializeToString())
assert tf.make_ndarray(theirs.inputs["x"]).tolist() == [1.0, 1.0, 1.0]
ours = protos.PredictRequest.FromString(theirs.SerializeToString())
assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
sent = tf.make_tensor_proto([1.0, 2.0]).SerializeToString()
ours = protos.PredictRequest(inputs={"x": protos.TensorProto.FromString(sent)})
theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
assert tf.make_ndarray(theirs.inputs["x"]).tolist() == [1.0, 2.0]
assert tensors.decode(theirs.inputs["x"]).tolist() == [1.0, 2.0]
"""


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tensorflow_is_not_executed(target: str) -> None:
    loaded = python(ASK.format(target=target) + "\nimport sys\nprint(*sys.modules, sep='\\n')")
    modules = loaded.split()
    assert not [name for name in modules if name.partition(".")[0].startswith("tensorflow")]
    assert not [name for name in modules if name.partition(".")[0] in ("keras", "h5py", "export")]
    assert len(modules) < 600  # a start of TensorFlow brings thousands


@pytest.mark.long
def test_tensorflow_afterwards(target: str) -> None:
    python(ASK.format(target=target) + USE_TENSORFLOW + BOTH_CLASSES + ASK.format(target=target))


@pytest.mark.long
def test_tensorflow_before(target: str) -> None:
    python(USE_TENSORFLOW + ASK.format(target=target) + BOTH_CLASSES)


@pytest.mark.long
def test_tensorflow_at_the_same_time(target: str) -> None:
    python(
        """
        import importlib, threading
        names = ["tensorflow", "python_client"]
        failures = []
        def load(name):
            try:
                start.wait()
                importlib.import_module(name)
            except BaseException as err:
                failures.append(err)
        start = threading.Barrier(len(names))
        threads = [threading.Thread(target=load, args=(name,)) for name in names]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert not failures, failures
        import tensorflow as tf
        """
        + BOTH_CLASSES.replace("\n", "\n        ")
        + ASK.format(target=target).replace("\n", "\n        ")
    )


def test_protobuf_in_pure_python(target: str) -> None:
    python(ASK.format(target=target), PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")


@pytest.mark.parametrize("missing", ["tensorflow", "tensorflow_serving"])
def test_a_missing_package_is_not_missed(missing: str, target: str) -> None:
    python(
        f"import sys; sys.modules[{missing!r}] = None  # as if it were not installed\n"
        + ASK.format(target=target)
    )


def test_the_public_names() -> None:
    out = python("import python_client as p; print([n for n in p.__all__ if not hasattr(p, n)])")
    assert out.strip() == "[]"


def test_a_missing_message_is_named() -> None:
    out = python(
        """
        import protos
        try:
            protos.NoSuchMessage
        except AttributeError as err:
            print(err)
        """
    )
    assert "protos has no message or enumeration 'NoSuchMessage'" in out
    assert "python -m protos" in out
