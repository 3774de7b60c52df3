"""Versions that LiteRT runs: TFLite files of any origin, and ours, whole by their contract.

What a session answers to the same requests is the judge, and TensorFlow Serving's recorded answers
(``test_conformance.py``, on both runtimes).
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
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
from tests.model_server.conftest import HERE
from tests.running import PATIENCE_S
from tests.warm.warmth import warm_python

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


@pytest.fixture(scope="module")
def others(once: Any) -> Path:
    """Files of other people, see ``make_lite_others.py``."""

    def make(folder: Path) -> str:
        command = [warm_python(), str(HERE / "make_lite_others.py"), str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
        return str(folder)

    return Path(once("lite_others", make))


@pytest.fixture(scope="module")
def others_server(
    others: Path, start_server: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    folder = tmp_path_factory.mktemp("others")
    models = {name: others / name for name in ("plain", "texts", "both", "session")}
    return start_server(served(folder, **models), "--prefer_tflite_model")


def test_a_file_without_metadata_is_named_after_its_tensors(
    others_server: Any, caller: Any
) -> None:
    """As TensorFlow Serving names it, which does not look at the converter's own signatures."""
    call = caller(others_server.target)
    value = np.array([[3.0]], np.float32)
    answer = call(PREDICT, predict("plain", "", {"serving_default_x": value}))
    assert answer.code == "OK", answer.message
    (output,) = answer.response.outputs.values()
    np.testing.assert_array_equal(tensors.decode(output), [[3.5]])


def test_another_batch_than_the_files_is_planned_anew(others_server: Any, caller: Any) -> None:
    call = caller(others_server.target)
    for rows in (4, 1, 2):
        value = np.ones([rows, 1], np.float32)
        answer = call(PREDICT, predict("plain", "", {"serving_default_x": value}))
        (output,) = answer.response.outputs.values()
        np.testing.assert_array_equal(tensors.decode(output), np.full([rows, 1], 2.5))


def test_text_comes_through_byte_for_byte(others_server: Any, caller: Any) -> None:
    text = texts(b"\0ends in zeros\0\0", "größe".encode(), b"")
    answer = caller(others_server.target)(
        PREDICT, predict("texts", "", {"serving_default_text": text})
    )
    assert answer.code == "OK", answer.message
    (output,) = answer.response.outputs.values()
    assert tensors.decode(output).tolist() == text[:2].tolist()


def test_what_the_graph_cannot_do_is_refused_and_the_next_call_answered(
    others_server: Any, caller: Any
) -> None:
    call = caller(others_server.target)
    one = predict("texts", "", {"serving_default_text": texts(b"only one")})
    assert call(PREDICT, one).code == "INTERNAL"
    two = predict("texts", "", {"serving_default_text": texts(b"a", b"b")})
    assert call(PREDICT, two).code == "OK"


@pytest.mark.parametrize(("model", "expected"), [("both", 2.5), ("session", 3.5)])
def test_a_version_with_both_runs_the_file_and_one_without_its_savedmodel(
    others_server: Any, caller: Any, model: str, expected: float
) -> None:
    name = "serving_default_x" if model == "both" else "x"
    value = np.ones([1, 1] if model == "both" else [1], np.float32)
    answer = caller(others_server.target)(PREDICT, predict(model, "", {name: value}))
    (output,) = answer.response.outputs.values()
    assert tensors.decode(output).ravel().tolist() == [expected]


@pytest.mark.parametrize(
    ("flags", "model", "said"),
    [
        (["--runtime=litert"], "session", "Could not find model.tflite"),
        ([], "plain", "Could not find SavedModel"),
        (["--runtime=litert"], "no_file", "Cannot build FlatBufferModel"),
        (["--runtime=litert"], "damaged", "is damaged|Cannot build Interpreter"),
    ],
)
def test_a_version_that_does_not_load_ends_the_start_with_a_sentence(
    others: Path,
    start_server: Callable[..., Any],
    flags: list[str],
    model: str,
    said: str,
) -> None:
    server = start_server(
        f"--model_name={model}",
        f"--model_base_path={others / model}",
        "--max_num_load_retries=0",
        *flags,
        wait=False,
    )
    assert server.process.wait(PATIENCE_S) == 1
    assert re.search(said, server.log), server.log


def test_a_file_that_does_not_fit_its_versions_contract_is_not_served(
    others: Path, published: Path, start_server: Callable[..., Any], tmp_path: Path
) -> None:
    version = tmp_path / "classifier" / "1"
    (version / "assets.extra").mkdir(parents=True)
    shutil.copy(others / "plain" / "1" / "model.tflite", version)
    shutil.copy(published / "assets.extra" / "contract.json", version / "assets.extra")
    server = start_server(
        "--model_name=classifier",
        f"--model_base_path={version.parent}",
        "--max_num_load_retries=0",
        "--runtime=litert",
        wait=False,
    )
    assert server.process.wait(PATIENCE_S) == 1
    assert "model.tflite does not fit contract.json: serving_default input" in server.log
    assert "[input-missing]" in server.log


def test_a_runtime_that_there_is_not_is_a_usage_error(start_server: Callable[..., Any]) -> None:
    server = start_server("--model_base_path=/none", "--runtime=onnx", wait=False)
    assert server.process.wait(PATIENCE_S) == 2
    assert "--runtime expects auto, tensorflow or litert, received 'onnx'" in server.log
