"""A contract held against servers and TFLite files, and what is no target at all."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from signature_contract import contract as contracts
from tests.running import PATIENCE_S, free_ports
from tests.signature_contract.fixtures import Held, findings, vision_contract

Hold = Callable[[str], Held]
SERVED = ("several", "vocabulary", "defaults", "kinds")


@pytest.fixture(scope="module")
def server(
    held: Hold, start_server: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A server of other people's models, over gRPC and REST."""
    home = tmp_path_factory.mktemp("served")
    entries = []
    for name in SERVED:
        (home / name).mkdir()
        (home / name / "3").symlink_to(held(name).model)
        entries.append(
            f'config {{ name: "{name}" base_path: "{home / name}" model_platform: "tensorflow" }}'
        )
    config = home / "models.config"
    config.write_text(f"model_config_list {{ {' '.join(entries)} }}", encoding="utf-8")
    server = start_server(f"--model_config_file={config}", rest=True)
    yield server
    server.stop()


def addresses(server: Any, model: str) -> dict[str, str]:
    return {
        "gRPC": f"{server.target}/{model}",
        "gRPC, a version": f"{server.target}/{model}/3",
        "REST": f"{server.rest}/v1/models/{model}",
        "REST, a version": f"{server.rest}/v1/models/{model}/versions/3",
    }


@pytest.mark.parametrize("way", ["gRPC", "gRPC, a version", "REST", "REST, a version"])
@pytest.mark.parametrize("name", ["several", "vocabulary", "defaults"])
def test_a_served_model_keeps_the_contract_of_its_file(
    server: Any, held: Hold, name: str, way: str
) -> None:
    address = addresses(server, name)[way]
    ran = vision_contract("check", address, "--contract", held(name).contract, "--format", "json")
    assert findings(ran) == []
    assert ran.code == 0
    assert json.loads(ran.out)["golden_answers"] >= 4


def test_every_dtype_is_asked_over_grpc(server: Any, held: Hold) -> None:
    ran = vision_contract("check", f"{server.target}/kinds", "--contract", held("kinds").contract)
    assert ran.code == 0, ran.out


@pytest.mark.parametrize("way", ["gRPC", "REST"])
def test_a_first_contract_of_a_server_is_that_of_the_file(
    server: Any, held: Hold, tmp_path: Path, way: str
) -> None:
    out = tmp_path / "defaults.json"
    ran = vision_contract("init", addresses(server, "defaults")[way], "--out", out)
    assert ran.code == 0, ran.err
    assert contracts.load(out) == contracts.load(held("defaults").contract)


def test_another_model_behind_the_address_is_refused(server: Any, held: Hold) -> None:
    ran = vision_contract(
        *("check", server.target, "--name", "several", "--format", "json"),
        *("--contract", held("defaults").contract),
    )
    assert ran.code == 1
    assert ("signature-missing", 'signature "serving_default"') in findings(ran)


def test_golden_answers_of_a_server_are_recorded(server: Any, held: Hold, tmp_path: Path) -> None:
    out = tmp_path / "served.npz"
    words = ("--contract", held("several").contract, "--out", out, "--examples", "2")
    ran = vision_contract("record", f"{server.target}/several", *words)
    assert ran.code == 0, ran.err
    checked = vision_contract(
        *("check", held("several").model, "--golden", out),
        *("--contract", held("several").contract),
    )
    assert checked.code == 0, checked.out


def test_a_server_is_spared_hostile_requests(server: Any, held: Hold) -> None:
    words = ("check", f"{server.target}/several", "--contract", held("several").contract)
    ran = vision_contract(*words, "--format", "json")
    assert not [i for i in json.loads(ran.out)["items"] if i["name"].startswith("hostile")]
    asked = vision_contract(*words, "--hostile", "--format", "json")
    assert [i for i in json.loads(asked.out)["items"] if i["name"].startswith("hostile")]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nobody", "NOT_FOUND"),
        ("", "which model of"),
    ],
)
def test_a_model_that_is_not_served_is_said(
    server: Any, tmp_path: Path, path: str, words: str
) -> None:
    ran = vision_contract("init", f"{server.target}{path}", "--out", tmp_path / "a.json")
    assert ran.code == 2
    assert words in ran.err


@pytest.mark.parametrize("form", ["{host}/model", "http://{host}/v1/models/model"])
def test_a_server_that_is_not_there_is_said(tmp_path: Path, form: str) -> None:
    (port,) = free_ports(1)
    address = form.format(host=f"127.0.0.1:{port}")
    ran = vision_contract("init", address, "--out", tmp_path / "a.json")
    assert ran.code == 2
    assert str(port) in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(("file", "key"), [("model", "weigh"), ("unnamed", "serving_default")])
