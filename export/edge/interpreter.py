"""Run a TFLite file of this toolkit with LiteRT, the interpreter that devices have.

No TensorFlow here: this is what an application on a device looks like. LiteRT (the package
``ai-edge-litert``) rather than ``tf.lite.Interpreter``, which TensorFlow 2.21 still has and
announces the end of at every use.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from serving_config.tensor_names import SERVING_DEFAULT
from signature_contract.contract import ContractMismatchError, Difference, Signature, TensorSpec
from signature_contract.declared.tflite import carried_contract

Array = np.ndarray[Any, Any]


class EdgeModel:
    """A TFLite file, loaded, with the contract it carries.

    Not thread-safe: LiteRT keeps the tensors of one call in place. One instance a thread.

    Attributes:
        contract: What it takes and gives, with the class names.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load a file.

        Args:
            path: A ``.tflite`` file written by ``python -m export tflite``.
            threads: How many threads the kernels may use.

        Raises:
            ContractFileError: It carries no contract.
            ValueError: LiteRT cannot read it.
        """
        self.contract = carried_contract(path)
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._runners = {
            key: self._interpreter.get_signature_runner(key)
            for key in self._interpreter.get_signature_list()
        }

    def signatures(self) -> dict[str, Signature]:
        """Return what the file itself declares, to hold against the contract."""
        return {
            key: Signature(_specs(runner.get_input_details()), _specs(runner.get_output_details()))
            for key, runner in self._runners.items()
        }

    def run(self, inputs: Mapping[str, Array], key: str = SERVING_DEFAULT) -> dict[str, Array]:
        """Run one signature.

        A batch or an image of another size than in the call before makes LiteRT plan its memory
        again, which costs about as much as the call; equal sizes do not.

        Args:
            inputs: Tensor by name, as the contract says.
            key: The signature.

        Returns:
            Output by name; the caller's own copies.

        Raises:
            ContractMismatchError: A name, dtype, rank or fixed dimension contradicts the contract,
                or an axis is empty (LiteRT itself would say little, or answer nothing).
        """
        signature = self.contract.signature(key)
        found = {name: (str(value.dtype), value.shape) for name, value in inputs.items()}
        differences = signature.input_differences(key, found)
        differences += [
            Difference(
                "input-shape", f'{key} input "{name}"', "every axis at least 1", str(list(shape))
            )
            for name, (_, shape) in found.items()
            if 0 in shape
        ]
        if differences:
            raise ContractMismatchError("the request", differences)
        return self.run_unchecked(inputs, key)

    def run_unchecked(self, inputs: Mapping[str, Array], key: str) -> dict[str, Array]:
        """Run without comparing the inputs with the contract, as other interpreters do."""
        return dict(self._runners[key](**inputs))


def _specs(details: Mapping[str, Mapping[str, Any]]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(
            np.dtype(tensor["dtype"]).name, tuple(int(size) for size in tensor["shape_signature"])
        )
        for name, tensor in details.items()
    }
