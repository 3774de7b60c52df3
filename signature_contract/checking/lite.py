"""Runs a TFLite file in a process of its own; ``python -m signature_contract.checking.lite``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.checking.answers import REFUSAL, RefusedError, questions
from signature_contract.checking.programs import Report, answer_questions, first_line

Array = np.ndarray[Any, Any]


class LiteModel:
    """A TFLite file, called by its signatures; a file without any by the names of its tensors."""

    def __init__(self, path: Path) -> None:
        """Load the file."""
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._keys = self._interpreter.get_signature_list()

    def run(self, key: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one signature and return its outputs by name.

        Raises:
            RefusedError: The interpreter refuses the tensors, or fails on them.
        """
        try:
            if self._keys:
                return dict(self._interpreter.get_signature_runner(key)(**inputs))
            return self._run_unnamed(inputs)
        except (ValueError, RuntimeError, TypeError) as err:
            raise RefusedError(REFUSAL, first_line(err)) from err

    def _run_unnamed(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        details = {entry["name"]: entry["index"] for entry in self._interpreter.get_input_details()}
        for name, value in inputs.items():
            self._interpreter.resize_tensor_input(details[name], value.shape, strict=True)
        self._interpreter.allocate_tensors()
        for name, value in inputs.items():
            self._interpreter.set_tensor(details[name], value)
        self._interpreter.invoke()
        return {
            entry["name"]: self._interpreter.get_tensor(entry["index"])
            for entry in self._interpreter.get_output_details()
        }


def main() -> None:
    """Report what is found, see :mod:`signature_contract.checking.programs`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--contract", type=Path, required=True)
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--report", type=Path, required=True)
    arguments = parser.parse_args()
    contract = contracts.load(arguments.contract)
    cases = golden.load(arguments.golden, contract) if arguments.golden else []
    answer_questions(
        lambda: LiteModel(arguments.path),
        questions(contract, cases, hostile=arguments.hostile),
        contract,
        Report(arguments.report),
    )


if __name__ == "__main__":
    main()
