"""TFLite files in LiteRT: how a version's file is loaded, and made whole by its contract."""

from __future__ import annotations

import zipfile
from pathlib import Path

from model_server.errors import ServingError, failed_precondition, not_found
from model_server.runtimes.litert.lite_file import LiteFile
from model_server.runtimes.litert.published import published
from model_server.runtimes.runtime import LoadedModel
from signature_contract import contract as contracts
from signature_contract.contract import ContractFileError
from signature_contract.declared.tflite import carried_contract
from signature_contract.version_files import CONTRACT_FILE, TFLITE_FILE, extra


class LiteRtRuntime:
    """Loads ``model.tflite`` of versions."""

    def __init__(self, interpreters: int) -> None:
        """Keep how many calls of a version run at the same time, each on one thread."""
        self._interpreters = interpreters

    def load(self, path: Path) -> LoadedModel:
        """Load a version; see :meth:`model_server.runtimes.runtime.Runtime.load`.

        A version of this toolkit has all signatures of its contract. Any other has those that
        TensorFlow Serving reads from the file.
        """
        file = path / TFLITE_FILE
        if not file.is_file():
            raise not_found(
                f"Could not find {TFLITE_FILE} at supplied export directory path: {path}"
            )
        loaded = LiteFile(file, self._interpreters)
        if not extra(path, CONTRACT_FILE).is_file():
            return loaded
        try:
            contract = contracts.load(path)
            carried = carried_contract(file) if zipfile.is_zipfile(file) else None
            return published(loaded, contract, carried) or loaded
        except (ContractFileError, ServingError) as err:
            loaded.close()
            raise failed_precondition(str(err)) from err
