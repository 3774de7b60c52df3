"""Starts the warm processes of a test run.

They belong to the whole run: with several workers, to their controller. ``--cold`` does without:
every program starts in a new interpreter.
"""

from __future__ import annotations

import pytest

from tests.warm.warmth import Warmth


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--cold``."""
    parser.addoption(
        "--cold", action="store_true", help="import TensorFlow anew in every program (slow)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the processes, once a run."""
    if not config.getoption("--cold") and not hasattr(config, "workerinput"):
        warmth = Warmth()
        config.add_cleanup(warmth.end)
