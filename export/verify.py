"""Prove that a SavedModel keeps its contract and can run, before a server ever sees it.

Three checks, each in a fresh process, side by side:

* ``saved_model_cli show``: the signatures as any outsider reads them;
* ``saved_model_cli run``: one golden request a signature through the tool people reach for;
* :mod:`export.session_check`: every golden request through the session loader that TensorFlow
  Serving and TensorFlow Java use, then requests that contradict the signature.

``show`` alone proves nothing: a model can show perfect keys and fail at its first call. This module
imports no TensorFlow, so a model that ends its process ends only a check.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ExportError
from serving_config import contract as contracts
from serving_config import golden
from serving_config.comparison import finite
from serving_config.contract import Contract, Difference, Signature, TensorSpec
from serving_config.value_range import output_range_difference
from serving_config.version_files import CONTRACT_FILE, EXTRA, GOLDEN_FILE, extra

_CLI = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
_CLI_DTYPES = {"FLOAT": "float32", "DOUBLE": "float64", "HALF": "float16"}
_LARGE_BYTES = 64 * 2**20
_TIMEOUT_S = 300.0  # a check that hangs is a finding, not a wait


@dataclass(frozen=True)
class Verification:
    """What the checks found.

    Attributes:
        path: The version's directory.
        model: The model whose contract it was compared with.
        differences: Every difference; empty when the version may be published.
        max_distance: The largest absolute difference from the golden answers, by output name, over
            all checks; empty without golden vectors.
        requests: Number of golden (or made-up) requests that ran.
    """

    path: Path
    model: str
    differences: tuple[Difference, ...]
    max_distance: Mapping[str, float]
    requests: int

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return the result as the command line prints it."""
        return {
            "path": str(self.path),
            "model": self.model,
            "ok": self.ok,
            "requests": self.requests,
            "max_distance": finite(self.max_distance),
            "differences": [str(difference) for difference in self.differences],
        }


def verify(path: Path, contract: Contract | None = None) -> Verification:
    """Run all checks on one version.

    Args:
        path: A SavedModel directory.
        contract: What to hold it to; by default the copy it carries, which must itself agree with
            the toolkit's contract of that model, or, without a copy, the contract that the
            directory above is named after.

    Returns:
        The findings; look at ``ok``.

    Raises:
        ExportError: ``path`` is no SavedModel, or no contract could be chosen.
        ContractFileError: The version's own copy cannot be read.
    """
    path = path.resolve()
    if not (path / "saved_model.pb").is_file():
        raise ExportError(f"no SavedModel at {path}: it has no saved_model.pb")
    contract = contract or contract_of(path)
    differences = contracts.load(contract.model).differences(contract.signatures)
    if differences:
        differences = [
            Difference(f"the contract copy, {d.where}", d.expected, d.found, d.available)
            for d in differences
        ]
        return Verification(path, contract.model, tuple(differences), {}, 0)
    # Each check holds the network: side by side, a large one's need more than its server does.
    beside = 1 if _size(path) > _LARGE_BYTES else 2
    with (
        tempfile.TemporaryDirectory(prefix="verify-") as scratch,
        ThreadPoolExecutor(beside) as pool,
    ):
        contract_file = Path(scratch) / CONTRACT_FILE
        contract_file.write_text(contract.to_json(), encoding="utf-8")
        session = pool.submit(_session_check, path, contract_file)
        shown = pool.submit(_show, path, contract).result()
        # What shows other signatures cannot be asked for these.
        cases = [] if shown.differences else _first_cases(path, contract)
        runs = [pool.submit(_run, path, contract, case, Path(scratch)) for case in cases]
        findings = [session.result(), shown, *(run.result() for run in runs)]
    max_distance: dict[str, float] = {}
    for finding in findings:
        for name, distance in finding.distances.items():
            max_distance[name] = max(distance, max_distance.get(name, 0.0))
    return Verification(
        path,
        contract.model,
        tuple(dict.fromkeys(d for finding in findings for d in finding.differences)),
        max_distance,
        sum(finding.requests for finding in findings),
    )


def contract_of(path: Path) -> Contract:
    """Choose the contract for a SavedModel that comes without one being named.

    Raises:
        ExportError: It carries none, and the directory above it is not named after one.
    """
    if (extra(path, CONTRACT_FILE)).is_file():
        return contracts.load(path)
    try:
        return contracts.load(path.parent.name)
    except contracts.ContractFileError as err:
        known = ", ".join(sorted(p.stem for p in contracts.CONTRACTS_DIR.glob("*.json")))
        raise ExportError(
            f"{path} carries no {EXTRA}/{CONTRACT_FILE}; "
            f"say which contract it should keep with --contract ({known}, or a file)"
        ) from err


@dataclass(frozen=True)
class _Finding:
    differences: tuple[Difference, ...] = ()
    distances: Mapping[str, float] = field(default_factory=dict)
    requests: int = 0


