"""Secrets never appear: in no message, result, row or file, however an address or a text has them.

What is thrown at it is what others write: SQLAlchemy and libpq read the addresses, MLflow's client
and urllib3 word their own errors, and a real HTTP server repeats what it was sent.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
import pytest
from psycopg import conninfo

from export import outgoing, redaction
from export.__main__ import main
from export.errors import ExportError, LineageError, SettingsError
from export.lineage import command
from export.lineage.address import file_url
from export.lineage.mlflow_mirror import MlflowMirror
from export.lineage.recording import Recording
from export.lineage.store import Store

SETTINGS = {"backbone": "mobilenet_v2", "seed": 3}
PLAIN = "hunter2Zq"  # nothing in it needs escaping
SPECIAL = "hunQx/terZq@2?wEr#x y%z"  # everything does
AWKWARD = r"hunQx 'ter\Zq"  # libpq wants it in quotes, with backslashes
BASIC = base64.b64encode(f"me:{PLAIN}".encode()).decode()

# What each must not show: any piece of the secret, or the secret in another spelling.
ADDRESSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "password": (f"postgresql://me:{PLAIN}@127.0.0.1:1/db", (PLAIN,)),
    "encoded password": (
        f"postgresql://me:{quote(SPECIAL, safe='')}@127.0.0.1:1/db",
        ("hunQx", "terZq", quote(SPECIAL, safe="")),
    ),
    "encoded in small letters": (
        "postgresql://me:hunQx%2fter%40terZq@127.0.0.1:1/db",
        ("hunQx", "terZq"),
    ),
    "unescaped @": ("postgresql://me:hunQx@terZq@127.0.0.1:1/db", ("hunQx", "terZq")),
    "several unescaped @": ("postgresql://me:@hunQx@@terZq@127.0.0.1:1/db", ("hunQx", "terZq")),
    "unescaped /": ("postgresql://me:hunQx/terZq@127.0.0.1:1/db", ("hunQx", "terZq")),
    "unescaped //": ("postgresql://me:hunQx//terZq@127.0.0.1:1/db", ("hunQx", "terZq")),
    "unescaped ?": ("postgresql://me:hunQx?terZq@127.0.0.1:1/db", ("hunQx", "terZq")),
    "unescaped #": ("postgresql://me:hunQx#terZq@127.0.0.1:1/db", ("hunQx", "terZq")),
    "unescaped :": ("postgresql://me:hunQx:terZq@127.0.0.1:1/db", ("hunQx", "terZq")),
    "space": ("postgresql://me:hunQx terZq@127.0.0.1:1/db", ("hunQx", "terZq")),
    "bad port": (f"postgresql://me:{PLAIN}@127.0.0.1:54x/db", (PLAIN,)),
    "port out of range": (f"postgresql://me:{PLAIN}@127.0.0.1:99999/db", (PLAIN,)),
    "query parameter": (f"postgresql://me@127.0.0.1:1/db?password={PLAIN}", (PLAIN,)),
    "encoded query parameter": (
        f"postgresql://me@127.0.0.1:1/db?password={quote_plus(SPECIAL)}",
        ("hunQx", "terZq"),
    ),
    "parameter of TLS": (
        f"postgresql://me@127.0.0.1:1/db?sslmode=prefer&sslpassword={PLAIN}",
        (PLAIN,),
    ),
    "mistyped parameter": (f"postgresql://me@127.0.0.1:1/db?passwordd={PLAIN}", (PLAIN,)),
    "one slash": (f"postgresql:/me:{PLAIN}@127.0.0.1:1/db", (PLAIN,)),
    "no colon": (f"postgres//me:{PLAIN}@127.0.0.1:1/db", (PLAIN,)),
    "no scheme": (f"me:{PLAIN}@127.0.0.1:1/db", (PLAIN,)),
    "another database": (f"mysql://me:{PLAIN}@127.0.0.1:1/db", (PLAIN,)),
    "keywords": (conninfo.make_conninfo(host="127.0.0.1", port=1, password=PLAIN), (PLAIN,)),
    "keywords, quoted": (
        conninfo.make_conninfo("host=127.0.0.1 port=1", password=AWKWARD),
        ("hunQx", "terZq"),
    ),
    "keywords, quotes forgotten": (
        "host=127.0.0.1 password=hunQx terZq port=1",
        ("hunQx", "terZq"),
    ),
    "keywords with spaces": (f"host = 127.0.0.1 password = {PLAIN} port = 1", (PLAIN,)),
    "http": (f"http://me:{PLAIN}@127.0.0.1:1", (PLAIN, BASIC)),
    "http with a token for a user": (f"http://{PLAIN}@127.0.0.1:1", (PLAIN,)),
    "http with a token behind": (f"http://127.0.0.1:1/mlflow?token={PLAIN}", (PLAIN,)),
    "http, bad port": (f"http://me:{PLAIN}@127.0.0.1:54x", (PLAIN,)),
    "http, unescaped @": ("http://me:hunQx@terZq@127.0.0.1:1", ("hunQx", "terZq")),
}
TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "header": (f"sent Authorization: Basic {BASIC}, received 403", (BASIC,)),
    "headers of requests": (
        str({"Authorization": f"Bearer {PLAIN}", "Accept": "*/*"}),
        (PLAIN,),
    ),
    "JSON": (json.dumps({"user": "me", "password": SPECIAL}), ("hunQx", "terZq")),
    "Python's call": (f"connect(host='db', password='{PLAIN}', port=1) failed", (PLAIN,)),
    "YAML": (f"user: me\npassword: {PLAIN}\nport: 1", (PLAIN,)),
    "urllib3": (
        f"HTTPConnectionPool(host='h', port=1): Max retries exceeded with url: /api?access_token="
        f"{PLAIN} (Caused by NewConnectionError('refused'))",
        (PLAIN,),
    ),
    "signed address": (
        f"https://bucket/weights.h5?X-Amz-Credential={PLAIN}&X-Amz-Signature={PLAIN}&x=1 is gone",
        (PLAIN,),
    ),
    "shared access signature": (f"https://blob/w.h5?sv=2024&sig={PLAIN} is gone", (PLAIN,)),
    "address of another service": (f"cannot fetch s3://key:{PLAIN}@bucket/weights.h5", (PLAIN,)),
    "token of GitHub": ("clone failed: ghp_" + "a1B2" * 9, ("ghp_", "a1B2")),
    "web token": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl rejected", ("eyJ",)),
    "private key": (
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
        ("MIIEv",),
    ),
}
FORMS = ADDRESSES | TEXTS


def test_there_are_thirty_forms_and_more() -> None:
    assert len(FORMS) >= 40


@pytest.fixture(autouse=True)
def _nothing_is_known_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each form for itself: what another test has taught is forgotten."""
    monkeypatch.setattr(redaction, "_learnt", set())


