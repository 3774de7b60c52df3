"""The process that starts the others, starts again those that end, and speaks for all of them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import grpc

import protos
from model_server.errors import ServingError, StartError, UsageError
from model_server.models.configs import ModelConfig
from model_server.models.states import State
from model_server.observation.metrics import Metrics
from model_server.options import ServerOptions
from model_server.ports import check_free, reserve
from model_server.processes import control
from model_server.processes.membership import server_config
from model_server.stopping import StopSignals

logger = logging.getLogger(__name__)

WORKER = "model_server.worker"
"""The program of a process that serves."""

# A process that ends is started again at once; one that ends soon, after a pause that doubles.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_SOON_S = 60.0

# What a process needs to end beside its running calls.
_ENDING_S = 10.0

_Answer = TypeVar("_Answer")


def run(
    options: ServerOptions,
    arguments: Sequence[str],
    configs: Sequence[ModelConfig],
    signals: StopSignals,
) -> int:
    """Serve by ``--processes`` processes until SIGTERM or SIGINT; then their running calls finish.

    The first is started alone: what is wrong is said once. The others follow when it serves.

    Args:
        options: The command line.
        arguments: The same as words, for the processes.
        configs: The models.
        signals: Tell when to stop.

    Returns:
        0 after a clean end; the exit code of the process that could not start when none serves.

    Raises:
        StartError: A port is taken, or there is no place for the sockets.
        UsageError: Processes cannot share a port here.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise UsageError("--processes: processes cannot share a port on this system")
    with contextlib.ExitStack() as stack:
        for port, purpose in ((options.port, "gRPC"), (options.rest_api_port, "REST")):
            check_free(port, purpose)
            if port:
                stack.enter_context(reserve(port, purpose))
        folder = stack.enter_context(_private_folder())
        return Supervisor(options, arguments, configs, signals, folder).run()


@contextlib.contextmanager
def _private_folder() -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="model_server-", ignore_cleanup_errors=True)
    except OSError as err:
        raise StartError(
            f"--processes needs a folder for its sockets: {err.strerror}; set TMPDIR to one that "
            "can be written"
        ) from err
    with folder as name:
        yield Path(name)


class Worker:
    """A process that serves, the one that follows it when it ends, and so on.

    Attributes:
        number: From 1.
        peer: Calls to it.
        process: The one that runs or ran last.
        serves: Whether it takes calls.
        list_count: How many lists of models there had been when it asked for the first one.
        metrics: What it had counted when it was asked last.
    """

    def __init__(self, folder: Path, number: int) -> None:
        """Prepare; nothing is started."""
        self.number = number
        self.peer = control.Peer(folder, str(number))
        self.process: subprocess.Popen[bytes] | None = None
        self.serves = False
        self.list_count = 0
        self.metrics: Any = {}


