"""One version of a model behind a server, asked by the Python client as any caller asks it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export import server_process
from export.server_process import CONNECT_TIMEOUT_S, ServerError
from python_client import VisionClient, VisionClientError
from python_client.errors import CallError, ContractBrokenError, InvalidArgumentError
from signature_contract import contract as contracts
from signature_contract.contract import Contract

_CALL_TIMEOUT_S = 60.0


class RequestRefusedError(ServerError):
    """The server looked at the request and found it wrong (INVALID_ARGUMENT)."""


@dataclass(frozen=True)
class ServedVersion:
    """What is asked.

    Attributes:
        client: Connected to the server, and to the model.
        version: The version to ask; None for the server's latest.
    """

    client: VisionClient
    version: int | None


@contextlib.contextmanager
def connect(
    target: str, model: str, version: int | None, contract: Contract
) -> Iterator[ServedVersion]:
    """Connect to a server that runs.

    Args:
        target: ``host:port``.
        model: The model's name there.
        version: Its version; None for the server's latest.
        contract: What requests and answers are held to.

    Raises:
        ServerError: It is not there within its time.
    """
    if not server_process.answers(target, CONNECT_TIMEOUT_S):
        raise ServerError(f"no server answers at {target} within {CONNECT_TIMEOUT_S:g} s")
    with VisionClient(target, model=model, contract=contract, timeout_s=_CALL_TIMEOUT_S) as client:
        yield ServedVersion(client, version)


@contextlib.contextmanager
def start(version_dir: Path) -> Iterator[ServedVersion]:
    """Start a server on exactly this published version, and stop it afterwards.

    Args:
        version_dir: ``MODELS/<model>/<version>``.

    Raises:
        ServerError: It did not come up; the message has the last it said.
        ContractError: The version's contract cannot be read.
    """
    version_dir = version_dir.resolve()
    contract = contracts.load(version_dir)
    model, version = version_dir.parent.name, int(version_dir.name)
    with tempfile.TemporaryDirectory(prefix="evaluate-") as scratch:
        config = Path(scratch) / "models.config"
        config.write_text(
            server_process.models_config(version_dir.parents[1], {model: version}),
            encoding="utf-8",
        )
        flags = (f"--model_config_file={config}", "--grpc_max_threads=32")
        with (
            server_process.running(*flags, log_path=Path(scratch) / "server.log") as server,
            connect(server.target, model, version, contract) as served,
        ):
            yield served


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what the client raises into an error that the command line reports.

    Raises:
        RequestRefusedError: The server cannot use the image.
        ServerError: The call failed, with the server's code and text, or its answer is not one to
            the request.
        ContractBrokenError: The classes are not the contract's; that is reported as it is.
    """
    try:
        yield
    except ContractBrokenError:
        raise
    except InvalidArgumentError as err:
        raise RequestRefusedError(_answered(err)) from err
    except CallError as err:
        raise ServerError(_answered(err)) from err
    except VisionClientError as err:
        raise ServerError(str(err)) from err


def _answered(err: CallError) -> str:
    code = "an unknown status" if err.code is None else err.code.name
    return f"the server answered {code}: {err.details}"
