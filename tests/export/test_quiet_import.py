"""What TensorFlow says as it starts: its notices do not reach a user, everything else does."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.running import PATIENCE_S, REPO


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_notices_are_left_out_and_all_else_passes() -> None:
    ran = run(
        """
        import os, sys
        from export.quiet_import import quiet_tensorflow
        with quiet_tensorflow():
            os.write(2, b"I0 cudart.cc] Could not find cuda drivers on your machine, no GPU\\n")
            os.write(2, b"something else\\n")
            print("from Python", file=sys.stderr)
        print("afterwards", file=sys.stderr)
        """
    )
    assert ran.stderr.splitlines() == ["something else", "from Python", "afterwards"]


def test_what_is_said_before_a_crash_comes_through() -> None:
    ran = run(
        """
        import os
        from export.quiet_import import quiet_tensorflow
        with quiet_tensorflow():
            os.write(2, b"this processor has no AVX\\n")
            os.abort()
        """
    )
    assert ran.returncode != 0
    assert "this processor has no AVX" in ran.stderr


@pytest.mark.long
def test_tensorflow_itself_starts_without_a_word() -> None:
    ran = run(
        """
        from export.quiet_import import quiet_tensorflow
        with quiet_tensorflow():
            import tensorflow
        """
    )
    assert (ran.returncode, ran.stderr) == (0, "")
