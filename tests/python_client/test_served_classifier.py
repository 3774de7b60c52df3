"""The client against a real server with a trained classifier: the golden corpus, and refusals."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from python_client import AsyncVisionClient, VisionClient, errors
from serving_config.layout import classifications
from signature_contract import contract as contracts
from signature_contract import golden
from tests.golden_answers import assert_golden
from tests.running import PATIENCE_S


@pytest.fixture
def client(classifier_server: str, published: Path) -> Iterator[VisionClient]:
    with VisionClient(classifier_server, contract=published, timeout_s=PATIENCE_S) as client:
        yield client


@pytest.fixture
def cases(published: Path) -> list[golden.GoldenCase]:
    cases = golden.load(published, contracts.load(published))
    assert {case.signature for case in cases} == {"serving_default", "serving_bytes"}
    return cases


def test_predict_gives_the_golden_answers(
    client: VisionClient, cases: list[golden.GoldenCase], published: Path
) -> None:
    contract = contracts.load(published)
    for case in cases:
        answer = client.predict(case.inputs, case.signature)
        assert_golden(case, dict(answer), contract)


def test_classify_gives_the_golden_answers(
    client: VisionClient, cases: list[golden.GoldenCase], published: Path
) -> None:
    contract = contracts.load(published)
    for case in cases:
        (images,) = case.inputs.values()
        answers = client.classify(images)
        laid_out = classifications((one.probabilities, one.logits) for one in answers)
        assert_golden(case, laid_out, contract)
        names = [name.decode() for name in case.outputs["classes"][0]]
        for row, answer in enumerate(answers):
            assert list(answer.probabilities) == list(answer.logits) == names
            assert answer.label == names[int(case.outputs["probabilities"][row].argmax())]


def test_asyncio_gives_the_golden_answers(
    classifier_server: str, published: Path, cases: list[golden.GoldenCase]
) -> None:
    async def ask() -> list[Mapping[str, Any]]:
        async with AsyncVisionClient(
            classifier_server, contract=published, timeout_s=PATIENCE_S
        ) as client:
            return await asyncio.gather(
                *(client.predict(case.inputs, case.signature) for case in cases)
            )

    for case, answer in zip(cases, asyncio.run(ask()), strict=True):
        assert_golden(case, dict(answer), contracts.load(published))


def test_pictures_of_any_sizes_in_one_go(
    client: VisionClient, cases: list[golden.GoldenCase]
) -> None:
    """Mixed files and pixels answer as one by one (batches may differ in the last digits)."""
    images = [image for case in cases for value in case.inputs.values() for image in value]
    together = client.classify(images)
    for image, answer in zip(images, together, strict=True):
        (alone,) = client.classify(image)
        for one, other in (
            (answer.logits, alone.logits),
            (answer.probabilities, alone.probabilities),
        ):
            np.testing.assert_allclose(list(one.values()), list(other.values()), 0, 1e-4)


def test_the_model_keeps_its_contract(client: VisionClient, published: Path) -> None:
    metadata = client.check_contract()
    assert metadata.version == int(published.name)
    assert client.status().available == (int(published.name),)


def test_a_contract_with_the_classes_in_another_order_is_refused(
    classifier_server: str, published: Path
) -> None:
    contract = contracts.load(published)
    swapped = contract.bind(contract.class_names[::-1])
    with VisionClient(classifier_server, contract=swapped, timeout_s=PATIENCE_S) as client:
        with pytest.raises(errors.ContractBrokenError, match="class order"):
            client.check_contract()
        with pytest.raises(errors.ContractBrokenError, match="class order"):
            client.classify(np.zeros((8, 8, 3), np.uint8))


def test_what_the_graph_refuses(client: VisionClient) -> None:
    with pytest.raises(errors.InvalidArgumentError) as caught:
        client.classify(b"this is no photograph")
    assert caught.value.signature == "serving_bytes"
    with pytest.raises(errors.InvalidArgumentError):
        client.predict({"input_tensor": np.zeros((0, 8, 8, 3), np.uint8)})
    assert client.status().available  # and it lives


def test_what_the_server_does_not_have(
    client: VisionClient, classifier_server: str, published: Path
) -> None:
    with pytest.raises(errors.NotFoundError, match="Servable not found"):
        client.classify(np.zeros((8, 8, 3), np.uint8), version=int(published.name) + 99)
    with (
        VisionClient(classifier_server, model="nobody") as stranger,
        pytest.raises(errors.NotFoundError, match='model "nobody"'),
    ):
        stranger.status()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is no picture."""
    file = tmp_path_factory.mktemp("broken") / "broken.jpg"
    file.write_bytes(b"this is no photograph")
    return file


@pytest.fixture(scope="module")
def files(photographs: Path) -> list[Path]:
    return sorted(photographs.glob("*/*"))[:3]


@pytest.fixture(scope="module")
def lines(
    classifier_server: str, published: Path, broken: Path, files: list[Path]
) -> list[dict[str, Any]]:
    """What ``classify`` prints of the broken file, and then of the photographs."""
    command = [sys.executable, "-m", "python_client", "classify", "--server", classifier_server]
    command += ["--contract", str(published), "--timeout", "60", str(broken), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_file_has_its_line(
    lines: list[dict[str, Any]], broken: Path, files: list[Path]
) -> None:
    assert [line["file"] for line in lines] == [str(broken), *map(str, files)]


def test_what_the_server_refuses_is_in_the_files_line(lines: list[dict[str, Any]]) -> None:
    assert "INVALID_ARGUMENT" in lines[0]["error"]


def test_each_class_has_its_probability_in_the_contracts_order(
    lines: list[dict[str, Any]], published: Path
) -> None:
    for answer in lines[1:]:
        assert list(answer["probabilities"]) == list(contracts.load(published).class_names)
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
