"""Photographs in, answers of the exported graph out: in process, or from a server.

Both roads end in the same signature, ``serving_bytes``, in batches of the same photographs, so they
give the same numbers. In process means through the session loader that TensorFlow Serving and
TensorFlow Java use, never the training model and never ``tf.saved_model.load``.

TensorFlow is loaded when a source is made, so that answers themselves can be used without it.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ExportError
from export.quiet_import import quiet_tensorflow
from serving_config import layout
from serving_config.image_files import EXIF, ORIENTATION
from serving_config.tensor_names import CLASSES, IMAGE_BYTES, LOGITS, PROBABILITIES, SERVING_BYTES
from serving_config.toolkit_contracts import toolkit_contract
from signature_contract import contract as contracts
from signature_contract.contract import Contract

log = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

SIGNATURE = SERVING_BYTES
BATCH_SIZE = 16
"""Most photographs a request; the same for both roads, since a batch can change the last bits."""

_BATCH_BYTES = 32 << 20  # a request may hold 64 MiB, and a photograph more than 2


class AnswersError(ExportError):
    """The photographs cannot be answered, or the answers are not a classifier's."""


class RefusedError(AnswersError):
    """The graph does not take these bytes."""


@dataclass(frozen=True)
class Refused:
    """A photograph that the graph does not take.

    Attributes:
        path: The file.
        reason: What the graph, or the server, said.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Answers:
    """What a version answered, one row a photograph.

    Attributes:
        class_names: In column order.
        paths: The photographs that were answered, in the order they were given.
        probabilities: float32 [n, C], rows sum to 1.
        logits: float32 [n, C], unnormalised log-probabilities.
        refused: The photographs that were not.
        version: The version that answered; 0 when its directory is not numbered.
        seconds: In all, with reading the files.
    """

    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    probabilities: Array
    logits: Array
    refused: tuple[Refused, ...]
    version: int
    seconds: float

    @property
    def predicted(self) -> Array:
        """The likeliest class of each photograph, int64 [n]."""
        labels: Array = self.probabilities.argmax(axis=1)
        return labels


Outputs = tuple[Mapping[str, Array], int]
"""Output by name, and the version that gave them."""


class ClassifierSource:
    """Something that answers ``serving_bytes`` as a classifier.

    Make one with :func:`from_version` or :func:`from_server`.

    Attributes:
        name: Where the answers come from, for messages and results.
        class_names: In column order; empty until the first answer when only the server knows them.
        ask: Sends whole files as one batch; returns the outputs by name and the version.
        turns_upright: Whether the graph applies a photograph's EXIF orientation.
    """

    def __init__(
        self, name: str, ask: Callable[[Sequence[bytes]], Outputs], contract: Contract
    ) -> None:
        """Ask through ``ask``, which raises :class:`RefusedError` for bytes it cannot use.

        Args:
            name: Where the answers come from.
            ask: Takes whole files and gives the outputs.
            contract: What the outputs are held to; its class names, if it has any, must be theirs.
        """
        self.name = name
        self.class_names = contract.class_names
        self.ask, self._contract = ask, contract
        self.turns_upright = contract.parameters.get(ORIENTATION) == EXIF

    def answer(self, paths: Sequence[Path], batch_size: int = BATCH_SIZE) -> Answers:
        """Ask about every photograph.

        Args:
            paths: JPEG or PNG files, of any sizes.
            batch_size: Most photographs a request.

        Returns:
            The answers in the order of ``paths``; a file that is no image is in ``refused``.

        Raises:
            ExportError: Nothing could be answered, the server failed, or the answers break the
                contract.
        """
        started = time.perf_counter()
        answered: list[Path] = []
        rows: list[Mapping[str, Array]] = []
        refused: list[Refused] = []
        versions: set[int] = set()

        def ask(batch: Sequence[tuple[Path, bytes]]) -> None:
            try:
                outputs, version = self.ask([content for _, content in batch])
            except RefusedError as err:
                if len(batch) == 1:
                    refused.append(Refused(batch[0][0], str(err)))
                    log.warning("not answered: %s: %s", batch[0][0], err)
                else:  # one of them; a refused request does not say which
                    for single in batch:
                        ask([single])
                return
            self._check(outputs, len(batch))
            versions.add(version)
            rows.append(outputs)
            answered.extend(path for path, _ in batch)

        for batch in _batches(paths, batch_size, refused):
            ask(batch)
        if not answered:
            reasons = "; ".join(f"{r.path}: {r.reason}" for r in refused[:3]) or "there are none"
            raise AnswersError(f"{self.name} answered none of {len(paths)} photographs: {reasons}")
        if len(versions) > 1:
            raise AnswersError(
                f"{self.name} changed from version {sorted(versions)} while it was asked; "
                "name the one to measure with --model-version"
            )
        order = {path: position for position, path in enumerate(paths)}
        return Answers(
            self.class_names,
            tuple(answered),
            np.concatenate([row[PROBABILITIES] for row in rows]),
            np.concatenate([row[LOGITS] for row in rows]),
            tuple(sorted(refused, key=lambda r: order[r.path])),
            versions.pop(),
            time.perf_counter() - started,
        )

    def _check(self, outputs: Mapping[str, Array], count: int) -> None:
        expected = self._contract.signature(SIGNATURE).outputs
        if missing := sorted(expected.keys() - outputs.keys()):
            raise AnswersError(
                f"{self.name} answers without {', '.join(missing)}; it has "
                f"{', '.join(sorted(outputs))}. Is it a classifier?"
            )
        names = {tuple(item.decode("utf-8") for item in row) for row in outputs[CLASSES]}
        found = names.pop()
        if names:
            raise AnswersError(
                f"{self.name} names different classes in different rows of one answer"
            )
        self._contract.check_class_names(found, self.name)
        self.class_names = self.class_names or found
        if found != self.class_names:
            raise AnswersError(
                f"{self.name} first answered classes {list(self.class_names)}, now {list(found)}"
            )
        for output in (PROBABILITIES, LOGITS):
            shape = outputs[output].shape
            if shape != (count, len(found)):
                raise AnswersError(
                    f"{self.name}: expected {output} of shape [{count}, {len(found)}], "
                    f"received {list(shape)}"
                )
            if not np.isfinite(outputs[output]).all():
                raise AnswersError(f"{self.name} answers {output} that are no numbers")


def from_version(path: Path) -> ClassifierSource:
    """Load a published version into a session of this process.

    Args:
        path: ``MODELS/classifier/<version>``.

    Raises:
        ContractError: Its contract cannot be read.
        AnswersError: There is no SavedModel, or it is not a classifier.
    """
    with quiet_tensorflow():
        from signature_contract.checking import answers
        from signature_contract.checking.session import SessionModel

    path = path.resolve()
    if not (path / "saved_model.pb").is_file():
        raise AnswersError(f"no SavedModel at {path}: it has no saved_model.pb")
    contract = _classifier(contracts.load(path), str(path))
    model = SessionModel(path)
    version = int(path.name) if path.name.isdecimal() else 0

    def ask(images: Sequence[bytes]) -> Outputs:
        try:
            outputs = model.run(SIGNATURE, {IMAGE_BYTES: np.array(images, dtype=object)})
        except answers.RefusedError as err:
            if err.code != answers.REFUSAL:
                raise
            raise RefusedError(err.words) from err
        return outputs, version

    return ClassifierSource(str(path), ask, contract)


@contextlib.contextmanager
def from_server(
    target: str,
    model: str = "classifier",
    version: int | None = None,
    contract: Contract | None = None,
) -> Iterator[ClassifierSource]:
    """Ask a server that runs, over gRPC.

    Args:
        target: ``host:port``.
        model: The model's name there.
        version: Its version; None for the server's latest.
        contract: What the answers are held to; by default the toolkit's classifier contract, with
            whatever class names the server answers.

    Raises:
        ServerError: It is not there.
    """
    from export import served_version

    contract = contract or toolkit_contract("classifier")
    with served_version.connect(target, model, version, contract) as served:

        def ask(images: Sequence[bytes]) -> Outputs:
            try:
                with served_version.explained():
                    found = served.client.classify(images, version=version)
            except served_version.RequestRefusedError as err:
                raise RefusedError(str(err).splitlines()[0]) from err
            outputs = layout.classifications((one.probabilities, one.logits) for one in found)
            return outputs, found[0].version or 0

        yield ClassifierSource(f"{model} at {target}", ask, contract)


def _classifier(contract: Contract, name: str) -> Contract:
    signature = contract.signatures.get(SIGNATURE)
    if signature is None or not signature.outputs.keys() >= {PROBABILITIES, CLASSES, LOGITS}:
        raise AnswersError(f"expected a classifier, {name} is a {contract.model}")
    return contract


def _batches(
    paths: Sequence[Path], batch_size: int, refused: list[Refused]
) -> Iterator[list[tuple[Path, bytes]]]:
    """Read the files; what cannot be read, or is empty, goes to ``refused``."""
    batch: list[tuple[Path, bytes]] = []
    size = 0
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as err:
            refused.append(Refused(path, f"cannot be read: {err.strerror}"))
            continue
        if not content:
            refused.append(Refused(path, "empty"))
            continue
        if batch and (len(batch) == batch_size or size + len(content) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((path, content))
        size += len(content)
    if batch:
        yield batch