def hidden(text: str, pieces: tuple[str, ...]) -> bool:
    return not any(piece.lower() in text.lower() for piece in pieces)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one store for the runs of all forms."""
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize("form", FORMS)
def test_a_run_that_fails_with_it_leaves_no_trace_of_it(
    form: str, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the error, the settings and the log; row, record and output are clean."""
    text, pieces = FORMS[form]
    redaction.learn(text)
    settings = {**SETTINGS, "note": text, "deep": [{"inner": f"<{text}>"}]}
    with (
        pytest.raises(ExportError) as failed,
        Recording(file_url(models)).run("classifier", settings, models) as run,
    ):
        raise ExportError(f"cannot go on: {text!r} or {text}")
    outgoing.say(str(failed.value))
    traceback = (ExportError, failed.value, failed.tb)
    line = logging.LogRecord("", logging.ERROR, "", 1, "%s", (failed.value,), traceback)
    print(outgoing.Formatter().format(line))
    outgoing.answer({"error": text, "row": run.experiment.to_json()})
    out, err_out = capsys.readouterr()
    assert hidden(out + err_out, pieces), (out, err_out)
    assert "cannot go on" in run.experiment.error, "the rest of the message stays"
    for path in models.iterdir():
        if path.is_file():
            assert hidden(path.read_bytes().decode("latin-1"), pieces), path
    assert redaction.redact(redaction.redact(text)) == redaction.redact(text)


@pytest.mark.parametrize("form", ADDRESSES)
def test_a_store_that_is_refused_does_not_show_it(form: str) -> None:
    address, pieces = ADDRESSES[form]
    with pytest.raises((LineageError, SettingsError)) as refused:
        Store.open(address)
    assert hidden(str(refused.value), pieces), str(refused.value)
    assert hidden(repr(Recording(address, address)), pieces)


