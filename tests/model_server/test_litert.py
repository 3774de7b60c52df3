"""Versions that LiteRT runs: TFLite files of any origin, and ours, whole by their contract.

What a session answers to the same requests is the judge, and TensorFlow Serving's recorded answers
(``test_conformance.py``, on both runtimes).
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import protos
from python_client import tensors
from signature_contract import contract, golden
from tests.golden_answers import assert_golden

pytestmark = pytest.mark.usefixtures("embedded_only")

PREDICT = "PredictionService/Predict"


def predict(model: str, signature: str, inputs: dict[str, np.ndarray[Any, Any]]) -> bytes:
    request = protos.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tensors.encode(value))
    return request.SerializeToString()


def served(folder: Path, **models: Path) -> str:
    """Write a models.config; return its flag."""
    entries = "".join(
        f'config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" }}'
        for name, base in models.items()
    )
    (folder / "models.config").write_text(f"model_config_list {{ {entries} }}")
    return f"--model_config_file={folder / 'models.config'}"


@pytest.fixture(scope="module")
def both(
    published: Path,
    published_detector: Path,
    start_server: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """A server of both models on each runtime; LiteRT's has no SavedModel and no TensorFlow."""
    folder = tmp_path_factory.mktemp("lite")
    models = {"classifier": published.parent, "detector": published_detector.parent}
    sessions = start_server(served(folder, **models), "--grpc_max_threads=16")
    for name, base in models.items():
        without = shutil.ignore_patterns("saved_model.pb", "variables", "model.keras")
        shutil.copytree(base / "1", folder / name / "1", ignore=without)
    models = {name: folder / name for name in models}
    flags = (served(folder, **models), "--grpc_max_threads=16", "--prefer_tflite_model")
    lite = start_server(*flags, cold=True)
    assert "model.tflite" in "".join(map(str, (folder / "classifier").rglob("*")))
    return {"tensorflow": sessions, "litert": lite}


def test_tensorflow_is_not_loaded(both: dict[str, Any]) -> None:
    maps = Path(f"/proc/{both['litert'].process.pid}/maps").read_text()
    assert "litert" in maps
    assert "libtensorflow" not in maps


@pytest.mark.parametrize("model", ["classifier", "detector"])
def test_the_metadata_keep_the_contract(
    both: dict[str, Any],
    caller: Any,
    model: str,
    published: Path,
    published_detector: Path,
) -> None:
    own = contract.load(published if model == "classifier" else published_detector)
    request = {"modelSpec": {"name": model}, "metadataField": ["signature_def"]}
    answer = caller(both["litert"].target)("PredictionService/GetModelMetadata", request)
    found = protos.SignatureDefMap()
    assert answer.response.metadata["signature_def"].Unpack(found)
    own.check(contract.signatures_from_proto(found.signature_def), "LiteRT's")


@pytest.mark.parametrize("model", ["classifier", "detector"])
def test_golden_answers(
    both: dict[str, Any],
    caller: Any,
    model: str,
    published: Path,
    published_detector: Path,
) -> None:
    version = published if model == "classifier" else published_detector
    own = contract.load(version)
    call = caller(both["litert"].target)
    cases = golden.load(version, own)
    assert {case.signature for case in cases} == {"serving_default", "serving_bytes"}
    for case in cases:
        answer = call(PREDICT, predict(model, case.signature, dict(case.inputs)))
        assert answer.code == "OK", (case, answer.message)
        outputs = {k: tensors.decode(v) for k, v in answer.response.outputs.items()}
        assert_golden(case, outputs, own)


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def texts(*files: bytes) -> np.ndarray[Any, Any]:
    result = np.empty(len(files), object)
    result[:] = files
    return result


