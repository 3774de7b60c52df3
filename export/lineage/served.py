"""Which run made what a server answers with now.

The number that a server tells says little (see :mod:`export.lineage.identity`), so the graph's own
id is asked for. And since a graph could be stamped and then changed, the server is asked one of the
version's golden requests too, where the version's directory can be read from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf

from export.errors import LineageError
from export.lineage import identity
from export.lineage.schema import Experiment
from export.lineage.store import Store
from export.server_process import CONNECT_TIMEOUT_S, ServerError
from protos import GetModelMetadataRequest, PredictRequest, SignatureDefMap
from protos.services import PREDICTION_SERVICE, Stub
from signature_contract import contract as contracts
from signature_contract import golden
from signature_contract.contract import ContractError

_TIMEOUT_S = 30.0
_LARGEST_MESSAGE = 64 << 20


@dataclass(frozen=True)
class Served:
    """A model on a server and the run that made it.

    Attributes:
        model: Its name on the server.
        version: The version that answers a request which names none.
        experiment: The run's row.
        distance: How far the server's answer to a golden request lay from the recorded one, as
            the largest absolute difference of any output; None when none could be asked.
        ok: Whether nothing contradicts that this run made what answers.
        witness: What was asked, and what that showed, for people.
    """

    model: str
    version: int
    experiment: Experiment
    distance: float | None
    ok: bool
    witness: str

    def to_json(self) -> dict[str, Any]:
        """Return it for the command's result."""
        return {
            "model": self.model,
            "version": self.version,
            "model_id": self.experiment.model_id,
            "golden_distance": None if self.distance == math.inf else self.distance,
            "witness": self.witness,
            "experiment": self.experiment.to_json(),
        }


def identify(target: str, names: Iterable[str], store: Store) -> list[Served]:
    """Ask a server which models it answers with and find the runs that made them.

    Args:
        target: ``host:port`` of its gRPC port.
        names: Models to ask for; those that it does not have are left out.
        store: Where the runs are.

    Returns:
        One entry a model that the server has.

    Raises:
        ServerError: It cannot be reached, or has none of the models.
        LineageError: A version carries no id, or one that is not in the store.
    """
    options = [("grpc.max_receive_message_length", _LARGEST_MESSAGE)]
    with grpc.insecure_channel(target, options=options) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=CONNECT_TIMEOUT_S)
        except grpc.FutureTimeoutError as err:
            raise ServerError(
                f"no server answers at {target} within {CONNECT_TIMEOUT_S:g} s"
            ) from err
        service = Stub(channel, PREDICTION_SERVICE)
        wanted = list(names)
        found = [item for name in wanted for item in _identify(service, target, name, store)]
    if not found:
        raise ServerError(f"the server at {target} has no model {' or '.join(wanted)}")
    return found


def _identify(service: Any, target: str, name: str, store: Store) -> Iterator[Served]:
    request = GetModelMetadataRequest()
    request.model_spec.name = name
    request.metadata_field.append("signature_def")
    try:
        metadata = service.GetModelMetadata(request, timeout=_TIMEOUT_S)
    except grpc.RpcError as err:
        if err.code() is grpc.StatusCode.NOT_FOUND:
            return
        raise ServerError(
            f"the server at {target} answered {err.code().name}: {err.details()}"
        ) from err
    version = metadata.model_spec.version.value
    signatures = SignatureDefMap()
    metadata.metadata["signature_def"].Unpack(signatures)
    ids = identity.read(
        tensor.name
        for signature in signatures.signature_def.values()
        for tensor in signature.outputs.values()
    )
    if len(ids) != 1:
        raise LineageError(_unidentified(name, version, ids, store))
    experiment = store.experiment(ids.pop())
    yield Served(name, version, experiment, *_ask_golden(service, name, version, experiment))


def _unidentified(name: str, version: int, ids: set[str], store: Store) -> str:
    if ids:
        return f"{name} version {version} carries several model ids: {', '.join(sorted(ids))}"
    same = store.experiments(name, version)
    return (
        f"{name} version {version} on the server carries no model id: it was published without "
        "lineage, or not by this project. The store has "
        + (
            f"{len(same)} run(s) under this number ({', '.join(item.model_id for item in same)}), "
            "which proves nothing: every MODELS directory counts from 1"
            if same
            else "no run under this number"
        )
    )


def _ask_golden(
    service: Any, name: str, version: int, experiment: Experiment
) -> tuple[float | None, bool, str]:
    places = [Path(place) for place in experiment.places] or [Path()]
    version_dir = next((place for place in places if place.is_dir()), places[0])
    try:
        contract = contracts.load(version_dir)
        cases = golden.load(version_dir, contract)
    except (ContractError, OSError, ValueError) as err:
        return None, True, f"identified by its model id alone; no golden answers to compare: {err}"
    case = min(cases, key=lambda case: sum(value.nbytes for value in case.inputs.values()))
    request = PredictRequest()
    request.model_spec.name = name
    request.model_spec.version.value = version
    request.model_spec.signature_name = case.signature
    for key, value in case.inputs.items():
        tensor = tf.make_tensor_proto(value)
        request.inputs[key].MergeFromString(tensor.SerializeToString())
    try:
        answer = service.Predict(request, timeout=_TIMEOUT_S)
    except grpc.RpcError as err:
        return None, True, f"identified by its model id alone; {err.code().name}: {err.details()}"
    outputs = {key: tf.make_ndarray(value) for key, value in answer.outputs.items()}
    comparison = case.compare(outputs, contract)
    distance = max(comparison.distances.values())
    if comparison.ok:
        said = f"identified by its model id, and it answers as recorded ({distance:.1e})"
        return distance, True, said
    return (
        distance,
        False,
        f"it carries the model id {experiment.model_id} but answers otherwise than {version_dir} "
        f"did when it was published ({comparison.differences[0]}): one of the two was changed",
    )
