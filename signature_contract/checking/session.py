"""Runs a SavedModel the way a server does, in a process of its own.

``tf.saved_model.load`` forgives what TensorFlow Serving and TensorFlow Java do not: a model whose
variables only the object graph knows loads and runs in Python and fails there at the first call. So
this uses the session loader. ``python -m signature_contract.checking.session`` is the program that
:mod:`signature_contract.checking.check` starts; nothing else here imports TensorFlow.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.checking.answers import RefusedError, questions
from signature_contract.checking.programs import Report, answer_questions, first_line
from signature_contract.declared.saved_model import SERVE

Array = np.ndarray[Any, Any]


class SessionModel:
    """A SavedModel loaded into a session, called without Python's own checks of the feeds.

    ``Session.run`` compares each feed with the placeholder's shape and refuses a wrong one before
    TensorFlow sees it. A server does not, so neither does this.
    """

    def __init__(self, path: Path, tags: Sequence[str] = SERVE) -> None:
        """Load the graph with these tags."""
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(path))
        self._signature_defs = meta_graph.signature_def

    def run(self, key: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run one signature and return its outputs by name; bfloat16 as float32, both ways.

        Raises:
            RefusedError: The graph answers with an error.
        """
        signature = self._signature_defs[key]
        feeds = {
            self._output(signature.inputs[name].name): _fed(value, signature.inputs[name].dtype)
            for name, value in inputs.items()
        }
        for name, default in signature.defaults.items():
            if name not in inputs:
                value = tf.make_ndarray(default)
                feeds[self._output(signature.inputs[name].name)] = value
        names = sorted(signature.outputs)
        fetches = [self._output(signature.outputs[name].name) for name in names]
        try:
            values = self._session._call_tf_sessionrun(None, feeds, fetches, [], None)
        except tf.errors.OpError as err:
            raise RefusedError(code_name(err), first_line(err)) from err
        return {name: _given(value) for name, value in zip(names, values, strict=True)}

    def _output(self, name: str) -> Any:
        return self._session.graph.get_tensor_by_name(name)._as_tf_output()


def _fed(value: Array, dtype: int) -> Array:
    return value.astype(tf.bfloat16.as_numpy_dtype) if dtype == tf.bfloat16 else value


def _given(value: Any) -> Array:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == tf.bfloat16.as_numpy_dtype else array


def code_name(err: tf.errors.OpError) -> str:
    """Return the error's gRPC code by name, for instance FAILED_PRECONDITION."""
    return str(_CODES.get(err.error_code, "UNKNOWN"))


_CODES = {
    value: name
    for name, value in vars(tf.errors).items()
    if name.isupper() and isinstance(value, int)
}


def main() -> None:
    """Report what is found, see :mod:`signature_contract.checking.programs`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--contract", type=Path, required=True)
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--tags", nargs="+", default=list(SERVE))
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--report", type=Path, required=True)
    arguments = parser.parse_args()
    tf.get_logger().setLevel(logging.ERROR)
    contract = contracts.load(arguments.contract)
    cases = golden.load(arguments.golden, contract) if arguments.golden else []
    answer_questions(
        lambda: SessionModel(arguments.path, arguments.tags),
        questions(contract, cases, hostile=arguments.hostile),
        contract,
        Report(arguments.report),
    )


if __name__ == "__main__":
    main()
