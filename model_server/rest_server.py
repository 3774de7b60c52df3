"""HTTP around the REST API: a thread pool, limits, compression, metrics and 404 pages.

Waitress does the protocol: it reads whole requests in one loop before a worker sees them, so slow
senders hold no worker, and it bounds headers and bodies.
"""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

import grpc
import waitress.server  # type: ignore[import-untyped]
from waitress import wasyncore

from model_server.errors import ServingError, StartError, invalid_argument
from model_server.observation import TRACE_CONTEXT_KEYS, Call, Observer
from model_server.rest_api import RestApi, RestCall, error_text, handles, http_status
from model_server.running import Running

logger = logging.getLogger(__name__)

# Numbers in JSON grow up to sixteenfold in memory; photographs belong into gRPC or base64.
_MAX_BODY_BYTES = 64 * 2**20

# To hand over and send the last answers; what a slow caller has not read by the end of the grace
# period is lost.
_SENDING_S = 2.0
_POLL_S = 0.01

_NOT_FOUND_PAGE = (
    "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD>"
    "<BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"
)
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
                host="0.0.0.0",  # noqa: S104  # as TensorFlow Serving: a server in a container
                port=port,
                threads=threads,
                ident="model_server",
                max_request_body_size=_MAX_BODY_BYTES,
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
        logger.info("REST: listening on 0.0.0.0:%d", self.port)

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
        path = environ.get("REQUEST_URI", "").partition("?")[0]
        content_type = "application/json"
        extra: list[tuple[str, str]] = []
        if path in self._pages:
            status = 200
            content_type, text = self._pages[path]()
        elif not handles(path):
            status, content_type, text = 404, "text/html", _NOT_FOUND_PAGE
        elif method == "OPTIONS" and self._cors:
            status, text, extra = 200, "", self._cors
        else:
            status, text = self._answer(method, path, environ)
            extra = self._cors
        body = text.encode("utf-8", "surrogatepass")
        start_response(
            f"{status} {_reason(status)}",
            [("Content-Type", content_type), ("Content-Length", str(len(body))), *extra],
        )
        return [] if method == "HEAD" else [body]

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


def _body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read()
    if environ.get("HTTP_CONTENT_ENCODING", "").lower() != "gzip":
        return body
    # A bomb is refused by what comes out, not by what went in.
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflate.decompress(body, _MAX_BODY_BYTES)
    except zlib.error as err:
        raise invalid_argument(f"Failed to decompress the gzip body: {err}") from err
    if inflate.unconsumed_tail:
        raise ServingError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"the body is larger than {_MAX_BODY_BYTES} bytes when decompressed",
        )
    if not inflate.eof:
        raise invalid_argument("Failed to decompress the gzip body: it ends too early")
    return plain


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Error"