def _session_check(path: Path, contract_file: Path) -> _Finding:
    command = [sys.executable, "-m", "export.session_check", str(path)]
    done = _complete([*command, "--contract", str(contract_file)])
    differences: list[Difference] = []
    distances: dict[str, float] = {}
    requests = 0
    step = "start"
    for line in done.stdout.splitlines():
        message = json.loads(line)
        step = message.get("begin", step)
        for d in message.get("differences", ()):
            differences.append(
                Difference(d["where"], d["expected"], d["found"], tuple(d["available"]))
            )
        if "distances" in message:
            requests += 1
            for name, distance in message["distances"].items():
                distances[name] = max(distance, distances.get(name, 0.0))
    if done.returncode:
        differences.append(
            Difference(f"session: {step}", "the process to live", _how_it_ended(done))
        )
    return _Finding(tuple(differences), distances, requests)


def _show(path: Path, contract: Contract) -> _Finding:
    done = _complete([*_CLI, "show", "--all", "--dir", str(path)])
    if done.returncode:
        found = _how_it_ended(done)
        return _Finding((Difference("saved_model_cli show", "exit 0", found),))
    return _Finding(tuple(contract.differences(parse_show(done.stdout))))


def _size(path: Path) -> int:
    """Return the bytes of the graph and its weights."""
    files = [path / "saved_model.pb", *(path / "variables").glob("*")]
    return sum(file.stat().st_size for file in files)


def _first_cases(path: Path, contract: Contract) -> list[golden.GoldenCase]:
    if not (extra(path, GOLDEN_FILE)).is_file():
        return []  # the session check makes up requests; there is nothing to compare with here
    first: dict[str, golden.GoldenCase] = {}
    for case in golden.load(path, contract):
        first.setdefault(case.signature, case)
    return list(first.values())


def _run(path: Path, contract: Contract, case: golden.GoldenCase, scratch: Path) -> _Finding:
    where = f"saved_model_cli run {case}"
    directory = scratch / case.signature
    directory.mkdir()
    inputs = []
    for name, value in case.inputs.items():
        np.save(directory / f"in_{name}.npy", value)
        inputs.append(f"{name}={directory}/in_{name}.npy")
    command = [*_CLI, "run", "--dir", str(path), "--tag_set", "serve"]
    command += ["--signature_def", case.signature, "--inputs", ";".join(inputs)]
    done = _complete([*command, "--outdir", str(directory)])
    if done.returncode:
        return _Finding((Difference(where, "exit 0", _how_it_ended(done)),))
    # Files that the tool has just written for us, so pickled text in them is ours.
    answer = {
        name: np.load(directory / f"{name}.npy", allow_pickle=True)
        for name in contract.signature(case.signature).outputs
        if (directory / f"{name}.npy").exists()
    }
    comparison = case.compare(answer, contract)
    outside = [
        output_range_difference(f'{case} output "{name}"', spec, answer[name])
        for name, spec in contract.signature(case.signature).outputs.items()
        if name in answer
    ]
    differences = tuple(
        replace(difference, where=f"saved_model_cli run {difference.where}")
        for difference in (*comparison.differences, *filter(None, outside))
    )
    return _Finding(differences, comparison.distances, 1)


def parse_show(text: str) -> dict[str, Signature]:
    """Read the signatures out of what ``saved_model_cli show --all`` prints."""
    signatures: dict[str, Signature] = {}
    tensors: dict[str, dict[str, TensorSpec]] = {}
    tensor: tuple[dict[str, TensorSpec], str] | None = None
    dtype = ""
    for line in map(str.strip, text.splitlines()):
        if found := re.fullmatch(r"signature_def\['(.+)'\]:", line):
            tensors = {"inputs": {}, "outputs": {}}
            if found[1] != "__saved_model_init_op":
                signatures[found[1]] = Signature(tensors["inputs"], tensors["outputs"])
        elif found := re.fullmatch(r"(inputs|outputs)\['(.+)'\] tensor_info:", line):
            tensor = tensors[found[1]], found[2]
        elif found := re.fullmatch(r"dtype: DT_(\w+)", line):
            dtype = _CLI_DTYPES.get(found[1], found[1].lower())
        elif tensor and (found := re.fullmatch(r"shape: (\(.*\)|unknown_rank)", line)):
            sizes = re.findall(r"-?\d+", found[1])
            known = found[1] != "unknown_rank"
            tensor[0][tensor[1]] = TensorSpec(dtype, tuple(map(int, sizes)) if known else None)
            tensor = None
    return signatures


def _complete(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as err:
        text = err.stdout.decode() if isinstance(err.stdout, bytes) else err.stdout or ""
        return subprocess.CompletedProcess(command, 1, text, f"no end after {_TIMEOUT_S:g} s")


def _how_it_ended(done: subprocess.CompletedProcess[str]) -> str:
    last = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    cause = last[-1] if last else "no message"
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}: {cause}"
    return f"exit {done.returncode}: {cause}"
