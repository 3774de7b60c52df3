"""Tensors on the wire, held against TensorFlow's own encoder and decoder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protos import TensorProto
from python_client import AnswerError, InputError
from python_client.tensors import as_array, decode, encode
from tests.running import PATIENCE_S

RNG = np.random.default_rng(7)
ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    **{
        name: RNG.integers(0, 100, (2, 3)).astype(name)
        for name in ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
    },
    **{name: RNG.normal(size=(2, 1, 3)).astype(name) for name in ("float16", "float32", "float64")},
    "negative": np.array([-128, -1, 127], np.int8),
    "largest": np.array([2**64 - 1, 0], np.uint64),
    "odd": np.array([np.nan, np.inf, -np.inf, -0.0], np.float32),
    "bool": np.array([[True, False]]),
    "complex64": np.array([1 + 2j, -3.5j], np.complex64),
    "complex128": np.array([[1 + 2j], [-3.5j]]),
    "scalar": np.array(5.5, np.float32),
    "empty": np.zeros((0, 4), np.int32),
    "large": RNG.normal(size=(1000, 30)).astype(np.float32),
    "fortran": np.asfortranarray(RNG.normal(size=(3, 4)).astype(np.float32)),
    "big_endian": np.array([1, 2, 3], ">i4"),
    "string": np.array([[b"", b"ends in zero\0"], [b"x" * 300, "ü".encode()]], dtype=object),
    "one_string": np.array(b"scalar", dtype=object),
}

TENSORFLOW = """
import pathlib, sys
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

here = pathlib.Path(sys.argv[1])
for path in sorted(here.glob("*.ours")):
    proto = tensor_pb2.TensorProto.FromString(path.read_bytes())
    array = tf.make_ndarray(proto)
    tensor = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(proto.dtype))
    # TensorFlow's two encoders: typed values from C++, tensor_content from Python.
    (here / f"{path.stem}.typed").write_bytes(tf.io.serialize_tensor(tensor).numpy())
    (here / f"{path.stem}.python").write_bytes(tf.make_tensor_proto(array).SerializeToString())
    if array.dtype != object:
        np.save(here / f"{path.stem}.npy", array)
    else:
        assert (tensor.numpy() == array).all()
bfloat16 = tf.cast(tf.constant([1.5, -2.25, 3e38]), tf.bfloat16)
(here / "bf.typed").write_bytes(tf.io.serialize_tensor(bfloat16).numpy())
proto = tf.make_tensor_proto(bfloat16.numpy())
(here / "bf.python").write_bytes(proto.SerializeToString())
"""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which TensorFlow has read our tensors and written its own."""
    directory = tmp_path_factory.mktemp("tensors")
    for name, array in ARRAYS.items():
        (directory / f"{name}.ours").write_bytes(encode(array).SerializeToString())
    subprocess.run(
        [sys.executable, "-c", TENSORFLOW, str(directory)], check=True, timeout=PATIENCE_S
    )
    return directory


@pytest.mark.parametrize("name", ARRAYS)
def test_tensorflow_reads_what_we_write_and_we_read_what_it_writes(
    exchange: Path, name: str
) -> None:
    array = ARRAYS[name]
    if array.dtype != object:
        read = np.load(exchange / f"{name}.npy")
        np.testing.assert_array_equal(read, array)
        assert read.dtype == array.dtype.newbyteorder("=")
    for form in ("ours", "typed", "python"):
        ours = decode(TensorProto.FromString((exchange / f"{name}.{form}").read_bytes()))
        np.testing.assert_array_equal(ours, array)
        assert ours.dtype == array.dtype.newbyteorder("=")
        assert ours.shape == array.shape
        assert ours.flags.writeable


@pytest.mark.parametrize("form", ["typed", "python"])
def test_bfloat16_comes_as_float32(exchange: Path, form: str) -> None:
    array = decode(TensorProto.FromString((exchange / f"bf.{form}").read_bytes()))
    assert array.dtype == np.float32
    assert array[:2].tolist() == [1.5, -2.25]
    assert 2.9e38 < array[2] < 3.1e38


