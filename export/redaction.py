"""Passwords, tokens and keys do not leave: not in messages, results, rows or files.

Secrets come in with the addresses of databases and of MLflow, and come out where nobody expects
them: in the text of a client library's exception, decoded, encoded again, or as a header. So two
things are replaced. What is *known*, because an address or the environment held it, goes wherever
and however it is spelled; what is not known goes where it *stands as a secret*: before the ``@`` of
an address, behind ``password=``, in an ``Authorization`` header. Rather too much than too little: a
word too many that is hidden costs a look, one that is shown costs a new password.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"
"""What stands where a secret was, as SQLAlchemy writes it."""

_NAME = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|\bpwd|_pwd|secret|token(?!s)|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|credential)[\w.-]*"
)
# In an address alone: elsewhere a signature is a SavedModel's.
_PARAMETER = rf"(?:{_NAME}|sig|[\w-]*-signature)"
_QUOTED = r"'(?:[^'\\]|\\.)*(?:'|$)|\"(?:[^\"\\]|\\.)*(?:\"|$)"
_SECRET_VARIABLE = re.compile(r"(?:PASSWORD|PASSWD|TOKEN|SECRET|ACCESS_KEY|API_KEY)$")
_ADDRESS_VARIABLES = ("VISION_FORGE_LINEAGE", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
_SHORTEST_IN_ENVIRONMENT = 6  # TOKEN=1 is no secret
_SHORTEST_ANYWHERE = 4  # shorter ones are replaced where they stand as a word

_Replacement = str | Callable[[re.Match[str]], str]


def _header(found: re.Match[str]) -> str:
    """Hide what looks like credentials behind ``Basic``, not "Basic authentication failed"."""
    scheme, space, credentials = found.groups()
    if re.search(r"[\d=]", credentials) or len(credentials) >= 20:
        return f"{scheme}{space}{HIDDEN}"
    return found[0]


# In this order: what a rule leaves is what the next one sees.
_PATTERNS: tuple[tuple[re.Pattern[str], _Replacement], ...] = (
    (
        re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)", re.DOTALL),
        rf"\1{HIDDEN}\2",
    ),
    # user:password@ behind //, up to the last @ of the word: it may hold @, /, ? and # unescaped.
    (re.compile(r"(//[^\s:/@]*):\S*@"), rf"\1:{HIDDEN}@"),
    # https://TOKEN@host
    (re.compile(r"(https?://)[^\s:/@]+@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    # The same without //, as in an address that was mistyped.
    (re.compile(r"(?<![\w/])([\w.%+-]+):(?!//)\S*[^\s/]@(?=[\w.\[*-])"), rf"\1:{HIDDEN}@"),
    # Behind ? or & of an address.
    (re.compile(rf"([?&;]{_PARAMETER}=)[^\s&;#'\"]*", re.IGNORECASE), rf"\1{HIDDEN}"),
    # As libpq writes it, and Python's calls.
    (
        re.compile(
            rf"(?<![?&;\w.-])({_NAME}\s*=\s*)(?!\*\*\*)(?:{_QUOTED}|(?:\\.|[^\s'\"\\])+)", re.I
        ),
        rf"\1{HIDDEN}",
    ),
    # JSON and dictionaries, then YAML.
    (
        re.compile(rf"(([\"']){_NAME}\2\s*:\s*)(?:{_QUOTED}|[^\s,}}]+)", re.IGNORECASE),
        rf"\1\2{HIDDEN}\2",
    ),
    (
        re.compile(r"(\w*(?:password|passwd|secret|api[_-]?key)\s*:[ \t]+)\S+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"\b((?:proxy-)?authorization|x-api-key|(?:set-)?cookie)(['\"]?\s*[:=]\s*['\"]?)"
            r"[^\r\n'\"]+",
            re.IGNORECASE,
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"\b(Basic|Bearer|Token)(\s+)([\w+/=.~-]{8,})", re.IGNORECASE), _header),
    # What some services' tokens and every JSON Web Token begin with.
    (
        re.compile(
            r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|dapi|sk-|xox[abprs]-)[\w-]{16,}"
            r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\bAKIA[0-9A-Z]{16}\b"
        ),
        HIDDEN,
    ),
)

# Secrets of addresses that this process was given, each with the user that it belongs to.
_learnt: set[tuple[str, str]] = set()


def learn(address: str) -> None:
    """Remember the secrets of an address, so that :func:`redact` knows them from now on.

    Args:
        address: A URL, libpq's ``keyword=value`` form, or something that was meant to be one.
    """
    _learnt.update(_secrets_of(address))


def redact(text: str) -> str:
    """Return a text without secrets.

    Args:
        text: A message, an address, a traceback, a cell of a row.

    Returns:
        The text with each secret replaced by :data:`HIDDEN`. Redacting again changes nothing.
    """
    if known := _known(frozenset(_learnt | {*_from_environment()})):
        text = known.sub(HIDDEN, text)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redacted(value: Any) -> Any:
    """Return JSON without secrets: every string in it redacted, and what a secret's name holds."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            key: HIDDEN
            if isinstance(item, str) and item and _is_secrets_name(str(key))
            else redacted(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value


@functools.lru_cache(maxsize=1024)
def _is_secrets_name(name: str) -> bool:
    return bool(re.fullmatch(_NAME, name, re.IGNORECASE))


def _secrets_of(address: str) -> Iterator[tuple[str, str]]:
    """Yield user and secret of every reading of an address: the right one is among them."""
    if address.startswith("sqlite:"):
        return  # a file, which has no password
    scheme, there, rest = address.partition("//")
    if not there:
        scheme, rest = "", address
    # The address may be wrong: each @ may be the one that ends the password.
    for end in (found.start() for found in re.finditer("@", rest)):
        user, colon, password = rest[:end].partition(":")
        if colon and password:
            yield unquote(user), password
        elif there and scheme.lower().startswith("http"):
            yield "", user  # a token in the user's place
    for found in re.finditer(rf"[?&;]{_PARAMETER}=([^&#]*)", address, re.IGNORECASE):
        yield "", found[1]
    keyword = rf"(?<![?&;\w.-]){_NAME}\s*=\s*({_QUOTED}|(?:\\.|[^\s'\"\\])+)"
    for found in re.finditer(keyword, address, re.IGNORECASE):
        value = found[1].strip("'\"")
        yield "", value
        yield "", re.sub(r"\\(.)", r"\1", value)
    # A value with a space that should have been quoted ends at the next keyword.
    for found in re.finditer(rf"{_NAME}\s*=\s*([^'\"].*?)(?=\s+\w+\s*=|$)", address, re.IGNORECASE):
        yield "", found[1]


def _from_environment() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_IN_ENVIRONMENT:
            yield "", value
    for name in _ADDRESS_VARIABLES:
        if address := os.environ.get(name):
            yield from _secrets_of(address)


@functools.lru_cache(maxsize=16)
def _known(secrets: frozenset[tuple[str, str]]) -> re.Pattern[str] | None:
    """Return what finds any of some secrets, the longest spelling first; None where none is."""
    spellings = {
        spelling
        for user, secret in secrets
        for spelling in _spellings(user, secret)
        if spelling.strip() and spelling != HIDDEN
    }
    if not spellings:
        return None
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    return re.compile("|".join(map(_found_as, longest_first)), re.IGNORECASE)


def _found_as(spelling: str) -> str:
    """Return the expression for a spelling: a word's must not be part of a longer word."""
    escaped = re.escape(spelling)
    if spelling.isalpha():
        return rf"(?<![A-Za-z]){escaped}(?![A-Za-z])"
    if len(spelling) < _SHORTEST_ANYWHERE:
        return rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"
    return escaped


def _spellings(user: str, secret: str) -> Iterator[str]:
    for plain in {secret, unquote(secret), unquote_plus(secret)}:
        encoded = quote(plain, safe="")
        yield from _quoted({plain, encoded, quote(plain), quote_plus(plain), quote(encoded)})
        for credentials in (plain, f"{user}:{plain}"):
            raw = credentials.encode("utf-8", "surrogateescape")
            for coded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
                if len(plain) >= _SHORTEST_ANYWHERE:
                    yield coded.decode().rstrip("=")


def _quoted(spellings: Iterable[str]) -> Iterator[str]:
    """Yield spellings as they are, and as Python, JSON, HTML and libpq write them in quotes."""
    for spelling in spellings:
        yield spelling
        yield repr(spelling)[1:-1]
        yield json.dumps(spelling)[1:-1]
        yield html.escape(spelling)
        yield spelling.replace("\\", "\\\\").replace("'", "\\'")
