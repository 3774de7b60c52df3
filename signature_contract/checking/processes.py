"""Programs that run a model: started, waited for, and how they ended in a sentence."""

from __future__ import annotations

import signal
import subprocess

TIMEOUT_S = 300.0
"""A check that takes longer is a finding, not a wait."""

_MEANINGS = {
    signal.SIGABRT: "TensorFlow gave up on it",
    signal.SIGSEGV: "it read memory that is not its own",
    signal.SIGFPE: "it divided by zero",
    signal.SIGILL: "it used an instruction that this processor does not have",
    signal.SIGKILL: "it was killed, most likely for want of memory",
}
# Lines of a stack trace and of logs that say nothing about the cause.
_NOISE = ("*** ", "    @ ", "Fatal Python error", "PC: @", "Current thread", "Extension modules")


def complete(command: list[str], timeout_s: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, or stop it."""
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",  # a model may print whatever it holds
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as err:
        text = (
            err.stdout.decode(errors="replace")
            if isinstance(err.stdout, bytes)
            else err.stdout or ""
        )
        return subprocess.CompletedProcess(command, 1, text, f"no end after {timeout_s:g} s")


def how_it_ended(done: subprocess.CompletedProcess[str]) -> str:
    """Say how a program ended that should not have: never as a stack address."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(tuple(map(str.strip, _NOISE)))]
    fatal = [line for line in said if "Check failed" in line or line.startswith("F0")]
    cause = fatal[-1].rpartition("] ")[2] if fatal else said[-1] if said else "no message"
    if done.returncode < 0:
        number = signal.Signals(-done.returncode)
        meaning = _MEANINGS.get(number, "it was told to end")
        return f"ended by {number.name} ({meaning}): {cause}"
    return f"exit {done.returncode}: {cause}"