class Supervisor:
    """Starts and watches the processes, and is the :class:`Administration` of all of them."""

    def __init__(
        self,
        options: ServerOptions,
        arguments: Sequence[str],
        configs: Sequence[ModelConfig],
        signals: StopSignals,
        folder: Path,
    ) -> None:
        """Prepare; :meth:`run` starts the processes.

        Args:
            options: The command line.
            arguments: The same as words.
            configs: The models.
            signals: Tell when to stop.
            folder: For the sockets; nobody else may open it.
        """
        self._arguments = list(arguments)
        self._grace_s = options.stop_grace_seconds
        self._signals = signals
        self._folder = folder
        self._workers = [Worker(folder, number + 1) for number in range(options.processes)]
        # A reload holds one for each process for as long as models load.
        self._asking = ThreadPoolExecutor(4 * options.processes, "ask")
        self._first_serves = threading.Event()
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._exit_code = 0
        # Which models there are: held while a new list is put into force.
        self._list_lock = threading.Lock()
        self._list = server_config(list(configs))
        self._list_count = 0
        # What processes that have ended had counted.
        self._past_metrics = Metrics()
        self._metrics_lock = threading.Lock()

    def run(self) -> int:
        """Serve until it is told to stop; return the exit code."""
        server = control.ControlServer(
            self._folder,
            control.SUPERVISOR,
            self,
            {
                control.BEGIN: self._begin,
                control.READY: self._ready,
                control.METRICS_PAGE: self._metrics_page,
            },
        )
        alive, held = os.pipe()  # ends for the processes when this one does, however that happens
        self._signals.begin_serving()
        keepers = [
            threading.Thread(target=self._keep, args=(worker, alive), name=f"keep {worker.number}")
            for worker in self._workers
        ]
        for keeper in keepers:
            keeper.start()
        self._signals.wait()
        with self._starting:
            self._stopping.set()
        self._first_serves.set()
        self._stop(keepers)
        server.stop()
        self._asking.shutdown(wait=False, cancel_futures=True)
        os.close(held)
        os.close(alive)
        return self._exit_code

    def _keep(self, worker: Worker, alive: int) -> None:
        """Have a process run until the server stops."""
        if worker is not self._workers[0]:
            self._first_serves.wait()
        pause_s = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = self._run_once(worker, alive)
            served = self._retire(worker)
            if self._stopping.is_set():
                return
            if not served and not any(other.serves for other in self._workers):
                self._give_up(code)
                return
            if time.monotonic() - began > _SOON_S:
                pause_s = 0.0
            logger.error(
                "process %d ended by %s: it is started again%s",
                worker.number,
                _manner(code),
                f" in {pause_s:g} s" if pause_s else "",
            )
            self._stopping.wait(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * pause_s))

    def _run_once(self, worker: Worker, alive: int) -> int:
        with self._starting:
            if self._stopping.is_set():
                return 0
            process = worker.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", WORKER),
                    *(str(self._folder), str(worker.number), str(alive)),
                    *self._arguments,
                ],
                pass_fds=(alive,),
                process_group=0,  # Ctrl-C is this process's; the others hear of it from here
            )
        return process.wait()

    def _stop(self, keepers: Sequence[threading.Thread]) -> None:
        """End all processes, by force those that do not end."""
        processes = [worker.process for worker in self._workers if worker.process]
        for process in processes:
            process.terminate()
        end = time.monotonic() + self._grace_s + _ENDING_S
        for keeper in keepers:
            keeper.join(max(0.0, end - time.monotonic()))
        for process in processes:
            if process.poll() is None:
                logger.warning("a process did not end: it is killed")
                process.kill()
        for keeper in keepers:
            keeper.join()

    def _retire(self, worker: Worker) -> bool:
        """Forget a process that has ended, but not what it counted; tell whether it had served."""
        with self._metrics_lock:
            self._past_metrics.merge(worker.metrics)
            worker.metrics = {}
            served, worker.serves = worker.serves, False
        return served

    def _give_up(self, code: int) -> None:
        self._exit_code = code if code > 0 else 1
        if code < 0:
            logger.error("Failed to start server. Error: its process ended by %s", _manner(code))
        self._signals.request()

    def _begin(self, number: bytes) -> bytes:
        with self._list_lock:
            self._workers[int(number) - 1].list_count = self._list_count
            return self._list

    def _ready(self, number: bytes) -> bytes:
        worker = self._workers[int(number) - 1]
        with self._list_lock:
            if worker.list_count != self._list_count:  # a new list came while it was loading
                request = protos.ReloadConfigRequest(
                    config=protos.ModelServerConfig.FromString(self._list)
                )
                try:
                    worker.peer.reload(request)
                except ServingError as err:  # as the others were told; the list is in force
                    logger.warning("process %d: %s", worker.number, err.message)
            worker.serves = True
        self._first_serves.set()
        serving = sum(other.serves for other in self._workers)
        logger.info("%d of %d processes serve", serving, len(self._workers))
        return b""

    def status(self, request: Any) -> Any:
        """Answer a ``GetModelStatusRequest``: a version is as far as the last of the processes.

        Raises:
            ServingError: What all processes say.
        """
        answers, errors = self._ask(lambda worker: worker.peer.status(request))
        if not answers:
            raise errors[0]
        return merge_status(answers, len(answers) + len(errors))

    def reload(
        self,
        request: Any,
        deadline_s: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Any:
        """Answer a ``ReloadConfigRequest``: all processes have the models when it is answered.

        Raises:
            ServingError: What a process said that could not.
        """
        end = None if deadline_s is None else time.monotonic() + deadline_s
        with self._list_lock:
            left_s = None if end is None else max(0.001, end - time.monotonic())
            answers, errors = self._ask(
                lambda worker: worker.peer.reload(request, left_s, is_wanted)
            )
            # Also after an error a list may be in force: what the processes say counts.
            lists, _ = self._ask(lambda worker: worker.peer.call(control.MODELS))
            if lists and lists[0] != self._list:
                self._list = lists[0]
                self._list_count += 1
        if errors:
            raise errors[0]
        return answers[0]

    def _metrics_page(self, _: bytes) -> bytes:
        def snapshot(worker: Worker) -> tuple[Worker, Any]:
            return worker, json.loads(worker.peer.call(control.METRICS))

        answers, _errors = self._ask(snapshot)
        total = Metrics()
        with self._metrics_lock:
            for worker, counted in answers:
                if worker.serves:
                    worker.metrics = counted
            total.merge(self._past_metrics.snapshot())
            for worker in self._workers:
                total.merge(worker.metrics)
        return total.text().encode()

    def _ask(
        self, question: Callable[[Worker], _Answer]
    ) -> tuple[list[_Answer], list[ServingError]]:
        """Ask all processes that serve, side by side.

        Returns:
            The answers, and the errors of those that are there; without any, that nobody is.
        """

        def ask(worker: Worker) -> _Answer | ServingError:
            try:
                return question(worker)
            except ServingError as err:
                return err

        found = list(self._asking.map(ask, [w for w in self._workers if w.serves]))
        errors = [answer for answer in found if isinstance(answer, ServingError)]
        answers = [answer for answer in found if not isinstance(answer, ServingError)]
        # A process that is ending has no say while others have.
        errors = [err for err in errors if err.code is not grpc.StatusCode.UNAVAILABLE]
        if not answers and not errors:
            errors = [ServingError(grpc.StatusCode.UNAVAILABLE, "no process of the server answers")]
        return answers, errors


def merge_status(answers: Sequence[Any], asked: int) -> Any:
    """Join what processes say of a model's versions.

    Args:
        answers: ``GetModelStatusResponse`` messages.
        asked: How many processes were asked; one that does not answer has no version of it.

    Returns:
        One of all versions, newest first. A version that does not serve everywhere yet is in the
        least of its states, START where a process has not seen it; one that no longer does, in the
        last.
    """
    states: dict[int, list[Any]] = {}
    for answer in answers:
        for entry in answer.model_version_status:
            states.setdefault(entry.version, []).append(entry)
    merged = protos.GetModelStatusResponse()
    for _, entries in sorted(states.items(), reverse=True):
        first = min(entries, key=lambda entry: entry.state)
        last = max(entries, key=lambda entry: entry.state)
        chosen = merged.model_version_status.add()
        chosen.CopyFrom(first if first.state < State.AVAILABLE else last)
        if chosen.state <= State.AVAILABLE and len(entries) < asked:
            chosen.state = State.START
    return merged


def _manner(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
