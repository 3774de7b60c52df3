"""Our messages are TensorFlow's and TensorFlow Serving's, number by number."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protos import pool
from protos.services import MODEL_SERVICE, PREDICTION_SERVICE
from tests.protos.description import Description, describe
from tests.warm.warmth import warm_python

# No Python package ships these; TensorFlow Serving reads them from files in text format.
WITHOUT_ORIGINAL = {
    "tensorflow.serving.BatchingParameters",
    "tensorflow.serving.MonitoringConfig",
    "tensorflow.serving.PrometheusConfig",
    "tensorflow.serving.SSLConfig",
}

# Of these only the fields that somebody here sets or reads.
IN_PART = {
    "tensorflow.AttrValue",
    "tensorflow.FunctionDef",
    "tensorflow.FunctionDefLibrary",
    "tensorflow.GraphDef",
    "tensorflow.MetaGraphDef",
    "tensorflow.MetaGraphDef.MetaInfoDef",
    "tensorflow.NodeDef",
    "tensorflow.serving.SessionRunRequest",
    "tensorflow.serving.SessionRunResponse",
}


def _names() -> Iterator[str]:
    for name in pool.NAMES.values():
        yield name
        try:
            yield from _inside(pool.POOL.FindMessageTypeByName(name))
        except KeyError:
            continue  # an enumeration
    yield from (PREDICTION_SERVICE, MODEL_SERVICE)


def _inside(message: Any) -> Iterator[str]:
    for enum in message.enum_types:
        yield enum.full_name
    for nested in message.nested_types:
        yield nested.full_name
        yield from _inside(nested)


NAMES = sorted(_names())


@pytest.fixture(scope="module")
def originals() -> dict[str, Description]:
    """What TensorFlow and tensorflow-serving-api declare, by full name."""
    done = subprocess.run(
        [warm_python(), "-m", "tests.protos.originals"],
        cwd=Path(__file__).parents[2],
        input=json.dumps(NAMES),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Description] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_ORIGINAL])
def test_a_message_is_the_original(name: str, originals: dict[str, Description]) -> None:
    ours, theirs = describe(pool.POOL, name), originals[name]
    if name in IN_PART:
        assert len(ours) < len(theirs), "no longer in part"
        theirs = {field: value for field, value in theirs.items() if field in ours}
    # As text, for the order of fields is that of answers in text format and JSON.
    assert json.dumps(ours, indent=1) == json.dumps(theirs, indent=1)


def test_what_has_no_original_is_known(originals: dict[str, Description]) -> None:
    assert set(NAMES) - set(originals) == WITHOUT_ORIGINAL