JPEG, PNG = encoded("JPEG"), encoded("PNG")
HEADER = JPEG.index(b"\xff\xc0") + 5  # height and width
FILES = {
    "jpeg": JPEG,
    "grey": encoded("JPEG", "L"),
    "cmyk": encoded("JPEG", "CMYK"),
    "progressive": encoded("JPEG", progressive=True),
    "png": PNG,
    "palette": encoded("PNG", "P"),
    "alpha": encoded("PNG", "RGBA"),
    "1 bit": encoded("PNG", "1"),
    "no bytes": b"",
    "text": b"hello",
    "gif": encoded("GIF", "P"),
    "webp": encoded("WEBP"),
    "cut jpeg": JPEG[: len(JPEG) // 2],
    "jpeg's header": JPEG[:30],
    "jpeg's first bytes": JPEG[:3],
    "cut png": PNG[: len(PNG) // 2],
    "png's first bytes": PNG[:8],
    "png of no size": PNG[:20],
    "changed png": PNG[:60] + bytes(4) + PNG[64:],
    "vast png": PNG[:16] + (20_000).to_bytes(4, "big") * 2 + PNG[24:],
    "vast jpeg": JPEG[:HEADER] + (60_000).to_bytes(2, "big") * 2 + JPEG[HEADER + 4 :],
    "empty jpeg": JPEG[:HEADER] + bytes(4) + JPEG[HEADER + 4 :],
}
PIXELS = np.zeros((1, 8, 8, 3), np.uint8)
REQUESTS = {
    **{name: ("serving_bytes", {"image_bytes": texts(file)}) for name, file in FILES.items()},
    "the second is none": ("serving_bytes", {"image_bytes": texts(JPEG, b"none")}),
    "three": ("serving_bytes", {"image_bytes": texts(JPEG, PNG, FILES["grey"])}),
    "no file": ("serving_bytes", {"image_bytes": texts()}),
    "one pixel": ("serving_default", {"input_tensor": PIXELS[:, :1, :1]}),
    "a batch": ("serving_default", {"input_tensor": PIXELS.repeat(5, 0)}),
    "no rows": ("serving_default", {"input_tensor": PIXELS[:0]}),
    "no height": ("serving_default", {"input_tensor": PIXELS[:, :0]}),
    "numbers": ("serving_default", {"input_tensor": PIXELS.astype(np.float32)}),
    "nothing": ("serving_default", {}),
    "two inputs": ("serving_default", {"input_tensor": PIXELS, "x": PIXELS}),
    "another name": ("serving_default", {"pixels": PIXELS}),
    "another signature": ("predict", {"input_tensor": PIXELS}),
}


@pytest.mark.parametrize("model", ["classifier", "detector"])
def test_answers_and_refuses_as_the_session_does(
    both: dict[str, Any], caller: Any, model: str
) -> None:
    calls = {runtime: caller(server.target) for runtime, server in both.items()}
    for name, (signature, inputs) in REQUESTS.items():
        request = predict(model, signature, inputs)
        lite, session = (calls[one](PREDICT, request) for one in ("litert", "tensorflow"))
        assert lite.code == session.code, (name, lite, session)
        if lite.code != "OK":
            # A session's message names the nodes that it comes through as well.
            assert lite.message in session.message, name
            continue
        for output, expected in session.response.outputs.items():
            found = tensors.decode(lite.response.outputs[output])
            wanted = tensors.decode(expected)
            assert found.shape == wanted.shape, (name, output)
            assert found.dtype == wanted.dtype, (name, output)
            if found.dtype == object:
                assert (found == wanted).all()
            else:
                np.testing.assert_allclose(found, wanted, atol=2e-4, rtol=2e-5, err_msg=name)


SHAPES = [[], [160], [8, 8, 3], [1, 8, 8], [1, 8, 8, 1], [1, 8, 8, 4], [1, 1, 8, 8, 3], [1] * 40]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_wrong_shape_is_refused_and_the_server_lives(
    both: dict[str, Any], caller: Any, shape: list[int]
) -> None:
    call = caller(both["litert"].target)
    pixels = {"input_tensor": np.zeros(shape, np.uint8)}
    answer = call(PREDICT, predict("classifier", "serving_default", pixels))
    assert answer.code == "INVALID_ARGUMENT"
    assert answer.message == (
        "assertion failed: [input_tensor must be uint8 [batch, height, width, 3], RGB, every axis "
        f"at least 1; received shape] [{' '.join(map(str, shape))}]"
    )
    good = predict("classifier", "serving_default", {"input_tensor": PIXELS})
    assert call(PREDICT, good).code == "OK"
    assert both["litert"].process.poll() is None
