"""Put a version where servers look, whole or not at all.

A version is written beside its place (under a name that no server takes for a version), verified
there in fresh processes, flushed to disk and then renamed. Readers see nothing or everything.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export import server_settings, staging
from export.edge.beside import Beside
from export.errors import PublishError
from export.training.finished import Finished
from export.verify import verify
from signature_contract import golden
from signature_contract.checking.outcome import Outcome
from signature_contract.contract import Contract, Difference
from signature_contract.version_files import (
    CONTRACT_FILE,
    EXTRA,
    GOLDEN_FILE,
    KERAS_FILE,
    RUN_FILE,
    WARMUP_FILE,
)

if TYPE_CHECKING:
    from export.lineage.run import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A version in its place.

    Attributes:
        path: ``MODELS/<model>/<version>``.
        version: The version number.
        verification: What the checks found before it was put there.
    """

    path: Path
    version: int
    verification: Outcome


def publish(
    models_dir: Path,
    contract: Contract,
    cases: Iterable[golden.GoldenCase],
    write: Callable[[Path], None],
    beside: Beside | None = None,
) -> Published:
    """Write, verify and place one version.

    Args:
        models_dir: ``MODELS``; the version goes to ``MODELS/<contract.model>/<version>``, one above
            the highest there.
        contract: The contract with its class names bound; a copy goes into the version.
        cases: Golden vectors from the live model.
        write: Writes the SavedModel, and whatever else belongs to the version, into the directory
            it is given.
        beside: What is put beside the graph; None for nothing.

    Returns:
        The version in its place.

    Raises:
        PublishError: Verification found differences (all in the message), or the place cannot be
            written. ``MODELS`` is then as it was.
    """
    home = models_dir.resolve() / contract.model
    with contextlib.ExitStack() as stack:
        try:
            version_dir = stack.enter_context(staging.beside(home))
        except OSError as err:
            raise PublishError(f"cannot write versions below {home}: {err.strerror}") from err
        write(version_dir)
        extra = version_dir / EXTRA
        extra.mkdir(exist_ok=True)
        (extra / CONTRACT_FILE).write_text(contract.to_json(), encoding="utf-8")
        golden.save(extra / GOLDEN_FILE, cases, contract)
        if beside is not None:
            beside.write(version_dir, contract)
        log.info("verifying in fresh processes")
        verification = verify(version_dir, contract)
        if not verification.ok:
            raise PublishError(
                f"the exported model breaks its contract:\n{_listed(verification.differences)}"
            )
        if refused := server_settings.refused_warmup(version_dir):
            raise PublishError(
                "a server with the shipped settings would not load the version:\n"
                + _listed(refused)
            )
        version = _place(version_dir, home)
    return Published(home / str(version), version, verification)


def publish_trained(
    finished: Finished,
    models_dir: Path,
    run_on_record: Run,
    contract: Contract,
    cases: Sequence[golden.GoldenCase],
    write_graph: Callable[[Path], None],
    beside: Beside,
) -> Published:
    """Publish a trained network with all that belongs to a version besides its graph.

    Args:
        finished: What was trained; its network and its record go into the version.
        models_dir: ``MODELS``.
        run_on_record: Whose id the graph carries.
        contract: The contract with its class names bound.
        cases: Golden vectors from the live model; warm-up requests are chosen from them.
        write_graph: Writes the SavedModel into the directory it is given.
        beside: What is put beside it.

    Returns:
        The version in its place.

    Raises:
        PublishError: As :func:`publish`.
    """
    from export import warmup  # loads TensorFlow; who only lists versions must do without

    def write(version_dir: Path) -> None:
        write_graph(version_dir)
        extra = version_dir / EXTRA
        extra.mkdir(exist_ok=True)
        warmup.write(extra / WARMUP_FILE, finished.model, cases)
        shutil.copyfile(finished.keras_file, extra / KERAS_FILE)
        text = json.dumps(finished.record, indent=2)
        (extra / RUN_FILE).write_text(text + "\n", encoding="utf-8")
        run_on_record.seal(version_dir, finished.record, finished.accuracy)

    return publish(models_dir, contract, cases, write, beside)


def check_place(models_dir: Path) -> None:
    """Refuse a place that cannot be written, before the hours of training that lead to it.

    Raises:
        PublishError: ``models_dir``, or where it does not exist the nearest directory above it,
            is no directory that this user may write to.
    """
    place = models_dir.resolve()
    while not place.exists():
        place = place.parent
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        raise PublishError(f"cannot write versions below {models_dir}: {place} is not writable")


def versions(home: Path) -> list[int]:
    """Return the version numbers below ``MODELS/<model>``, lowest first."""
    return sorted(int(p.name) for p in home.iterdir() if p.name.isdecimal() and p.is_dir())


def _place(version_dir: Path, home: Path) -> int:
    """Rename to the next free number; another publisher may take one at the same moment."""
    version = max(versions(home), default=0) + 1
    while True:
        target = home / str(version)
        try:
            staging.place(version_dir, target)
        except FileExistsError:
            version += 1
        except OSError as err:
            raise PublishError(f"cannot rename the version to {target}: {err}") from err
        else:
            return version


def _listed(differences: Iterable[Difference]) -> str:
    return "\n".join(f"  - {difference}" for difference in differences)
