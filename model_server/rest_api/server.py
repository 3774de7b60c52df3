"""HTTP around the REST API: a thread pool, compression, CORS, metrics and error pages.

Waitress does the protocol: it reads whole requests in one loop before a worker sees them, so slow
senders hold no worker. What a client sees is what TensorFlow Serving's libevent sends.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

import grpc
import waitress.server  # type: ignore[import-untyped]
from waitress import wasyncore

from model_server.api.in_flight import Running
from model_server.errors import ServingError, StartError
from model_server.observation.calls import TRACE_CONTEXT_KEYS, Call
from model_server.observation.observer import Observer
from model_server.rest_api.routes import RestApi, RestCall, error_text, handles, http_status

logger = logging.getLogger(__name__)

_ANY_SIZE = 2**62  # bodies are as large as clients make them; so they are there

# To hand over and send the last answers; what a slow caller has not read by the end of the grace
# period is lost.
_SENDING_S = 2.0
_POLL_S = 0.01

# What a gzip body may become; above, it is taken for empty (gzip_zlib.h).
_MAX_INFLATED_BYTES = 100 * 2**20
_GZIP_TRAILER_BYTES = 4

_JSON, _PAGE = "application/json", "text/html"
_NO_TYPE = "text/html; charset=ISO-8859-1"  # what libevent says when nobody says anything

_METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")
_ORIGIN = re.compile("https?://")
_AUTHORITY = re.compile("https?://[^/?#]*", re.IGNORECASE)
_CORS_HEADERS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, GET"),
    ("Access-Control-Allow-Headers", "Content-Type"),
]


class RestServer:
    """A listening HTTP server."""

    def __init__(
        self, api: RestApi, observer: Observer, port: int, threads: int, allow_cors: bool
    ) -> None:
        """Open the port; :meth:`start` answers.

        Raises:
            StartError: The port is taken or may not be used.
        """
        self._api = api
        self._observer = observer
        self._cors = _CORS_HEADERS if allow_cors else []
        self._pages: dict[str, Callable[[], tuple[str, str]]] = {}
        self._running = Running()
        self.port = port
        try:
            self._server = waitress.server.create_server(
                self._respond,
                sockets=[_bind(port)],
                threads=threads,
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
            raise StartError(f"cannot listen on port {port} for REST: {err.strerror}") from err
        self._thread = threading.Thread(target=self._server.run, name="rest", daemon=True)

    def add_page(self, path: str, page: Callable[[], tuple[str, str]]) -> None:
        """Answer GET ``path`` with what ``page()`` returns: content type and text."""
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
            return _Body(self._answer_or_page(environ, start_response), self._running.end)
        except BaseException:
            self._running.end()
            raise

    def _answer_or_page(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        target = _AUTHORITY.sub("", environ.get("REQUEST_URI", ""), count=1) or "/"
        path = re.split("[?#]", target, maxsplit=1)[0]
        content_type = _JSON
        extra: list[tuple[str, str]] = []
        if method not in _METHODS:
            status, content_type, text = _error_page(HTTPStatus.NOT_IMPLEMENTED)
        elif path in self._pages:
            status, content_type, text = self._page(path, target)
        elif not handles(target):
            status, content_type, text = _error_page(HTTPStatus.NOT_FOUND)
        else:
            if method == "OPTIONS":
                status, content_type, text = self._preflight(environ), _NO_TYPE, ""
            else:
                status, text = self._answer(method, target, environ)
            extra = self._cors
        body = text.encode("utf-8", "surrogateescape")
        start_response(
            f"{status} {_reason(status)}",
            [("Content-Type", content_type), ("Content-Length", str(len(body))), *extra],
        )
        return [] if method == "HEAD" else [body]

    def _page(self, path: str, target: str) -> tuple[int, str, str]:
        content_type, text = self._pages[path]()
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
                Call(api="", entrypoint="REST", seconds=0.0, code=code, message=message)
            )
        return 200 if is_asked else 400

    def _answer(self, method: str, path: str, environ: dict[str, Any]) -> tuple[int, str]:
        begin = time.perf_counter()
        call = RestCall()
        failure: ServingError | None = None
        text = ""
        try:
            text = self._api.answer(method, path, _body(environ), call)
        except ServingError as err:
            failure = err
        except Exception as err:
            logger.exception("a REST request failed")
            failure = ServingError(grpc.StatusCode.INTERNAL, f"{type(err).__name__}: {err}")
        if self._observer.is_interested(failed=failure is not None):
            self._observer.finished(
                Call(
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


class _Body:
    """An answer's body that says when the last of it is handed over to be sent."""

    def __init__(self, parts: Iterable[bytes], on_sent: Callable[[], None]) -> None:
        self._parts = parts
        self.close = on_sent  # WSGI calls it once the body is sent, or nobody takes it

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)


def _refusal(error: ServingError, start_response: Any) -> Iterable[bytes]:
    body = error_text(error).encode()
    status = http_status(error.code)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status} {_reason(status)}", headers)
    return [body]


def _bind(port: int) -> socket.socket:
    """Bind all addresses of both families, or of IPv4 alone where the machine has no IPv6.

    Raises:
        OSError: The port is taken or may not be used.
    """
    problem: OSError | None = None
    for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):  # noqa: S104
        sock: socket.socket | None = None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind((address, port))
        except OSError as err:
            problem = err
            if sock is not None:
                sock.close()
        else:
            return sock
    assert problem is not None  # noqa: S101  # one of the two was tried
    raise problem


def _body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read()
    if "gzip" not in environ.get("HTTP_CONTENT_ENCODING", ""):
        return body
    # The last bytes say how long it becomes. A body that lies, is cut short or becomes too long is
    # taken for an empty one, as there; a bomb is refused by what comes out.
    size = int.from_bytes(body[-_GZIP_TRAILER_BYTES:], "little")
    if size > _MAX_INFLATED_BYTES:
        return b""
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflate.decompress(body, size + 1)
    except zlib.error:
        return b""
    return plain if len(plain) == size and inflate.eof else b""


def _error_page(status: HTTPStatus) -> tuple[int, str, str]:
    text = (
        f"<HTML><HEAD>\n<TITLE>{status.value} {status.phrase}</TITLE>\n</HEAD>"
        f"<BODY>\n<H1>{status.phrase}</H1>\n</BODY></HTML>\n"
    )
    return status.value, _PAGE, text


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Error"
