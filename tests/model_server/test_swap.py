"""Versions come and go, fail, and labels move while eight clients call without pause.

Every answer must be whole (its value belongs to the version it names) and no call may fail.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.model_server.conftest import RUNTIMES
from tests.running import PATIENCE_S, eventually

CLIENTS = 8


class Load:
    """Clients that call until they are stopped, and what they got."""

    def __init__(self, call: Any) -> None:
        """Start the clients; every second one asks for a label."""
        self._call = call
        self._stop = threading.Event()
        self.calls = 0
        self.failures: list[Any] = []
        self.versions: set[int] = set()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=({} if n % 2 else {"versionLabel": "stable"},))
            for n in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, spec: dict[str, str]) -> None:
        while not self._stop.is_set():
            answer = self._call.predict([0.0], **spec)
            with self._lock:
                self.calls += 1
                if answer.code != "OK":
                    self.failures.append(answer)
                    continue
                version = answer.response.model_spec.version.value
                self.versions.add(version)
                if answer.response.outputs["y"].float_val[0] != 2.0 * (version % 10):
                    self.failures.append(answer)

    def stop(self) -> None:
        """Stop the clients and wait for them."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)


@pytest.mark.long
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_call_fails_while_everything_moves(
    runtime: str,
    request: pytest.FixtureRequest,
    start_server: Callable[..., Any],
    caller: Any,
    tmp_path: Path,
) -> None:
    if runtime == "litert":
        request.getfixturevalue("embedded_only")
    toys, file, flags = {
        "tensorflow": ("scaled_toys", "saved_model.pb", []),
        "litert": ("scaled_lite_toys", "model.tflite", ["--runtime=litert"]),
    }[runtime]
    scaled_toys: Path = request.getfixturevalue(toys)
    base = tmp_path / "toy"
    base.mkdir()

    def publish(number: int) -> None:
        # Version 13 has the content of 3: its number ends with the digit its answers tell.
        shutil.copytree(scaled_toys / str(number % 10), tmp_path / "coming")
        (tmp_path / "coming").rename(base / str(number))

    publish(1)
    config = tmp_path / "models.config"

    def entry(policy: str, stable: int) -> str:
        return (
            f'name: "toy" base_path: "{base}" model_platform: "tensorflow" '
            f"model_version_policy {{ {policy} }} "
            f'version_labels {{ key: "stable" value: {stable} }}'
        )

    config.write_text(f"model_config_list {{ config {{ {entry('all {}', 1)} }} }}")
    server = start_server(
        f"--model_config_file={config}",
        "--allow_version_labels_for_unavailable_models",
        "--grpc_max_threads=32",
        "--max_num_load_retries=0",
        "--model_config_file_poll_wait_seconds=1",
        *flags,
    )
    call = caller(server.target)

    def state(number: int) -> str:
        return call.status().get(number, ("", ""))[0]

    def label() -> int:
        return int(call.predict([0.0], versionLabel="stable").response.model_spec.version.value)

    load = Load(call)
    try:
        publish(2)
        eventually(lambda: state(2) == "AVAILABLE", "version 2 loading", server)
        (base / "4").mkdir()
        (base / "4" / file).write_bytes(b"\x00broken")
        eventually(lambda: state(4) == "END", "version 4 failing", server)
        assert call.status()[4][1], "the broken version's error is missing"
        # The label moves to 2, and 1 goes.
        config.write_text(f"model_config_list {{ config {{ {entry('all {}', 2)} }} }}")
        eventually(lambda: label() == 2, "the label moving to 2", server)
        shutil.rmtree(base / "1")
        eventually(lambda: state(1) == "END", "version 1 unloading", server)
        publish(3)
        eventually(lambda: state(3) == "AVAILABLE", "version 3 loading", server)
        config.write_text(f"model_config_list {{ config {{ {entry('all {}', 3)} }} }}")
        eventually(lambda: label() == 3, "the label moving to 3", server)
        # Only the newest from now on, under a policy that changes, over and over.
        config.write_text(
            f"model_config_list {{ config {{ {entry('latest { num_versions: 2 }', 3)} }} }}"
        )
        shutil.rmtree(base / "4")
        eventually(
            lambda: state(2) == "AVAILABLE" and state(3) == "AVAILABLE", "two versions", server
        )
        publish(13)
        eventually(lambda: state(13) == "AVAILABLE", "version 13 loading", server)
        eventually(lambda: state(2) == "END", "version 2 unloading", server)
    finally:
        load.stop()
    assert load.failures == []
    assert load.calls > 100
    assert load.versions == {1, 2, 3, 13}
    assert server.stop() == 0
