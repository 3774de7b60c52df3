"""What TensorFlow, or a server with it, says of an input that it refuses, in plain words.

Java's ``io.thecodeforge.ml.answer.Refusal`` reads by the same rule; one file of cases holds both.
"""

from __future__ import annotations

import re
from enum import Enum

_NODE = re.compile(r"\s*\{\{(?:function_)?node [^}]*\}\}")
_NODE_STACK = re.compile(r"\s*\[\[.*")
_SEVERAL = re.compile(r"^\d+ root error\(s\) found\.\s+\(0\)\s+(?:[A-Z_]+: )?(.*)")
_ASSERTION = re.compile(r"assertion failed: (\[.*\])")
_PART = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]")
_SIGNATURE = re.compile(
    r"does not match signature|input alias|tensor alias not found|Expects arg\[\d+\] to be"
    r"|tensor parsing error|Serving signature key .* not found|incompatible with expected"
    r"|must be uint8 \[batch|must be a vector of at least one"
)
_IMAGE = re.compile(r"JPEG|PNG|GIF|BMP|WebP|[Ii]mage file|an image may have|DecodeImage")


class About(Enum):
    """What a refusal is about."""

    IMAGE = "an image that cannot be decoded"
    SIGNATURE = "a signature that is another than the one that was asked"
    INPUT = "anything else"


def plain(said: str) -> str:
    """Leave out the names of the graph's nodes and the brackets of an assertion.

    Args:
        said: TensorFlow's own words.

    Returns:
        The first error, in one line.
    """
    if not said.strip():
        return "(no message)"
    several = _SEVERAL.search(said)
    line = several[1] if several else said.strip().splitlines()[0]
    line = _NODE_STACK.sub("", _NODE.sub("", line)).strip()
    if assertion := _ASSERTION.search(line):
        words = " ".join(part.strip() for part in _PART.findall(assertion[1]))
        line = line[: assertion.start()] + words
    return line or "(no message)"


def about(said: str) -> About:
    """Tell what a refusal is about, from TensorFlow's own words."""
    if _SIGNATURE.search(said):
        return About.SIGNATURE
    return About.IMAGE if _IMAGE.search(said) else About.INPUT
