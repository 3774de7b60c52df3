"""The tool that people reach for, ``saved_model_cli``, as one more judge of a SavedModel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from signature_contract.answer_form import answer_differences
from signature_contract.checking.outcome import Item
from signature_contract.checking.processes import complete, how_it_ended
from signature_contract.contract import Contract, Difference, Signature, TensorSpec
from signature_contract.golden import GoldenCase

SHOW = "saved_model_cli show"
RUN = "saved_model_cli run"

_PROGRAM = [sys.executable, "-m", "signature_contract.checking.cli_commands"]
_DTYPES = {"FLOAT": "float32", "DOUBLE": "float64", "HALF": "float16"}


def look(
    path: Path,
    tags: Sequence[str],
    contract: Contract,
    cases: Sequence[GoldenCase],
    scratch: Path,
) -> list[Item]:
    """Compare what ``show`` prints of a SavedModel, and what ``run`` answers, with its contract.

    Args:
        path: The SavedModel.
        tags: Its graph's tags.
        contract: What it is held to.
        cases: Requests for ``run``, with the golden answers where there are any.
        scratch: A folder that exists and is empty.

    Returns:
        An item of ``show``; where it shows the signatures of the contract, one of each case as
        well: others cannot be asked for these.
    """
    unfit = [_unfit(case, contract) for case in cases]
    folders = [scratch / str(number) for number in range(len(cases))]
    commands = [["show", "--all", "--dir", str(path)]]
    for case, folder, reason in zip(cases, folders, unfit, strict=True):
        if not reason:
            folder.mkdir()
            commands.append(_run_command(path, tags, case, folder))
    ends = iter(_complete(commands, scratch))
    shown = _shown(next(ends), tags, contract)
    if shown.differences:
        return [shown]
    runs = [
        Item(f"{RUN} {case}", skipped=reason)
        if reason
        else _answered(next(ends), contract, case, folder)
        for case, folder, reason in zip(cases, folders, unfit, strict=True)
    ]
    return [shown, *runs]


def _complete(
    commands: Sequence[Sequence[str]], scratch: Path
) -> list[subprocess.CompletedProcess[str]]:
    """Run commands of the tool in one process; after one that ends it the others in another."""
    ends: list[subprocess.CompletedProcess[str]] = []
    while len(ends) < len(commands):
        file, report = scratch / "commands.json", scratch / f"report_{len(ends)}.jsonl"
        file.write_text(json.dumps(commands[len(ends) :]), encoding="utf-8")
        report.touch()
        done = complete([*_PROGRAM, str(file), str(report)])
        for line in report.read_text(encoding="utf-8").splitlines():
            end = json.loads(line)
            ends.append(subprocess.CompletedProcess("", end["code"], end["stdout"], end["stderr"]))
        if len(ends) < len(commands):
            # The next one ended the process.
            ends.append(subprocess.CompletedProcess("", done.returncode or 1, "", done.stderr))
    return ends


def _shown(done: subprocess.CompletedProcess[str], tags: Sequence[str], contract: Contract) -> Item:
    if done.returncode:
        return Item(SHOW, (Difference("saved-model-cli", SHOW, "exit 0", how_it_ended(done)),))
    shown = parse_show(done.stdout, tags)
    # It prints no default values.
    return Item(SHOW, tuple(contract.differences(shown, defaults=False)))


def _run_command(path: Path, tags: Sequence[str], case: GoldenCase, folder: Path) -> list[str]:
    inputs = []
    for number, (name, value) in enumerate(case.inputs.items()):
        file = folder / f"in_{number}.npy"
        np.save(file, value)
        inputs.append(f"{name}={file}")
    command = ["run", "--dir", str(path), "--tag_set", ",".join(tags)]
    command += ["--signature_def", case.signature, "--inputs", ";".join(inputs)]
    return [*command, "--outdir", str(folder), "--overwrite"]


def _answered(
    done: subprocess.CompletedProcess[str], contract: Contract, case: GoldenCase, folder: Path
) -> Item:
    where = f"{RUN} {case}"
    if done.returncode:
        return Item(where, (Difference("saved-model-cli", where, "exit 0", how_it_ended(done)),))
    # Files that the tool has just written for us, so pickled text in them is ours.
    answer = {
        name: np.load(folder / f"{name}.npy", allow_pickle=True)
        for name in contract.resolved(case.signature).outputs
        if (folder / f"{name}.npy").exists()
    }
    comparison = case.compare(answer, contract)
    compared = comparison.differences if case.outputs else ()
    formed = answer_differences(str(case), case.signature, answer, contract)
    differences = tuple(
        replace(difference, where=f"{RUN} {difference.where}")
        for difference in dict.fromkeys((*compared, *formed))
    )
    return Item(where, differences, distances=comparison.distances)


def _unfit(case: GoldenCase, contract: Contract) -> str:
    """Say why the tool's command line cannot carry a request; empty when it can."""
    signature = contract.signature(case.signature)
    if not case.inputs:
        return "saved_model_cli run asks for at least one input"
    if missing := [name for name in signature.inputs if name not in case.inputs]:
        return f"saved_model_cli run cannot leave out {', '.join(missing)}"
    specs = (*signature.inputs.values(), *signature.outputs.values())
    if any(spec.dtype == "bfloat16" for spec in specs):
        return "NumPy's files, which saved_model_cli run reads, have no bfloat16"
    if any(re.search(r"[=;\[/]", name) for name in (*signature.inputs, *signature.outputs)):
        return "saved_model_cli run reads =, ;, [ and / in a name as its own"
    return ""


def parse_show(text: str, tags: Sequence[str] = ("serve",)) -> dict[str, Signature]:
    """Read the signatures out of what ``saved_model_cli show --all`` prints.

    Args:
        text: What it printed.
        tags: The graph; where the text names no graph's tags, all of it counts.
    """
    signatures: dict[str, Signature] = {}
    tensors: dict[str, dict[str, TensorSpec]] = {}
    tensor: tuple[dict[str, TensorSpec], str] | None = None
    dtype = ""
    ours = True
    for line in map(str.strip, text.splitlines()):
        if found := re.fullmatch(r"MetaGraphDef with tag-set: '(.*)' contains .*", line):
            ours = {tag.strip() for tag in found[1].split(",")} == set(tags)
        elif found := re.fullmatch(r"signature_def\['(.+)'\]:", line):
            tensors = {"inputs": {}, "outputs": {}}
            if ours and found[1] != "__saved_model_init_op":
                signatures[found[1]] = Signature(tensors["inputs"], tensors["outputs"])
        elif found := re.fullmatch(r"(inputs|outputs)\['(.+)'\] tensor_info:", line):
            tensor = tensors[found[1]], found[2]
        elif found := re.fullmatch(r"dtype: DT_(\w+)", line):
            dtype = _DTYPES.get(found[1], found[1].lower())
        elif tensor and (found := re.fullmatch(r"shape: (\(.*\)|unknown_rank)", line)):
            sizes = re.findall(r"-?\d+", found[1])
            known = found[1] != "unknown_rank"
            tensor[0][tensor[1]] = TensorSpec(dtype, tuple(map(int, sizes)) if known else None)
            tensor = None
    return signatures
