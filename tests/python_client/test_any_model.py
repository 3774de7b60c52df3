"""ModelClient against a real server of models that are not of images, with and without contract."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from python_client import (
    AnswerError,
    AsyncModelClient,
    Contract,
    ContractBrokenError,
    InputError,
    InvalidArgumentError,
    ModelClient,
    Signature,
    TensorSpec,
    VisionClient,
)
from tests.python_client.conftest import ANY_MODELS
from tests.running import PATIENCE_S

NAMES = ["doubler", "kinds", "points", "ranker", "scaler", "sentiment"]
RANKED = {"items": [[1, 2], [3, 4], [5, 6]], "wanted": [True, True, False], "weight": 0.5}

Clients = Callable[..., ModelClient]


@pytest.fixture
def ask(any_server: str, any_contracts: Mapping[str, Contract]) -> Iterator[Clients]:
    """``ask(model, contract=…)``: a client of a model, by its own contract by default."""
    clients = []

    def make(model: str, **settings: Any) -> ModelClient:
        settings = {"contract": any_contracts[model], "timeout_s": PATIENCE_S, **settings}
        clients.append(ModelClient(any_server, model=model, **settings))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def changed(
    contract: Contract, role: str, name: str, spec: TensorSpec | None, **fields: Any
) -> Contract:
    """Change one tensor of ``serving_default``; None removes it."""
    signature = contract.signature("")
    specs = {key: value for key, value in {**getattr(signature, role), name: spec}.items() if value}
    altered: Signature = replace(signature, **{role: specs})
    return replace(contract, signatures={"serving_default": altered}, **fields)


def test_every_model_keeps_its_contract(ask: Clients) -> None:
    for name in NAMES:
        metadata = ask(name).check_contract()
        assert (metadata.model, metadata.version) == (name, 1)


def test_text_in_class_names_out(ask: Clients) -> None:
    answer = ask("sentiment").predict({"text": ["so so", "überaus", b"not at all ok"]})
    assert answer["labels"].tolist() == [[b"negative", b"neutral", b"positive"]] * 3
    assert answer["scores"].argmax(1).tolist() == [2, 1, 1]


def test_several_inputs_and_scalars(ask: Clients) -> None:
    answer = ask("ranker").predict(RANKED)
    np.testing.assert_array_equal(answer["scores"], np.array([1.5, 3.5, 0], np.float32))
    assert answer["best"].tolist() == [3, 4]
    assert answer["count"].shape == ()
    assert answer["count"] == 2


def test_a_scalar_of_numpys(ask: Clients) -> None:
    arrays = {
        "items": np.array([[1, 1]]),
        "wanted": np.array([True]),
        "weight": np.float32(2),
    }
    assert ask("ranker").predict(arrays)["scores"].tolist() == [4.0]


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 1, 2), (0,)])
def test_unknown_rank(ask: Clients, shape: tuple[int, ...]) -> None:
    x = np.ones(shape, np.float32)
    np.testing.assert_array_equal(ask("doubler").predict({"x": x})["y"], 2 * x)


@pytest.mark.parametrize(
    ("dtype", "values", "as_array"),
    [
        ("int64", [1, -(2**62) - 1], np.int64),
        ("int32", [1, -(2**31)], np.int32),
        ("uint8", [0, 255], np.uint8),
        ("bool", [True, False], np.bool_),
        ("float16", [0.5, -65504.0], np.float16),
        ("bfloat16", [0.5, 3.0e38], np.float32),
        ("float64", [0.1, 1e-300], np.float64),
    ],
)
def test_dtypes(ask: Clients, dtype: str, values: list[Any], as_array: Any) -> None:
    client = ask("kinds")
    for sent in (values, np.array(values, as_array)):
        answer = client.predict({"x": sent}, dtype)["y"]
        assert answer.dtype == as_array
        if dtype == "bfloat16":  # 8 bits of mantissa
            np.testing.assert_allclose(answer, np.array(values, np.float32), rtol=2**-8)
        else:
            np.testing.assert_array_equal(answer, np.array(values, as_array))


def test_bfloat16_is_rounded_to_even(ask: Clients) -> None:
    sent = np.array([1 + 2**-8, 1 + 3 * 2**-8, np.nan], np.float32)
    answer = ask("kinds").predict({"x": sent}, "bfloat16")["y"]
    np.testing.assert_array_equal(answer, np.array([1, 1 + 2**-6, np.nan], np.float32))


def test_a_default_may_be_left_out(ask: Clients) -> None:
    client = ask("scaler")
    assert client.predict({"x": [1, 2]})["y"].tolist() == [2, 4]
    assert client.predict({"x": [1, 2], "factor": 0.5})["y"].tolist() == [0.5, 1]
    with pytest.raises(InputError, match=r'input "x": expected it to be there.*\[input-missing\]'):
        client.predict({"factor": 0.5})


def test_without_a_contract_nothing_is_checked(ask: Clients) -> None:
    client = ask("ranker", contract=None)
    assert client.contract is None
    arrays = {**RANKED, "weight": np.float32(0.5)}
    assert client.predict(arrays)["scores"].tolist() == [1.5, 3.5, 0]
    with pytest.raises(InvalidArgumentError):  # the server's words
        client.predict({**arrays, "weight": np.float64(0.5)})
    with pytest.raises(InputError, match=r"expected a contract to check model \"ranker\""):
        client.check_contract()


def test_what_a_server_declares_is_a_contract(ask: Clients) -> None:
    for name in NAMES:
        declared = ask(name, contract=None).metadata().contract()
        assert ask(name, contract=declared).check_contract().model == name
    client = ask("ranker", contract=ask("ranker", contract=None).metadata().contract())
    assert client.predict(RANKED)["count"] == 2


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"limit": 1}, r'input "limit": expected only items, wanted, weight, .*\[input-unknown\]'),
        ({"weight": None}, r'input "weight": expected it to be there.*\[input-missing\]'),
        ({"weight": [0.5]}, r"expected float32 \[\], found float32 \[1\] \[input-shape\]"),
        ({"weight": np.float64(1)}, r"found float64 \[\] \[input-dtype\][\s\S]*np.float32"),
        ({"weight": 11}, r"expected values from 0 to 10, found 11 .*\[input-range\]"),
        ({"weight": "heavy"}, r"expected float32 \[\], found string \[\] \[input-dtype\]"),
        ({"wanted": [1, 0, 1]}, r"expected bool \[-1\], found int64 \[3\]"),
        ({"items": [[0.5, 1]]}, r"expected int64 \[-1, F\], found float64 \[1, 2\]"),
        ({"items": [[1, 2], [3]]}, r"expected nested lists that form a rectangle"),
    ],
)
def test_what_the_contract_does_not_allow_is_not_sent(
    ask: Clients, inputs: Mapping[str, Any], message: str
) -> None:
    request = {**RANKED, **inputs}
    with pytest.raises(InputError, match=message):
        ask("ranker").predict({name: value for name, value in request.items() if value is not None})


def test_a_bound_dimension_binds_requests(
    ask: Clients, any_contracts: Mapping[str, Contract]
) -> None:
    contract = replace(any_contracts["ranker"], bound={"F": 2})
    with pytest.raises(InputError, match=r"expected int64 \[-1, 2\], found int64 \[1, 3\]"):
        ask("ranker", contract=contract).predict({**RANKED, "items": [[1, 2, 3]]})


def test_text_for_a_model_of_text_only(ask: Clients) -> None:
    with pytest.raises(InputError, match=r"\[input-dtype\][\s\S]*send text, as str or bytes"):
        ask("sentiment").predict({"text": np.array([1.5])})
    with pytest.raises(InputError, match=r"\[input-dtype\][\s\S]*rounded to bfloat16"):
        ask("kinds").predict({"x": np.array([1.5])}, "bfloat16")


@pytest.mark.parametrize(
    ("name", "spec", "message"),
    [
        ("list", TensorSpec("float32", (-1,)), r'"list": expected .* found nothing .*-missing\]'),
        ("count", TensorSpec("int64", ()), r"expected int64 \[\], found int32 \[\] \[answer-form"),
        ("scores", TensorSpec("float32", (-1, 1)), r"found float32 \[3\] \[answer-form\]"),
        ("best", TensorSpec("int64", (3,)), r"expected int64 \[3\], found int64 \[2\]"),
        ("scores", TensorSpec("float32", ("F",)), r"expected float32 \[2\], found float32 \[3\]"),
        (
            "scores",
            TensorSpec("float32", (-1,), value_range=(0, 1)),
            r"expected values from 0 to 1, found 1.5 at \[0\] .*\[output-range\]",
        ),
    ],
)
def test_an_answer_that_is_not_the_contracts(
    ask: Clients,
    any_contracts: Mapping[str, Contract],
    name: str,
    spec: TensorSpec,
    message: str,
) -> None:
    contract = changed(any_contracts["ranker"], "outputs", name, spec)
    with pytest.raises(AnswerError, match=message) as caught:
        ask("ranker", contract=contract).predict(RANKED)
    (difference,) = caught.value.differences
    assert name in difference.where


def test_what_was_not_asked_for_is_not_missed(ask: Clients) -> None:
    assert ask("ranker").predict(RANKED, output_filter=["best"]).keys() == {"best"}


def test_an_output_more_does_no_harm(ask: Clients, any_contracts: Mapping[str, Contract]) -> None:
    contract = changed(any_contracts["ranker"], "outputs", "count", None)
    assert ask("ranker", contract=contract).predict(RANKED).keys() == {"scores", "best", "count"}


def test_a_dimension_has_one_size_in_request_and_answer(
    ask: Clients, any_contracts: Mapping[str, Contract]
) -> None:
    """F is 2 in ``best``; a request that makes it 3 is refused by the model, not by us."""
    with pytest.raises(InvalidArgumentError):
        ask("ranker").predict({**RANKED, "items": [[1, 2, 3]] * 3})
    contract = changed(any_contracts["ranker"], "inputs", "wanted", TensorSpec("bool", ("F",)))
    with pytest.raises(InputError, match=r'"wanted": expected bool \[2\], found bool \[3\]'):
        ask("ranker", contract=contract).predict(RANKED)


@pytest.mark.parametrize("model", ["points", "sentiment"])
def test_classes_in_another_order(
    ask: Clients, any_contracts: Mapping[str, Contract], model: str
) -> None:
    contract = any_contracts[model]
    client = ask(model, contract=replace(contract, class_names=contract.class_names[::-1]))
    inputs = {"points": {"point": [[1, 0, 0, 0]]}, "sentiment": {"text": ["one"]}}[model]
    with pytest.raises(
        ContractBrokenError, match=r"serving_default class order: .*\[class-order\]"
    ):
        client.predict(inputs)
    assert client.predict(inputs, output_filter="scores")["scores"].tolist() == [[0, 1, 0]]


def test_the_check_asks_where_it_is_cheap(
    ask: Clients, any_contracts: Mapping[str, Contract]
) -> None:
    """Numbers can be made up; what a model makes of made-up text, nobody knows."""
    for model, is_noticed in (("points", True), ("sentiment", False)):
        contract = any_contracts[model]
        client = ask(model, contract=replace(contract, class_names=contract.class_names[::-1]))
        assert client.check_contract(probe=False).model == model
        if is_noticed:
            with pytest.raises(ContractBrokenError, match="class order"):
                client.check_contract()
        else:
            client.check_contract()


@pytest.mark.parametrize(
    ("model", "role", "name", "spec", "message"),
    [
        ("sentiment", "inputs", "words", TensorSpec("string", (-1,)), r"\[input-missing\]"),
        ("ranker", "inputs", "wanted", None, r'"wanted": expected only .*\[input-unknown\]'),
        ("ranker", "inputs", "weight", TensorSpec("float64", ()), r"\[input-dtype\]"),
        ("doubler", "inputs", "x", TensorSpec("float32", (-1,)), r"found float32 of unknown rank"),
        ("doubler", "outputs", "y", TensorSpec("float32", (-1,)), r"\[output-shape\]"),
        ("scaler", "inputs", "factor", TensorSpec("float32", ()), r"\[input-default\]"),
        ("ranker", "outputs", "rank", TensorSpec("int64", ()), r"\[output-missing\]"),
    ],
)
def test_a_model_that_is_not_the_contracts(
    ask: Clients,
    any_contracts: Mapping[str, Contract],
    model: str,
    role: str,
    name: str,
    spec: TensorSpec | None,
    message: str,
) -> None:
    contract = changed(any_contracts[model], role, name, spec)
    with pytest.raises(ContractBrokenError, match=message):
        ask(model, contract=contract).check_contract()


def test_asyncio(any_server: str, any_contracts: Mapping[str, Contract]) -> None:
    async def main() -> None:
        async with AsyncModelClient(
            any_server, model="ranker", contract=any_contracts["ranker"], timeout_s=PATIENCE_S
        ) as client:
            assert repr(client).startswith("<AsyncModelClient ")
            assert (await client.check_contract()).version == 1
            assert (await client.status()).available == (1,)
            answers = await asyncio.gather(*(client.predict(RANKED) for _ in range(4)))
            assert {int(answer["count"]) for answer in answers} == {2}
            with pytest.raises(InputError, match=r"\[input-shape\]"):
                await client.predict({**RANKED, "weight": [1.0]})
        reversed_names = replace(any_contracts["points"], class_names=("c", "b", "a"))
        async with AsyncModelClient(
            any_server, model="points", contract=reversed_names, timeout_s=PATIENCE_S
        ) as client:
            with pytest.raises(ContractBrokenError, match=r"\[class-order\]"):
                await client.check_contract()

    asyncio.run(main())


def test_a_vision_client_is_a_model_client(
    any_server: str, any_contracts: Mapping[str, Contract]
) -> None:
    with VisionClient(
        any_server, model="scaler", contract=any_contracts["scaler"], timeout_s=PATIENCE_S
    ) as client:
        assert isinstance(client, ModelClient)
        assert client.predict({"x": [1]})["y"].tolist() == [2]
        with pytest.raises(InputError, match=r'"scaler" to have a signature for pixels'):
            client.classify(b"\x01")


# The command.


def predict(
    target: str, model: str, *arguments: str, request: Any = None, contract: bool = False
) -> subprocess.CompletedProcess[str]:
    known = ["--contract", str(ANY_MODELS / f"{model}.json")] if contract else []
    words = ["predict", "--server", target, "--model", model, *known, *arguments]
    return subprocess.run(
        [sys.executable, "-m", "python_client", *words],
        input=request if isinstance(request, str) else json.dumps(request),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize("contract", [False, True])
@pytest.mark.parametrize(
    ("model", "arguments", "request_", "answer"),
    [
        ("ranker", (), {"inputs": RANKED}, {"scores": [1.5, 3.5, 0.0], "best": [3, 4], "count": 2}),
        ("ranker", ("--output", "best"), {"inputs": RANKED}, [3, 4]),
        ("doubler", (), {"inputs": 0.05}, 0.1),
        ("doubler", (), {"instances": [[1, 2], [3, 4]]}, [[2.0, 4.0], [6.0, 8.0]]),
        ("scaler", (), {"instances": [{"x": 1}, {"x": 2}]}, [2.0, 4.0]),
        ("scaler", (), {"instances": [1, 2]}, [2.0, 4.0]),
        ("kinds", ("--signature", "bool"), {"inputs": [True]}, [True]),
        ("kinds", (), {"signature_name": "float16", "inputs": {"x": [0.1]}}, [0.1]),
        ("kinds", ("--signature", "float64"), '{"inputs": [1e999, NaN]}', ["Infinity", "NaN"]),
        (
            "sentiment",
            (),
            {"instances": ["a b", {"b64": "/w=="}]},
            [
                {"labels": ["negative", "neutral", "positive"], "scores": scores}
                for scores in ([0.0, 0.0, 1.0], [0.0, 1.0, 0.0])
            ],
        ),
    ],
)
def test_the_command(
    any_server: str,
    model: str,
    arguments: tuple[str, ...],
    request_: Any,
    answer: Any,
    contract: bool,
) -> None:
    done = predict(any_server, model, *arguments, request=request_, contract=contract)
    assert (done.returncode, done.stderr) == (0, "")
    key = "predictions" if "instances" in request_ else "outputs"
    assert json.loads(done.stdout) == {key: answer}


def test_the_command_answers_file_by_file(any_server: str, tmp_path: Path) -> None:
    files = []
    for number, text in enumerate(['{"inputs": [1]}', '{"inputs": "one"}', "{", '{"inputs": [3]}']):
        files.append(str(tmp_path / f"{number}.json"))
        Path(files[-1]).write_text(text)
    done = predict(any_server, "scaler", *files, "nowhere.json")
    assert (done.returncode, done.stderr) == (1, "")
    first, wrong, broken, last, missing = map(json.loads, done.stdout.splitlines())
    assert (first, last) == (
        {"file": files[0], "outputs": [2.0]},
        {"file": files[3], "outputs": [6.0]},
    )
    assert "[input-dtype]" in wrong["error"]
    assert "expected a request as JSON" in broken["error"]
    assert "No such file or directory" in missing["error"]


@pytest.mark.parametrize(
    ("model", "request_", "message"),
    [
        ("ranker", [1], 'expected {"instances": [a row, …]} or {"inputs"'),
        ("ranker", {"inputs": {}, "instances": []}, 'expected {"instances": [a row, …]} or'),
        ("ranker", {"inputs": RANKED, "outputs": 1}, "received outputs"),
        ("ranker", {"inputs": [1]}, "expected the name of each input, received none"),
        ("ranker", {"inputs": RANKED, "signature_name": "rank"}, "[signature-missing]"),
        ("ranker", {"instances": []}, "expected at least one row"),
        ("ranker", {"instances": [{"items": [1, 2]}, {"wanted": True}]}, "as row 1"),
        ("sentiment", {"inputs": [{"b64": "/w"}]}, 'expected Base64 under "b64"'),
        ("sentiment", {"inputs": [{"b65": "/w=="}]}, 'expected a value or {"b64": text}'),
    ],
)
def test_the_command_refuses(any_server: str, model: str, request_: Any, message: str) -> None:
    done = predict(any_server, model, request=request_)
    assert (done.returncode, done.stderr) == (1, "")
    assert message in json.loads(done.stdout)["error"]


def test_the_command_says_how_to_ask_for_what_has_no_rows(any_server: str) -> None:
    rows = [{"items": [1, 2], "wanted": True, "weight": 0.5}]
    done = predict(any_server, "ranker", request={"instances": rows})
    assert done.returncode == 1
    assert "error" in json.loads(done.stdout)  # a weight a row: no scalar
    done = predict(any_server, "ranker", "--output", "count", request={"inputs": RANKED})
    assert json.loads(done.stdout) == {"outputs": 2}
