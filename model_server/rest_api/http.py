"""HTTP as TensorFlow Serving's libevent speaks it: bodies, reasons and error pages."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

JSON, PAGE = "application/json", "text/html"
NO_TYPE = "text/html; charset=ISO-8859-1"  # what libevent says when nobody says anything

# What a gzip body may become; above, it is taken for empty (gzip_zlib.h).
_MAX_INFLATED_BYTES = 100 * 2**20
_GZIP_TRAILER_BYTES = 4


class Body:
    """An answer's body that says when the last of it is handed over to be sent."""

    def __init__(self, parts: Iterable[bytes], on_sent: Callable[[], None]) -> None:
        """Send ``parts``, then call ``on_sent``."""
        self._parts = parts
        self.close = on_sent  # WSGI calls it once the body is sent, or nobody takes it

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)


def read_body(environ: dict[str, Any]) -> bytes:
    """Return the body of a WSGI request, inflated where it is compressed."""
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


def error_page(status: HTTPStatus) -> tuple[int, str, str]:
    """Return status, content type and text of an answer to what is no request to the API."""
    text = (
        f"<HTML><HEAD>\n<TITLE>{status.value} {status.phrase}</TITLE>\n</HEAD>"
        f"<BODY>\n<H1>{status.phrase}</H1>\n</BODY></HTML>\n"
    )
    return status.value, PAGE, text


def reason(status: int) -> str:
    """Return the phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Error"
