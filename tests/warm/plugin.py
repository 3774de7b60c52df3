"""Starts the warm processes of a test run.

They belong to the whole run: with several workers, to their controller. ``--cold`` does without:
every program starts in a new interpreter.
"""

from __future__ import annotations

import pytest

from tests.warm.warmth import Warmth

WARMTH = pytest.StashKey[Warmth]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--cold``."""
    parser.addoption(
        "--cold", action="store_true", help="import TensorFlow anew in every program (slow)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the processes, once a run."""
    if not config.getoption("--cold") and not hasattr(config, "workerinput"):
        warmth = config.stash[WARMTH] = Warmth()
        config.add_cleanup(warmth.end)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many imports of TensorFlow were saved."""
    if WARMTH in config.stash:
        terminalreporter.write_line(config.stash[WARMTH].started())
