"""The tool that people reach for, ``saved_model_cli``, as one more judge of a SavedModel."""

from __future__ import annotations

import re
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

_CLI = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
_DTYPES = {"FLOAT": "float32", "DOUBLE": "float64", "HALF": "float16"}


def show(path: Path, tags: Sequence[str], contract: Contract) -> Item:
    """Compare what ``show`` prints of a SavedModel with its contract."""
    done = complete([*_CLI, "show", "--all", "--dir", str(path)])
    if done.returncode:
        return Item(SHOW, (Difference("saved-model-cli", SHOW, "exit 0", how_it_ended(done)),))
    shown = parse_show(done.stdout, tags)
    # It prints no default values.
    return Item(SHOW, tuple(contract.differences(shown, defaults=False)))


def run(
    path: Path, tags: Sequence[str], contract: Contract, case: GoldenCase, scratch: Path
) -> Item:
    """Have ``run`` answer one request, and compare the answer.

    Args:
        path: The SavedModel.
        tags: Its graph's tags.
        contract: What it is held to.
        case: The request, with the golden answer where there is one.
        scratch: A folder that exists.
    """
    where = f"{RUN} {case}"
    signature = contract.resolved(case.signature)
    if unfit := _unfit(case, contract):
        return Item(where, skipped=unfit)
    inputs = []
    for number, (name, value) in enumerate(case.inputs.items()):
        file = scratch / f"in_{number}.npy"
        np.save(file, value)
        inputs.append(f"{name}={file}")
    command = [*_CLI, "run", "--dir", str(path), "--tag_set", ",".join(tags)]
    command += ["--signature_def", case.signature, "--inputs", ";".join(inputs)]
    done = complete([*command, "--outdir", str(scratch), "--overwrite"])
    if done.returncode:
        return Item(where, (Difference("saved-model-cli", where, "exit 0", how_it_ended(done)),))
    # Files that the tool has just written for us, so pickled text in them is ours.
    answer = {
        name: np.load(scratch / f"{name}.npy", allow_pickle=True)
        for name in signature.outputs
        if (scratch / f"{name}.npy").exists()
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
