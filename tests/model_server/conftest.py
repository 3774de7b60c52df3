"""What the server's tests share: the toy model, a server of it, and one way to call any RPC."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

import protos
from tests.once import Once
from tests.running import PATIENCE_S
from tests.warm.warmth import warm_python

HERE = Path(__file__).parent
RECORDED = HERE / "recorded"
RUNTIMES = ("tensorflow", "litert")

# Of the recorded cases LiteRT answers all but those about the signature of texts, whose lengths it
# has no operation for, and those whose answer is the words of TensorFlow's own graph.
# LiteRT takes at most six axes; a deeper tensor ends its process, so it is refused.
GRAPHS_OWN = ("wrong_rank", "deep_nesting")

_MESSAGES: dict[str, tuple[Any, Any]] = {
    "PredictionService/Predict": (protos.PredictRequest, protos.PredictResponse),
    "PredictionService/GetModelMetadata": (
        protos.GetModelMetadataRequest,
        protos.GetModelMetadataResponse,
    ),
    "PredictionService/Classify": (protos.ClassificationRequest, protos.ClassificationResponse),
    "PredictionService/Regress": (protos.RegressionRequest, protos.RegressionResponse),
    "PredictionService/MultiInference": (
        protos.MultiInferenceRequest,
        protos.MultiInferenceResponse,
    ),
    "ModelService/GetModelStatus": (protos.GetModelStatusRequest, protos.GetModelStatusResponse),
    "ModelService/HandleReloadConfigRequest": (
        protos.ReloadConfigRequest,
        protos.ReloadConfigResponse,
    ),
}


@dataclass(frozen=True)
class Answer:
    """What came back: the code's name, and the message or the response."""

    code: str
    message: str = ""
    response: Any = None


class Caller:
    """Calls a server with requests in proto3 JSON."""

    def __init__(self, target: str, channel: grpc.Channel | None = None) -> None:
        """Call ``target``."""
        self.channel = channel or grpc.insecure_channel(
            target, options=[("grpc.max_receive_message_length", -1)]
        )

    def __call__(
        self, rpc: str, request: dict[str, Any] | bytes, timeout: float = PATIENCE_S
    ) -> Answer:
        """Call ``Service/Method``; ``request`` is proto3 JSON, or the message's bytes."""
        request_type, response_type = _MESSAGES[rpc]
        if isinstance(request, dict):
            request = json_format.ParseDict(request, request_type()).SerializeToString()
        stub = self.channel.unary_unary(
            f"/tensorflow.serving.{rpc}",
            request_serializer=None,
            response_deserializer=response_type.FromString,
        )
        try:
            return Answer("OK", response=stub(request, timeout=timeout))
        except grpc.RpcError as err:
            return Answer(err.code().name, err.details())

    def predict(self, values: list[float], **spec: Any) -> Answer:
        """Call the toy's default signature."""
        tensor = {
            "dtype": "DT_FLOAT",
            "tensorShape": {"dim": [{"size": str(len(values))}]},
            "floatVal": values,
        }
        request = {"modelSpec": {"name": "toy", **spec}, "inputs": {"x": tensor}}
        return self("PredictionService/Predict", request)

    def status(self, name: str = "toy") -> dict[int, tuple[str, str]]:
        """Return state and error message by version."""
        answer = self("ModelService/GetModelStatus", {"modelSpec": {"name": name}})
        assert answer.code == "OK", answer
        document = json_format.MessageToDict(answer.response)
        return {
            int(entry["version"]): (entry["state"], entry["status"].get("error_message", ""))
            for entry in document.get("model_version_status", [])
        }