def test_an_ml_dtypes_bfloat16_array_is_sent_as_it_is() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    tensor = encode(np.array([1.5, -2.25]).astype(bfloat16))
    assert tensor.tensor_content == b"\xc0\x3f\x10\xc0"
    assert decode(tensor).tolist() == [1.5, -2.25]


def test_numbers_travel_as_content_and_text_as_values() -> None:
    assert encode(np.ones(2, np.float32)).tensor_content == b"\0\0\x80?\0\0\x80?"
    text = encode(as_array(["a", b"b"]))
    assert not text.tensor_content
    assert list(text.string_val) == [b"a", b"b"]


def proto(dtype: int, shape: list[int], **fields: Any) -> Any:
    tensor = TensorProto(dtype=dtype, **fields)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (proto(1, [2, 2], float_val=[1.0, 2.0]), [[1.0, 2.0], [2.0, 2.0]]),
        (proto(4, [3], int_val=[255]), [255, 255, 255]),
        (proto(7, [3], string_val=[b"a", b"b"]), [b"a", b"b", b"b"]),
        (proto(9, [2]), [0, 0]),
        (proto(7, [2]), [b"", b""]),
        (proto(19, [2], half_val=[0x3E00]), [1.5, 1.5]),
        (proto(8, [2], scomplex_val=[1.0, 2.0]), [1 + 2j, 1 + 2j]),
        # TensorFlow's packed form of text: lengths as varints, then the bytes (here 1, 130, 0).
        (
            proto(7, [3], tensor_content=b"\x01\x82\x01\x00a" + b"b" * 130),
            [b"a", b"b" * 130, b""],
        ),
    ],
)
def test_short_forms(tensor: Any, expected: list[Any]) -> None:
    assert decode(tensor).tolist() == expected


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (proto(1, [2], tensor_content=b"\0" * 7), r"expected 8 bytes for float32 \[2\], .* 7"),
        (proto(1, [1], float_val=[1.0, 2.0]), "at most 1 values, received 2"),
        (proto(7, [1], string_val=[b"a", b"b"]), "at most 1 strings, received 2"),
        (proto(7, [2], tensor_content=b"\x01"), "it is cut"),
        (proto(7, [1], tensor_content=b"\x05abc"), "expected 5 bytes of text"),
        (proto(1, [-1], float_val=[1.0]), "full shape"),
        (proto(1, [2**40], float_val=[1.0]), r"at most 2 GiB, its shape is \[1099511627776\]"),
        (proto(7, [2**20, 2**20]), "at most 2 GiB"),
        (proto(20, [1]), "received dtype DT_RESOURCE"),
        (proto(99, [1]), "received dtype 99"),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(tensor: Any, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        decode(tensor)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [([1, 2], "float32"), ([1.5, 2], "float32"), ([[0, 255]], "uint8")],
)
def test_numbers_without_a_dtype_take_the_wanted_one(value: Any, dtype: str) -> None:
    assert as_array(value, dtype).dtype == np.dtype(dtype)


def test_a_number_alone_is_a_scalar() -> None:
    assert as_array(3, "int64").shape == ()


@pytest.mark.parametrize(("value", "dtype"), [([1.5], "uint8"), (np.ones(2), "float32")])
def test_numbers_are_not_cast_so_that_the_contract_refuses_them(value: Any, dtype: str) -> None:
    assert as_array(value, dtype).dtype == np.float64


@pytest.mark.parametrize(
    ("value", "sent"),
    [("text", b"text"), (np.array(["ä"]), ["ä".encode()])],
)
def test_text_is_sent_in_utf_8(value: Any, sent: Any) -> None:
    assert as_array(value, "string").tolist() == sent


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ([256], "uint8", r"uint8 values in 0\.\.255, received 256\.\.256"),
        ([-1], "uint8", r"received -1\.\.-1"),
        ([[1], [1, 2]], "float32", "rectangle"),
        ([1, 2], "string", "expected bytes or str in a string tensor, received int"),
    ],
)
def test_values_that_make_no_tensor(value: Any, dtype: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_array(value, dtype)


def test_a_dtype_tensorflow_serving_has_not() -> None:
    with pytest.raises(InputError, match="received dtype datetime64"):
        encode(np.array(["2026-01-01"], "datetime64[D]"))
