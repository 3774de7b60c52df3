"""Which model is measured, and the request that it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import protos
from model_server.errors import UsageError
from model_server.models.record_file import read_records
from model_server.models.storage import find_versions
from signature_contract.signature import DTYPE_OF_ENUM
from signature_contract.version_files import WARMUP_FILE, extra


def find_model(models: Path, name: str) -> tuple[str, Path]:
    """Find the model to measure.

    Args:
        models: A folder of models, or one model's folder of versions.
        name: Which, when the folder holds several; empty for the only one.

    Returns:
        Its name and base path.

    Raises:
        UsageError: There is no such model, or there are several.
    """
    try:
        if find_versions(models):
            return name or models.absolute().name, models
        found = {path.name: path for path in sorted(models.iterdir()) if path.is_dir()}
        found = {key: path for key, path in found.items() if find_versions(path)}
    except OSError as err:
        raise UsageError(
            f"{models} cannot be listed: {err.strerror}; export a model first"
        ) from err
    if not found:
        raise UsageError(f"{models} holds no model: expected <model>/<version>/saved_model.pb")
    if name and name not in found:
        raise UsageError(f"--model: {models} has no {name!r}; it has {', '.join(found)}")
    if not name and len(found) > 1:
        raise UsageError(f"{models} holds several models; pick with --model: {', '.join(found)}")
    name = name or next(iter(found))
    return name, found[name]


def read_request(file: Path | None, base: Path, name: str, encoded_images_only: bool) -> bytes:
    """Return the serialized ``PredictRequest`` to send.

    Args:
        file: Where it is; None takes the first warm-up request of the newest version.
        base: The model's base path.
        name: The model's name, which the request is given.
        encoded_images_only: Take the first of which every tensor holds text, as image files are.

    Raises:
        UsageError: There is none.
    """
    versions = find_versions(base)
    warmup = extra(versions[max(versions)], WARMUP_FILE)
    try:
        if file is not None:
            requests = [protos.PredictRequest.FromString(file.read_bytes())]
        elif warmup.is_file():
            requests = _recorded_requests(warmup)
        else:
            raise UsageError(f"{warmup} does not exist; name a request with --request")
    except OSError as err:
        raise UsageError(f"--request: {file} cannot be read: {err.strerror}") from err
    except ValueError as err:  # a damaged file's, or protobuf's
        raise UsageError(f"{file or warmup} is not what it should be: {err}") from err
    if encoded_images_only:
        requests = _of_encoded_images(requests, file or warmup)
    request = requests[0]
    request.model_spec.name = name
    request.model_spec.ClearField("version_choice")
    serialized: bytes = request.SerializeToString()
    return serialized


def _recorded_requests(warmup: Path) -> list[Any]:
    logs = map(protos.PredictionLog.FromString, read_records(warmup))
    requests = [log.predict_log.request for log in logs if log.HasField("predict_log")]
    if not requests:
        raise UsageError(f"{warmup} has no Predict request; name one with --request")
    return requests


def _of_encoded_images(requests: Iterable[Any], file: Path) -> list[Any]:
    chosen = [
        request
        for request in requests
        if all(DTYPE_OF_ENUM.get(tensor.dtype) == "string" for tensor in request.inputs.values())
    ]
    if not chosen:
        raise UsageError(
            f"--encoded-images-only: {file} holds numbers, no encoded image; clients "
            "who send such tensors must not meet batching, so leave the option out"
        )
    return chosen