@pytest.fixture(scope="session")
def make_toy() -> Callable[..., Path]:
    """Write versions of the toy model: ``make_toy(base, 1, 2, scale=False, warmup=0)``."""

    def make(base: Path, *versions: int, scale: bool = False, warmup: int = 0) -> Path:
        command = [warm_python(), str(HERE / "make_toy.py"), str(base), *map(str, versions)]
        subprocess.run(
            [*command, f"--warmup={warmup}", *(["--scale"] if scale else [])],
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        return base

    return make


@pytest.fixture(scope="session")
def toy_models(make_toy: Callable[..., Path], once: Once) -> Path:
    """Versions 1 and 2 of the corpus's toy model, with identical content."""
    return Path(once("toys", lambda folder: str(make_toy(folder / "toy", 1, 2))))


@pytest.fixture(scope="session")
def scaled_toys(make_toy: Callable[..., Path], once: Once) -> Path:
    """Versions 1 to 3 that tell themselves apart: y = x / 2 + 2 * version."""
    return Path(
        once("scaled_toys", lambda folder: str(make_toy(folder / "toy", 1, 2, 3, scale=True)))
    )


@pytest.fixture(scope="session")
def make_lite_toy() -> Callable[..., Path]:
    """Write the toy's ``model.tflite``: ``make_lite_toy(base, 1, 2, scale=False)``."""

    def make(base: Path, *versions: int, scale: bool = False) -> Path:
        command = [warm_python(), str(HERE / "make_lite_toy.py")]
        command += [str(base / str(version)) for version in versions]
        subprocess.run(
            [*command, *(["--scale"] if scale else [])],
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        return base

    return make


@pytest.fixture(scope="session")
def lite_toys(make_lite_toy: Callable[..., Path], once: Once) -> Path:
    """Versions 1 and 2 of the corpus's toy model, as TFLite files alone."""
    return Path(once("lite_toys", lambda folder: str(make_lite_toy(folder / "toy", 1, 2))))


@pytest.fixture(scope="session")
def scaled_lite_toys(make_lite_toy: Callable[..., Path], once: Once) -> Path:
    """TFLite files of versions 1 to 3 that tell themselves apart: y = x / 2 + 2 * version."""

    def make(folder: Path) -> str:
        return str(make_lite_toy(folder / "toy", 1, 2, 3, scale=True))

    return Path(once("scaled_lite_toys", make))


@pytest.fixture(scope="session")
def toy_server(
    start_server: Callable[..., Any], toy_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The toy served as it was for the corpus: both versions, two labels, the recorded flags."""
    folder = tmp_path_factory.mktemp("config")
    return start_server(*recorded_flags(folder, toy_models), rest=True)


@pytest.fixture(scope="session")
def lite_toy_server(
    start_server: Callable[..., Any], lite_toys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The toy served as it was for the corpus, by LiteRT, in two processes without TensorFlow."""
    folder = tmp_path_factory.mktemp("config")
    flags = recorded_flags(folder, lite_toys)
    return start_server(*flags, "--runtime=litert", "--processes=2", rest=True, cold=True)


@pytest.fixture
def recorded_server(runtime: str, request: pytest.FixtureRequest) -> Any:
    """The server of one of :data:`RUNTIMES`."""
    if runtime == "litert":
        request.getfixturevalue("embedded_only")
    return request.getfixturevalue("toy_server" if runtime == "tensorflow" else "lite_toy_server")


def recorded_flags(folder: Path, models: Path) -> list[str]:
    """Return the flags that TensorFlow Serving had when the corpus was recorded."""
    config = folder / "models.config"
    config.write_text(
        f"""
        model_config_list {{
          config {{
            name: "toy"
            base_path: "{models}"
            model_platform: "tensorflow"
            model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
            version_labels {{ key: "stable" value: 1 }}
            version_labels {{ key: "canary" value: 2 }}
          }}
        }}
        """
    )
    return [
        f"--model_config_file={config}",
        "--grpc_max_threads=32",
        "--allow_version_labels_for_unavailable_models=true",
    ]


@pytest.fixture(scope="session")
def caller() -> type[Caller]:
    """Calls servers: ``caller(target)(rpc, request)``."""
    return Caller


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each recorded case a test of its own; a missing file fails the collection."""
    for argument, names in (
        ("grpc_case", ["tensorflow_serving_2.20.json"]),
        ("rest_case", ["tensorflow_serving_2.20_rest.json", "tensorflow_serving_2.20_rest_2.json"]),
    ):
        if argument in metafunc.fixturenames:
            cases = [case for name in names for case in json.loads((RECORDED / name).read_text())]
            pairs = [
                (runtime, case)
                for runtime in RUNTIMES
                for case in cases
                if runtime == "tensorflow" or not _needs_tensorflow(case)
            ]
            ids = [f"{runtime}-{case['id']}" for runtime, case in pairs]
            metafunc.parametrize(("runtime", argument), pairs, ids=ids)


def _needs_tensorflow(case: dict[str, Any]) -> bool:
    """Tell a recorded case that the toy's TFLite file cannot be held to."""
    return case["id"] in GRAPHS_OWN or "length" in json.dumps(case)