def test_a_tflite_file_is_held(peoples: Path, tmp_path: Path, file: str, key: str) -> None:
    model, contract = peoples / "lite_file" / f"{file}.tflite", tmp_path / "lite.json"
    assert vision_contract("init", model, "--out", contract).code == 0
    assert list(contracts.load(contract).signatures) == [key]
    recorded = vision_contract("record", model, "--contract", contract)
    assert recorded.code == 0, recorded.err
    ran = vision_contract("check", model, "--contract", contract, "--format", "json")
    assert (ran.code, findings(ran)) == (0, [])


def test_a_tflite_file_answers_as_the_model_it_was_made_of(
    peoples: Path, held: Hold, tmp_path: Path
) -> None:
    document = json.loads(held("several").contract.read_text(encoding="utf-8"))
    del document["signatures"]["add"]
    contract = tmp_path / "weigh.json"
    contract.write_text(json.dumps(document), encoding="utf-8")
    source = peoples / "lite_file" / "source"
    recorded = vision_contract("record", source, "--contract", contract)
    assert recorded.code == 0, recorded.err
    model = peoples / "lite_file" / "model.tflite"
    ran = vision_contract("check", model, "--contract", contract)
    assert ran.code == 0, ran.out
    assert "4 golden answers" in ran.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"nonsense", "is damaged, or no SavedModel"),
        (b"\x12\xff\xff\xff\xff\x0f", "does not fit into the file"),
        (b"\x08\x01", "found no graph at all"),
    ],
)
def test_a_file_that_is_no_saved_model_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "saved_model.pb").write_bytes(content)
    ran = vision_contract("init", tmp_path, "--out", tmp_path / "a.json")
    assert ran.code == 2
    assert words in ran.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"short", "is no TFLite file"),
        (b"\xff\xff\xff\x7fTFL3", "is damaged"),
        (b"\x0c\x00\x00\x00TFL3\x04\x00\x04\x00\x04\x00\x00\x00", "holds no graph"),
    ],
)
def test_a_file_that_is_no_tflite_file_is_said(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(content)
    ran = vision_contract("init", file, "--out", tmp_path / "a.json")
    assert ran.code == 2
    assert words in ran.err


def test_every_beginning_of_a_tflite_file_is_refused_or_read(peoples: Path, tmp_path: Path) -> None:
    from signature_contract.contract_errors import TargetError
    from signature_contract.declared.tflite import read_tflite

    whole = (peoples / "lite_file" / "model.tflite").read_bytes()
    file = tmp_path / "cut.tflite"
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        try:
            read_tflite(file)
        except TargetError:
            continue


def test_text_is_read_as_the_binary_file_is(held: Hold, tmp_path: Path) -> None:
    from google.protobuf import text_format

    import protos
    from signature_contract.declared.saved_model import read_saved_model

    model = held("defaults").model
    document = protos.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    (tmp_path / "saved_model.pbtxt").write_text(
        text_format.MessageToString(document), encoding="utf-8"
    )
    assert read_saved_model(tmp_path).signatures == read_saved_model(model).signatures


class Foreign(http.server.BaseHTTPRequestHandler):
    """Says that it is a REST API of a model, and answers a prediction with something else."""

    answers: ClassVar[tuple[int, bytes]] = (200, b"{}")
    metadata: ClassVar[bytes] = b""

    def do_GET(self) -> None:  # the library's name
        self.answer(200, self.metadata)

    def do_POST(self) -> None:  # the library's name
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(*self.answers)

    def answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def foreign(server: Any) -> Iterator[str]:
    """The address of such a server; its metadata are those of a real model."""
    with urllib.request.urlopen(  # noqa: S310  # our own server
        f"{server.rest}/v1/models/several/metadata", timeout=PATIENCE_S
    ) as answer:
        Foreign.metadata = answer.read()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as other:
        threading.Thread(target=other.serve_forever).start()
        yield f"http://127.0.0.1:{other.server_port}/v1/models/several"
        other.shutdown()


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (200, b"<html>"),
        (200, b"{}"),
        (200, b"null"),
        (200, b'{"outputs": {"total": [[1], 2], "used": 1}}'),
        (200, b'{"outputs": {"total": ["text"], "used": 1}}'),
        (503, b"try later"),
    ],
)
def test_a_foreign_answer_says_nothing_of_the_model(
    foreign: str, held: Hold, code: int, body: bytes
) -> None:
    Foreign.answers = code, body
    ran = vision_contract("check", foreign, "--contract", held("several").contract)
    assert ran.code == 2 or "[answer-form]" in ran.out, ran.out
    assert "Traceback" not in ran.err


def test_numbers_of_another_kind_are_not_rounded(foreign: str, held: Hold) -> None:
    Foreign.answers = 200, b'{"outputs": {"sum": [1.7], "larger": [0.5]}}'
    ran = vision_contract("check", foreign, "--contract", held("several").contract)
    assert ran.code == 1
    assert "expected int64 [-1], found float64 [1] [answer-form]" in ran.out
