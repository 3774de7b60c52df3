"""HTTP around the REST API: a thread pool, compression, CORS, metrics and error pages.

Waitress does the protocol: it reads whole requests in one loop before a worker sees them, so slow
senders hold no worker. What a client sees is what TensorFlow Serving's libevent sends.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import grpc
import waitress.server  # type: ignore[import-untyped]
from waitress import wasyncore

from model_server import ports
from model_server.api.in_flight import CallsInFlight
from model_server.errors import ServingError, StartError
from model_server.observation.calls import TRACE_CONTEXT_KEYS, FinishedCall
from model_server.observation.observer import Observer
from model_server.rest_api import http
from model_server.rest_api.routes import RestApi, RestRequest, error_text, handles, http_status

logger = logging.getLogger(__name__)

_ANY_SIZE = 2**62  # bodies are as large as clients make them; so they are there

# To hand over and send the last answers; what a slow caller has not read by the end of the grace
# period is lost.
_SENDING_S = 2.0
_POLL_S = 0.01

_METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")
_ORIGIN = re.compile("https?://")
_AUTHORITY = re.compile("https?://[^/?#]*", re.IGNORECASE)
_CORS_HEADERS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, GET"),
    ("Access-Control-Allow-Headers", "Content-Type"),
]


@dataclass(frozen=True)
class RestSettings:
    """Where and how the server listens.

    Attributes:
        port: TCP port on all addresses.
        threads: Requests answered at the same time.
        allows_cors: Send CORS headers.
        shares_port: Other processes of this server listen there too.
    """

    port: int
    threads: int
    allows_cors: bool = False
    shares_port: bool = False


class RestServer:
    """A listening HTTP server."""

    def __init__(self, api: RestApi, observer: Observer, settings: RestSettings) -> None:
        """Open the port; :meth:`start` answers.

        Args:
            api: Answers the requests.
            observer: Told of every finished request.
            settings: Where and how it listens.

        Raises:
            StartError: The port is taken or may not be used.
        """
        self._api = api
        self._observer = observer
        self._cors = _CORS_HEADERS if settings.allows_cors else []
        self._pages: dict[str, Callable[[], tuple[str, str]]] = {}
        self._running = CallsInFlight()
        self.port = settings.port
        try:
            self._server = waitress.server.create_server(
                self._respond,
                sockets=[ports.bind(settings.port, settings.shares_port)],
                threads=settings.threads,
                ident="model_server",
                max_request_body_size=_ANY_SIZE,
                # Bodies and answers stay in memory: a container may have no disk to write to.
                inbuf_overflow=_ANY_SIZE,
                outbuf_overflow=_ANY_SIZE,
                channel_timeout=60,
                connection_limit=1000,
                clear_untrusted_proxy_headers=True,
            )
        except OSError as err:
            raise StartError(
                f"cannot listen on port {settings.port} for REST: {err.strerror}"
            ) from err
        self._thread = threading.Thread(target=self._server.run, name="rest", daemon=True)

    def add_page(self, path: str, page: Callable[[], tuple[str, str]]) -> None:
        """Answer GET ``path`` with what ``page()`` returns or raises: content type and text."""
        self._pages[path] = page

    def start(self) -> None:
        """Answer requests from now on."""
        self._thread.start()
        logger.info("REST: listening on port %d", self.port)

    def refuse(self) -> None:
        """Accept no more connections; requests on those there are get 503."""
        self._running.refuse()
        wasyncore.dispatcher.close(self._server)  # the listening socket; connections live on

    def finish(self, timeout_s: float) -> int:
        """After :meth:`refuse`: let running requests finish, then close all connections.

        Args:
            timeout_s: Longest wait in seconds.

        Returns:
            The number of requests that did not finish; their threads run on.
        """
        end = time.monotonic() + timeout_s
        unfinished = self._running.finish(timeout_s)
        dispatcher = self._server.task_dispatcher
        while dispatcher.queue and not unfinished and time.monotonic() < end:
            time.sleep(_POLL_S)  # requests that had waited for a worker get their 503
        dispatcher.shutdown(timeout=0 if unfinished else _SENDING_S)
        # What the workers have written is sent by the loop; it ends when nothing is left to watch.
        for channel in list(self._server.active_channels.values()):
            channel.will_close = True
        self._server.trigger.pull_trigger(self._server.trigger.close)
        self._thread.join(max(_SENDING_S, end - time.monotonic()))
        return unfinished

    def _respond(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            self._running.begin()
        except ServingError as err:
            return _refusal(err, start_response)
        try:
            return http.Body(self._answer_or_page(environ, start_response), self._running.end)
        except BaseException:
            self._running.end()
            raise

    def _answer_or_page(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        target = _AUTHORITY.sub("", environ.get("REQUEST_URI", ""), count=1) or "/"
        path = re.split("[?#]", target, maxsplit=1)[0]
        content_type = http.JSON
        extra: list[tuple[str, str]] = []
        if method not in _METHODS:
            status, content_type, text = http.error_page(HTTPStatus.NOT_IMPLEMENTED)
        elif path in self._pages:
            status, content_type, text = self._page(path, target)
        elif not handles(target):
            status, content_type, text = http.error_page(HTTPStatus.NOT_FOUND)
        else:
            if method == "OPTIONS":
                status, content_type, text = self._preflight(environ), http.NO_TYPE, ""
            else:
                status, text = self._answer(method, target, environ)
            extra = self._cors
        body = text.encode("utf-8", "surrogateescape")
        start_response(
            f"{status} {http.reason(status)}",
            [("Content-Type", content_type), ("Content-Length", str(len(body))), *extra],
        )
        return [] if method == "HEAD" else [body]

    def _page(self, path: str, target: str) -> tuple[int, str, str]:
        try:
            content_type, text = self._pages[path]()
        except ServingError as err:
            return http_status(err.code), http.JSON, error_text(err)
        if target != path:
            return 400, content_type, f"Unexpected path: {target}. Should be {path}"
        return 200, content_type, text

    def _preflight(self, environ: dict[str, Any]) -> int:
        """Answer OPTIONS: only a browser asks, and a browser names the page it asks for."""
        is_asked = _ORIGIN.search(environ.get("HTTP_ORIGIN", "")) is not None
        code = "OK" if is_asked else "FAILED_PRECONDITION"
        if self._observer.is_interested(failed=not is_asked):
            message = "" if is_asked else "Origin header is missing in CORS preflight"
            self._observer.finished(
                FinishedCall(api="", entrypoint="REST", seconds=0.0, code=code, message=message)
            )
        return 200 if is_asked else 400

    def _answer(self, method: str, path: str, environ: dict[str, Any]) -> tuple[int, str]:
        begin = time.perf_counter()
        call = RestRequest()
        failure: ServingError | None = None
        text = ""
        try:
            text = self._api.answer(method, path, http.read_body(environ), call)
        except ServingError as err:
            failure = err
        except Exception as err:
            logger.exception("a REST request failed")
            failure = ServingError(grpc.StatusCode.INTERNAL, f"{type(err).__name__}: {err}")
        if self._observer.is_interested(failed=failure is not None):
            self._observer.finished(
                FinishedCall(
                    api=call.api,
                    entrypoint="REST",
                    seconds=time.perf_counter() - begin,
                    model=call.model,
                    version=call.version,
                    code=failure.code.name if failure else "OK",
                    message=failure.message if failure else "",
                    request_id=environ.get("HTTP_X_REQUEST_ID", ""),
                    signature=call.signature,
                    trace_context={
                        key: value
                        for key in TRACE_CONTEXT_KEYS
                        if (value := environ.get(f"HTTP_{key.upper()}"))
                    },
                    http_method=method,
                    http_status=http_status(failure.code) if failure else 200,
                )
            )
        if failure is not None:
            return http_status(failure.code), error_text(failure)
        return 200, text


def _refusal(error: ServingError, start_response: Any) -> Iterable[bytes]:
    body = error_text(error).encode()
    status = http_status(error.code)
    headers = [("Content-Type", http.JSON), ("Content-Length", str(len(body)))]
    start_response(f"{status} {http.reason(status)}", headers)
    return [body]
