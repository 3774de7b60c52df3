"""A headless Chromium, driven over its own DevTools protocol and a pair of pipes.

Chromium speaks JSON on file descriptors 3 and 4 when asked to, each message ended by a zero byte.
That is all a test of a page needs, so there is no driver and no package between.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.running import PATIENCE_S


class Tab:
    """One page of the browser.

    Attributes:
        events: What the page did since it was opened: (method, parameters), in order.
    """

    def __init__(self, write_to: int, read_from: int) -> None:
        self._write_to, self._read_from = write_to, read_from
        self._buffer, self._last_id, self._session = b"", 0, ""
        self.events: list[tuple[str, dict[str, Any]]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write_to, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._last_id:
            self.events.append((answer["method"], answer["params"]))
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def open(self, path: Path) -> None:
        """Load a local file and wait until all of it is there."""
        self.events.clear()
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not any(method == "Page.loadEventFired" for method, _ in self.events):
            message = self._receive()
            self.events.append((message["method"], message["params"]))

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression (the page itself needs no script)."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def screenshot(self, path: Path, *, width: int = 1200, height: int | None = None) -> None:
        """Save a picture of the whole page, or of its first ``height`` pixels."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        full = self.evaluate("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": height or full, "scale": 1}
        picture = self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read_from], [], [], deadline - time.monotonic())
            assert ready, f"the browser said nothing for {PATIENCE_S:g} s"
            chunk = os.read(self._read_from, 1 << 20)
            assert chunk, "the browser ended"
            self._buffer += chunk
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)


@contextmanager
def running(program: str, profile: Path) -> Iterator[Tab]:
    """Start a browser with an empty profile; yield a page of it; end it afterwards."""
    to_browser, from_us = os.pipe()
    from_browser, to_us = os.pipe()  # read end, write end
    command = [program, "--headless=new", "--remote-debugging-pipe", "--disable-gpu"]
    command += ["--no-first-run", "--no-sandbox", "--disable-dev-shm-usage"]
    command += ["--disable-background-networking", "--disable-component-update"]
    command += [f"--user-data-dir={profile}"]
    # The shell puts the pipes where the browser looks for them.
    shell = f'exec "$@" 3<&{to_browser} 4>&{to_us}'
    process = subprocess.Popen(
        ["/bin/bash", "-c", shell, "bash", *command],
        pass_fds=(to_browser, to_us),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(to_us)
    try:
        yield Tab(from_us, from_browser)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(from_us)
        os.close(from_browser)
