"""``model.tflite`` beside a version's ``saved_model.pb``, for servers that prefer it.

TensorFlow Serving (``--prefer_tflite_model``) and the embedded server run it in place of the
SavedModel. It is made while the version is being published, from the version's own graph, and is
held to the same golden answers.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.edge import checks, edge_contract
from export.edge.arguments import (
    FLOAT32,
    INT8,
    MAX_ACCURACY_LOSS,
    NONE,
    REPRESENTATIVE_IMAGES,
)
from export.edge.errors import AccuracyLossError, ConversionError
from export.edge.kind import EdgeKind
from signature_contract import golden
from signature_contract.checking.outcome import Item
from signature_contract.contract import Contract, Difference
from signature_contract.declared.tflite import carried_contract
from signature_contract.version_files import GOLDEN_FILE, TFLITE_FILE

log = logging.getLogger(__name__)

ITEM = "model.tflite"
"""Name of what :func:`verify` looks at."""

_FORM = "form"  # of the contract's parameters that the file carries


@dataclass(frozen=True)
class Beside:
    """What is put beside a version's graph.

    Attributes:
        kind: The model's.
        form: Of its ``model.tflite``: ``float32`` or ``int8``; ``none`` leaves it out.
    """

    kind: EdgeKind
    form: str

    def write(self, version: Path, contract: Contract) -> None:
        """Write the file.

        Args:
            version: The version's directory, with its graph, its contract, its golden answers and
                its record; changed.
            contract: The version's own.

        Raises:
            ConversionError: TFLite cannot carry the graph.
            AccuracyLossError: The int8 file answers worse than the SavedModel, by more than 0.02.
            DataSetError: The photographs that int8 needs are not where the training had them.
        """
        if self.form == NONE:
            return
        narrowed = self.kind.narrow(contract)
        parameters = {**narrowed.parameters, _FORM: self.form}
        narrowed = replace(narrowed, parameters=parameters)
        with tempfile.TemporaryDirectory(prefix="tflite-", dir=version.parent) as scratch:
            if self.form == INT8:
                made = self._int8(version, contract, narrowed, Path(scratch))
            else:
                made = self._float32(version, narrowed, Path(scratch))
            made.replace(version / TFLITE_FILE)

    def _float32(self, version: Path, narrowed: Contract, scratch: Path) -> Path:
        try:
            return self.kind.write(version, narrowed, [FLOAT32], [], scratch)[FLOAT32]
        except ConversionError as err:
            raise ConversionError(f"{err}; --no-tflite publishes without {TFLITE_FILE}") from err

    def _int8(self, version: Path, contract: Contract, narrowed: Contract, scratch: Path) -> Path:
        chosen = self.kind.choose(version, contract.class_names, None, REPRESENTATIVE_IMAGES)
        files = self.kind.write(version, narrowed, [INT8], chosen.representative, scratch)
        measured = checks.compare(version, contract, files, chosen.evaluation, timed_calls=1)
        runtimes: Mapping[str, Any] = measured["runtimes"]
        before, after = (runtimes[name]["accuracy"] for name in ("original", INT8))
        log.info("int8: %.4f on %d photographs, %.4f before", after, measured["images"], before)
        if before - after > MAX_ACCURACY_LOSS:
            raise AccuracyLossError(
                f"in int8 the model is right in {after:.4f} of {measured['images']} photographs "
                f"instead of {before:.4f}, more than {MAX_ACCURACY_LOSS:g} lower; publish "
                "--tflite float32, or --no-tflite"
            )
        return files[INT8]


def verify(version: Path, contract: Contract) -> Item | None:
    """Run a version's ``model.tflite`` in a fresh process without TensorFlow.

    Args:
        version: The version's directory.
        contract: The version's own.

    Returns:
        What differs from the golden answers (of a float32 file) and from the contract; None where
        there is no such file.
    """
    file = version / TFLITE_FILE
    if not file.is_file():
        return None
    carried = carried_contract(file)
    form = str(carried.parameters.get(_FORM, FLOAT32))
    cases = edge_contract.golden_cases(golden.load(version, contract), carried)
    with tempfile.TemporaryDirectory(prefix="tflite-golden-") as scratch:
        golden.save(Path(scratch) / GOLDEN_FILE, cases, contract)
        seen = checks.look(form, file, Path(scratch), version)
    differences = tuple(
        Difference("golden-answer", ITEM, "the version's own answers", problem)
        for problem in seen.problems
    )
    # Said, and not among the distances of the graph, which other kernels compute.
    farthest = ", ".join(f"{name} {value}" for name, value in seen.distances.items())
    log.info("%s lies from the golden answers: %s", TFLITE_FILE, farthest)
    return Item(ITEM, differences)
