"""A TensorFlow Serving whose answers a test decides.

It is a real gRPC server on a real socket, built on the generated servicers; only what stands behind
it, a model, is replaced by rules one can work out by hand. It serves what no real server does on
demand: UNAVAILABLE and then an answer, an answer that is late, classes in the wrong order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

import protos
from protos.services import MODEL_SERVICE, PREDICTION_SERVICE, handler
from python_client import tensors
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts
from signature_contract.contract import Contract
from signature_contract.version_files import CONTRACT_FILE
from tests.once import Once
from tests.running import run_python

# What make_any.py beside this folder makes: a contract a model.
ANY_MODELS = Path(__file__).parents[1] / "model_server" / "any"

DTYPE_ENUM = {"uint8": 4, "float32": 1, "string": 7, "int64": 9}

Predict = Callable[[Any, grpc.ServicerContext], Any]


class ScriptedServing:
    """The services, and a record of what they were asked.

    The model: logit of the second class is the first pixel's red value, or the last byte of an
    encoded file, less 100; the first class's is 0.

    Attributes:
        contract: What GetModelMetadata declares.
        classes: Class names in the order of the answers.
        predict: Answers Predict, in place of the model, where a test sets it.
        failures: Statuses with which the next calls end, first to last.
        requests: Every request received.
        headers: The headers of every request received.
        unblock: Set it to let calls go that wait for it.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.classes = list(contract.class_names)
        self.predict: Predict | None = None
        self.failures: list[tuple[grpc.StatusCode, str]] = []
        self.requests: list[Any] = []
        self.headers: list[dict[str, str | bytes]] = []
        self.unblock = threading.Event()

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Answer as the test's rule or the model says."""
        self._received(request, context)
        return (self.predict or self.model_answer)(request, context)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Declare the contract's signatures, version 7."""
        self._received(request, context)
        answer = protos.GetModelMetadataResponse()
        answer.model_spec.name = request.model_spec.name
        answer.model_spec.version.value = 7
        signatures = protos.SignatureDefMap()
        for key, signature in self.contract.signatures.items():
            definition = signatures.signature_def[key]
            for into, specs in (
                (definition.inputs, signature.inputs),
                (definition.outputs, signature.outputs),
            ):
                for name, spec in specs.items():
                    into[name].dtype = DTYPE_ENUM[spec.dtype]
                    for size in spec.resolve(self.contract.bound).shape or ():
                        into[name].tensor_shape.dim.add(size=size)
        answer.metadata["signature_def"].Pack(signatures)
        return answer

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Report version 7 available and version 8 broken."""
        self._received(request, context)
        answer = protos.GetModelStatusResponse()
        answer.model_version_status.add(version=8, state=50).status.error_code = 9
        answer.model_version_status[0].status.error_message = "no such variable"
        answer.model_version_status.add(version=7, state=30)
        return answer

    def model_answer(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Answer as the model does."""
        (tensor,) = request.inputs.values()
        batch = tensors.decode(tensor)
        seen = [image[-1] if batch.dtype == object else int(image[0, 0, 0]) for image in batch]
        return self.answer_with([float(value) - 100 for value in seen])

    def answer_with(self, second_logits: list[float]) -> Any:
        """Compose the answer for these logits of the second class."""
        logits = np.array([[0.0, z] for z in second_logits], np.float32).reshape(-1, 2)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        answer = protos.PredictResponse()
        answer.model_spec.version.value = 7
        for name, array in {
            "probabilities": powers / powers.sum(axis=1, keepdims=True),
            "classes": tensors.as_array([self.classes] * len(logits), "string"),
            "logits": logits,
        }.items():
            answer.outputs[name].CopyFrom(tensors.encode(array))
        return answer

    def _received(self, request: Any, context: grpc.ServicerContext) -> None:
        self.requests.append(request)
        self.headers.append(dict(context.invocation_metadata()))
        if self.failures:
            context.abort(*self.failures.pop(0))


@pytest.fixture
def contract() -> Contract:
    """The classifier's contract as a published version of cats and dogs carries it."""
    return toolkit_contract("classifier").bind(["cat", "dog"])


@pytest.fixture
def serving(contract: Contract) -> ScriptedServing:
    """The services behind ``target``."""
    return ScriptedServing(contract)


@pytest.fixture
def serve(
    serving: ScriptedServing,
) -> Iterator[Callable[..., str]]:
    """Start another server of the same services: ``serve(credentials=None) -> target``."""
    servers = []

    def start(credentials: grpc.ServerCredentials | None = None, services: Any = None) -> str:
        server = grpc.server(
            futures.ThreadPoolExecutor(8),
            options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)],
        )
        for name in (PREDICTION_SERVICE, MODEL_SERVICE):
            server.add_generic_rpc_handlers((handler(name, services or serving),))
        port = (
            server.add_secure_port("127.0.0.1:0", credentials)
            if credentials
            else server.add_insecure_port("127.0.0.1:0")
        )
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    serving.unblock.set()
    for server in servers:
        server.stop(None).wait()


@pytest.fixture
def target(serve: Callable[..., str]) -> str:
    """Address of the scripted server."""
    return serve()


@pytest.fixture
def published_copy(tmp_path: Path, contract: Contract) -> Path:
    """The part of a published version that a client reads: its contract."""
    version = tmp_path / "classifier" / "1"
    (version / "assets.extra").mkdir(parents=True)
    (version / "assets.extra" / CONTRACT_FILE).write_text(contract.to_json())
    return version


@pytest.fixture(scope="session")
def any_models(once: Once) -> Path:
    """Models that are not of images, ``<name>/1`` each."""

    def make(folder: Path) -> str:
        ran = run_python(ANY_MODELS.with_name("make_any.py"), folder)
        assert ran.code == 0, ran.err
        return str(folder)

    return Path(once("any_models", make))


@pytest.fixture(scope="session")
def any_contracts() -> Mapping[str, Contract]:
    """The contract of each of these models, by name."""
    return {file.stem: contracts.load(file) for file in sorted(ANY_MODELS.glob("*.json"))}


@pytest.fixture(scope="session")
def any_server(
    start_server: Callable[..., Any],
    any_models: Path,
    any_contracts: Mapping[str, Contract],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """Address of a server of all these models."""
    config = tmp_path_factory.mktemp("any") / "models.config"
    entries = "".join(
        f'config {{ name: "{name}" base_path: "{any_models / name}" '
        'model_platform: "tensorflow" }\n'
        for name in any_contracts
    )
    config.write_text(f"model_config_list {{\n{entries}}}\n", encoding="utf-8")
    flags = (f"--model_config_file={config}", "--enable_grpc_healthcheck_service")
    return str(start_server(*flags).target)