@pytest.mark.parametrize("form", [form for form in ADDRESSES if "http" in form or "no " in form])
def test_an_mlflow_that_is_refused_does_not_show_it(
    form: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, pieces = ADDRESSES[form]
    monkeypatch.chdir(tmp_path)  # a path is an address of MLflow's too
    caplog.handler.setFormatter(outgoing.Formatter())
    with contextlib.suppress(LineageError):
        MlflowMirror.open(address)
        pytest.fail("it was taken")
    with pytest.raises(LineageError) as refused:
        MlflowMirror.open(address)
    said = str(refused.value) + caplog.text + "".join(capfd.readouterr())
    assert hidden(said, pieces), said


class Telltale(BaseHTTPRequestHandler):
    """Refuses every request and repeats all that came with it, as debugging proxies do."""

    def do_GET(self) -> None:
        self._repeat()

    def do_POST(self) -> None:
        self._repeat()

    def _repeat(self) -> None:
        body = json.dumps(
            {
                "error_code": "PERMISSION_DENIED",
                "message": f"{self.requestline} {dict(self.headers)}",
            }
        ).encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def telltale() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Telltale)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("variables", "address", "pieces"),
    [
        ({"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": PLAIN}, "http://{}", ()),
        ({"MLFLOW_TRACKING_TOKEN": PLAIN}, "http://{}", ()),
        ({}, f"http://me:{PLAIN}@{{}}", ()),
    ],
    ids=["password", "token", "address"],
)
def test_what_an_mlflow_server_repeats_is_hidden(
    telltale: str,
    variables: dict[str, str],
    address: str,
    pieces: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LineageError, match="PERMISSION_DENIED") as refused:
        MlflowMirror.open(address.format(telltale))
    assert "/api/2.0/mlflow/experiments" in str(refused.value), "the rest stays"
    assert hidden(str(refused.value), (PLAIN, BASIC, *pieces)), str(refused.value)


def test_a_wrong_password_is_not_shown_by_a_real_server(postgres: Any) -> None:
    right = postgres.url()
    with pytest.raises(LineageError, match="password authentication failed") as refused:
        Store.open(right.replace(f":{postgres.password}@", "@") + f"?password={PLAIN}")
    assert hidden(str(refused.value), (PLAIN,))
    store = Store.open(
        right.replace(f":{postgres.password}@", "@") + f"?password={postgres.password}"
    )
    assert postgres.password not in store.url


def test_what_libpq_says_of_a_mistyped_string_is_hidden() -> None:
    """Its own words: they quote the piece that it stumbled over."""
    address = f"host=h password={PLAIN} {PLAIN} dbname=d"
    redaction.learn(address)
    with pytest.raises(psycopg.ProgrammingError) as said:
        conninfo.conninfo_to_dict(address)
    assert PLAIN in str(said.value)
    assert hidden(redaction.redact(str(said.value)), (PLAIN,))


@pytest.mark.parametrize("given", ["--lineage", "a word too many"])
def test_a_command_shows_it_nowhere(given: str, capfd: pytest.CaptureFixture[str]) -> None:
    address = f"postgresql://me:{PLAIN}@127.0.0.1:1/db"
    words = ["--lineage", address] if given == "--lineage" else [address]
    with contextlib.suppress(SystemExit):
        assert main(["lineage", "list", *words]) == 1
    said = "".join(capfd.readouterr())
    assert "postgresql" in said
    assert hidden(said, (PLAIN,)), said


def test_a_fault_of_ours_shows_it_nowhere(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback, which Python would write with the message of every exception in it."""

    def broken(_: Any) -> None:
        raise RuntimeError(f"no such host: me:{PLAIN}@db")

    monkeypatch.setattr(command, "main", broken)
    assert main(["lineage", "list"]) == 1
    said = "".join(capfd.readouterr())
    assert "Traceback" in said and "RuntimeError" in said
    assert hidden(said, (PLAIN,)), said


@pytest.mark.parametrize(
    "text",
    [
        "fe_sendauth: no password supplied",
        'FATAL:  password authentication failed for user "vision"',
        "Basic authentication is required",
        "phase 1: accuracy 0.5000, loss 0.6931 on validation",
        "https://example.com/docs#passwords says how",
        "sqlite:////srv/a:b@c/lineage.db",
        "at 12:30 mail me@example.com",
        "signature='serving_default' has no output 'scores'",
        "{'signature': 'serving_bytes', 'max_tokens': 5}",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redaction.redact(text) == text


def test_a_result_keeps_what_is_no_secret() -> None:
    result = {"signature": "serving_default", "version": 1, "path": "/models/classifier/1"}
    assert redaction.redacted(result) == result
    assert redaction.redacted({"password": PLAIN, "n": 1}) == {"password": "***", "n": 1}


def test_a_password_that_is_a_common_word_leaves_other_words_alone() -> None:
    redaction.learn("postgresql://postgres:postgres@postgres/runs")
    shown = redaction.redact("postgresql://postgres:postgres@host/runs cannot be used")
    assert shown == "postgresql://***:***@host/runs cannot be used"
