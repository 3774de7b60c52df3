"""A version whose weights are variables, as a large network's are: everything goes on working."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

import protos
from export.publish import versions
from python_client import VisionClient
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts
from signature_contract import golden
from tests.golden_answers import assert_golden
from tests.running import PATIENCE_S, run_python

pytestmark = pytest.mark.training


def test_it_is_published_whole(published_variables: dict[str, Any]) -> None:
    version = Path(published_variables["path"])
    assert versions(version.parent) == [1]
    outputs = toolkit_contract("classifier").signature("serving_default").outputs
    for name, distance in published_variables["max_distance"].items():
        assert distance <= outputs[name].tolerance.absolute, name
    weights = version / "variables" / "variables.data-00000-of-00001"
    assert weights.stat().st_size > 8e6, "the weights are elsewhere"
    assert (version / "saved_model.pb").stat().st_size < 3e6, "and in the graph, too"
    # A server under another user must be able to read it.
    for path in [version, *version.rglob("*")]:
        assert path.stat().st_mode & 0o044 == 0o044, path


def test_a_server_answers_as_the_live_model_did_and_tells_who_made_it(
    published_variables: dict[str, Any], start_server: Callable[..., Any]
) -> None:
    version = Path(published_variables["path"])
    server = start_server("--model_name=classifier", f"--model_base_path={version.parent}")
    with VisionClient(server.target, timeout_s=PATIENCE_S) as client:

        def ask(case: golden.GoldenCase) -> dict[str, Any]:
            return client.predict(case.inputs, signature=case.signature)

        contract = contracts.load(version)
        cases = golden.load(version, contract) * 3
        with ThreadPoolExecutor(8) as pool:
            for case, answer in zip(cases, pool.map(ask, cases), strict=True):
                assert_golden(case, dict(answer), contract)

    request = protos.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "classifier"
    with grpc.insecure_channel(server.target) as channel:
        ask_metadata = channel.unary_unary(
            "/tensorflow.serving.PredictionService/GetModelMetadata",
            request_serializer=protos.GetModelMetadataRequest.SerializeToString,
            response_deserializer=protos.GetModelMetadataResponse.FromString,
        )
        declared = protos.SignatureDefMap()
        ask_metadata(request, timeout=PATIENCE_S).metadata["signature_def"].Unpack(declared)
    for signature in ("serving_default", "serving_bytes"):
        for output in declared.signature_def[signature].outputs.values():
            assert output.name.startswith(f"model_id/{published_variables['model_id']}/{signature}")
    server.stop()


def test_tflite_takes_the_weights_along(
    published_variables: dict[str, Any], photographs: Path, tmp_path: Path
) -> None:
    ran = run_python(
        *("-m", "export", "tflite", "--model", published_variables["path"], "--form", "float32"),
        *("--data", photographs, "--out", tmp_path),
    )
    assert ran.code == 0, ran.err
    (file,) = tmp_path.rglob("float32.tflite")
    assert file.stat().st_size > 8e6
