"""A version travels: what one processor published holds on every other.

oneDNN chooses kernels by instruction set, and kernels of another width add in another order.
``ONEDNN_MAX_CPU_ISA`` makes this processor pass for an older one. Each version is verified, served
to both clients and embedded in Java under another set than it was made under.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from python_client import VisionClient
from serving_config.layout import Tensors, classifications, detections
from signature_contract import contract as contracts
from signature_contract import golden
from tests import running
from tests.golden_answers import assert_golden
from tests.java.fixtures import Java, java_process
from tests.kept import Kept
from tests.running import PATIENCE_S
from tests.warm.warmth import PROCESSORS

JOURNEYS = (
    ("SSE4.1", "as it is"),
    ("SSE4.1", "AVX2"),
    ("as it is", "SSE4.1"),
    ("as it is", "without oneDNN"),
)
MODELS = ("classifier", "detector")


@pytest.fixture(scope="module")
def made(
    kept_classifier: Kept, kept_detector: Kept, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """``MODELS`` with both models, published from the same trainings on a named processor."""
    places: dict[str, Path] = {}

    def publish(processor: str) -> Path:
        if processor not in places:
            models = tmp_path_factory.mktemp("made") / "models"
            for kept in (kept_classifier, kept_detector):
                work = kept.copy(models.with_name(kept.arguments[0]))
                ran = running.run_python(
                    *("-m", "export", "publish", work, f"--out={models}", "--no-tflite"),
                    environment=PROCESSORS[processor],
                )
                assert ran.code == 0, ran.err
            places[processor] = models
        return places[processor]

    return publish


@pytest.fixture(scope="module", params=JOURNEYS, ids=" to ".join)
def journey(
    request: pytest.FixtureRequest, made: Callable[[str], Path]
) -> tuple[Path, Mapping[str, str]]:
    """Versions that were made on one processor, and the environment of another."""
    origin, target = request.param
    return made(origin), PROCESSORS[target]


def cases_of(version: Path) -> Iterator[tuple[golden.GoldenCase, contracts.Contract]]:
    contract = contracts.load(version)
    for case in golden.load(version, contract):
        yield case, contract


def test_it_verifies(journey: tuple[Path, Mapping[str, str]]) -> None:
    models, environment = journey
    for model in MODELS:
        ran = running.run_python(
            "-m", "export", "verify", models / model / "1", environment=environment
        )
        assert ran.code == 0, ran.result["differences"]


@pytest.mark.usefixtures("embedded_only")
def test_both_clients_and_java_give_the_golden_answers(
    journey: tuple[Path, Mapping[str, str]],
    start_server: Callable[..., Any],
    vision_client_jar: Path,
    tmp_path: Path,
) -> None:
    models, environment = journey
    config = tmp_path / "models.config"
    entries = (
        f'config {{ name: "{m}" base_path: "{models / m}" model_platform: "tensorflow" }}'
        for m in MODELS
    )
    config.write_text(f"model_config_list {{ {' '.join(entries)} }}", encoding="utf-8")
    server = start_server(
        f"--model_config_file={config}",
        "--grpc_max_threads=16",
        environment=environment,
    )
    with java_process(vision_client_jar, tmp_path / "worker.log", environment) as java:
        for model in MODELS:
            version = models / model / "1"
            with VisionClient(
                server.target, model=model, contract=version, timeout_s=PATIENCE_S
            ) as client:
                for case, contract in cases_of(version):
                    answer = client.predict(case.inputs, case.signature)
                    assert_golden(case, dict(answer), contract)
                    assert_golden(case, by_python(client, model, case, contract), contract)
            embedded = java("load", version)
            remote = java("connect", server.target, version, model)
            for number in (embedded, remote):
                for case, contract in cases_of(version):
                    assert_golden(case, by_java(java, number, model, case, contract), contract)
                java("close", number)
    server.stop()


def by_python(
    client: VisionClient, model: str, case: golden.GoldenCase, contract: contracts.Contract
) -> Tensors:
    """Ask with the typed calls."""
    (images,) = case.inputs.values()
    if model == "classifier":
        return classifications((a.probabilities, a.logits) for a in client.classify(images))
    return detections(
        [[(one.class_id, one.score, astuple(one.box)) for one in a] for a in client.detect(images)],
        contract.bound["N"],
    )


def by_java(
    java: Java, number: int, model: str, case: golden.GoldenCase, contract: contracts.Contract
) -> Tensors:
    """Ask Java, in process or over gRPC."""
    ((_, images),) = case.inputs.items()
    verb = "classify" if model == "classifier" else "detect"
    answers = java(verb, number, list(images) if case.signature == "serving_bytes" else images)
    if model == "classifier":
        return classifications((one["probabilities"], one["logits"]) for one in answers)
    return detections(
        [[(one["class"], one["score"], one["box"]) for one in found] for found in answers],
        contract.bound["N"],
    )
