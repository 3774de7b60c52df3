"""Collecting garbage at every turn while calls are answered and refused, many at a time."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

import protos
from tests.running import PATIENCE_S, REPO, free_ports

CALLS = 3_000
SERVER = """
import gc, sys
gc.set_threshold(50, 2, 2)
from model_server.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("name", ["PredictRequest", "ClassificationResponse", "SignatureDefMap"])
def test_the_classes_of_fields_outlive_their_messages(name: str) -> None:
    """A thread could get one while it was being taken apart, and end the process."""
    message = getattr(protos, name)
    waiting, fields = [message.DESCRIPTOR], {}
    while waiting:
        for field in waiting.pop().fields:
            if field.message_type and field.message_type.full_name not in fields:
                fields[field.message_type.full_name] = field.message_type
                waiting.append(field.message_type)
    alive = {key: weakref.ref(one._concrete_class) for key, one in fields.items()}
    assert alive
    for _ in range(3):
        gc.collect()
    assert not [key for key, reference in alive.items() if reference() is None]


@pytest.mark.usefixtures("embedded_only")
def test_the_server_outlives_it(lite_toys: Path, caller: Any) -> None:
    (port,) = free_ports(1)
    flags = [f"--port={port}", "--model_name=toy", f"--model_base_path={lite_toys}"]
    flags += ["--runtime=litert", "--grpc_max_threads=64", "--request_log=none"]
    target = f"127.0.0.1:{port}"
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, *flags], cwd=REPO, stderr=subprocess.PIPE
    ) as server:
        channel = grpc.insecure_channel(target)
        grpc.channel_ready_future(channel).result(PATIENCE_S)
        call = caller(target, channel)

        def ask(number: int) -> str:
            spec = {"signatureName": "nope"} if number % 3 == 0 else {}
            return str(call.predict([1.0], **spec).code)

        with ThreadPoolExecutor(24) as pool:
            codes = set(pool.map(ask, range(CALLS)))
        channel.close()
        server.terminate()
        _, log = server.communicate(timeout=PATIENCE_S)
    assert codes == {"OK", "FAILED_PRECONDITION"}, log.decode()
    assert server.returncode == 0, log.decode()
