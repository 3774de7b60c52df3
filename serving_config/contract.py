"""The signature contract: the one place that says what a model takes and gives.

``contracts/<model>.json`` holds every signature key, tensor name, dtype, shape, range and meaning.
The exporter, the servers' tests, the Python client and (from the same file) Java compare what they
find with it, so a renamed input or a lost output is an error message before it is an outage.

Standard library only: a client must be able to read a contract without TensorFlow or NumPy. This
module is where the others of the contract are met: ``signature`` (the values), ``contract_format``
(the JSON), ``signature_differences`` (comparing) and ``contract_errors``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from serving_config import contract_format
from serving_config.contract_errors import ContractError, ContractFileError, ContractMismatchError
from serving_config.contract_format import CONTRACT_VERSION
from serving_config.difference import Difference
from serving_config.signature import (
    Ranking,
    Shape,
    Signature,
    TensorSpec,
    Tolerance,
    signatures_from_proto,
)
from serving_config.signature_differences import resolve, signature_differences
from serving_config.version_files import CONTRACT_FILE, extra

__all__ = [
    "CONTRACTS_DIR",
    "CONTRACT_VERSION",
    "Contract",
    "ContractError",
    "ContractFileError",
    "ContractMismatchError",
    "Difference",
    "Ranking",
    "Shape",
    "Signature",
    "TensorSpec",
    "Tolerance",
    "load",
    "loads",
    "signatures_from_proto",
]


CONTRACTS_DIR = Path(__file__).parent / "contracts"


@dataclass(frozen=True)
class Contract:
    """A model's signatures, and for a published version also its class names.

    Attributes:
        model: The model's name, ``classifier`` or ``detector``.
        signatures: Signature by key.
        dimensions: Meaning of each named dimension.
        bound: Size of each named dimension that is already known.
        class_names: Names in column order; empty in an unpublished contract.
        parameters: What else was fixed at export, for instance thresholds.
        summary: One sentence.
    """

    model: str
    signatures: Mapping[str, Signature]
    dimensions: Mapping[str, str] = field(default_factory=dict)
    bound: Mapping[str, int] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""

    def bind(self, class_names: Sequence[str], **sizes: int) -> Contract:
        """Fix the class names (and with them the dimension ``C``) and other named dimensions.

        Raises:
            ContractError: Fewer than two classes for a classifier, an empty or repeated name, or
                a dimension that the contract does not name.
        """
        names = tuple(class_names)
        if not names or any(not name for name in names) or len(set(names)) != len(names):
            raise ContractError(
                f"class names must be non-empty and distinct, received {list(names)}"
            )
        if "C" in self.dimensions:
            sizes["C"] = len(names)
        if unknown := sorted(set(sizes) - set(self.dimensions)):
            raise ContractError(
                f"contract {self.model!r} has no dimension {', '.join(unknown)}; "
                f"it names {', '.join(self.dimensions) or 'none'}"
            )
        return replace(self, class_names=names, bound={**self.bound, **sizes})

    def signature(self, key: str) -> Signature:
        """Return the signature with this key; empty means ``serving_default``.

        Raises:
            ContractMismatchError: There is none; the message lists those that exist.
        """
        key = key or "serving_default"
        if key not in self.signatures:
            raise ContractMismatchError(
                f"the signature {key!r}",
                [Difference("signature key", "one of the contract's", key, tuple(self.signatures))],
            )
        return self.signatures[key]

    def resolve(self, shape: Shape) -> Shape:
        """Replace each bound dimension's name in ``shape`` by its size."""
        return resolve(shape, self.bound)

    def differences(self, found: Mapping[str, Signature]) -> list[Difference]:
        """Compare a model's signatures with this contract; see :mod:`signature_differences`.

        Args:
            found: The signatures a SavedModel or a server declares, or those of another copy of
                the contract.

        Returns:
            The differences in contract order; empty when there are none.
        """
        return signature_differences(self.signatures, found, self.bound)

    def check(self, found: Mapping[str, Signature], subject: str) -> None:
        """Raise unless ``found`` agrees with this contract.

        Args:
            found: The signatures a SavedModel or a server declares.
            subject: What is being compared, for the message.

        Raises:
            ContractMismatchError: With every difference.
        """
        if differences := self.differences(found):
            raise ContractMismatchError(subject, differences)

    def check_class_names(self, found: Sequence[str], subject: str) -> None:
        """Raise unless ``found`` are this contract's class names in this order.

        A contract without class names (one that is not published) accepts any.

        Raises:
            ContractMismatchError: The names or their order differ.
        """
        if self.class_names and tuple(found) != self.class_names:
            raise ContractMismatchError(
                subject,
                [Difference("class order", str(list(self.class_names)), str(list(found)))],
            )

    def to_json(self) -> str:
        """Return the contract in the format that :func:`load` reads, ending in a newline."""
        return contract_format.to_json(vars(self))


def load(model_or_path: str | Path) -> Contract:
    """Read a contract.

    Args:
        model_or_path: A model's name (``"classifier"``), a contract file, or a published version's
            directory.

    Raises:
        ContractFileError: There is no such contract, or it cannot be read as one.
    """
    path = Path(model_or_path)
    if path.is_dir():
        path = extra(path, CONTRACT_FILE)
    elif isinstance(model_or_path, str) and not path.suffix and path.name == model_or_path:
        path = CONTRACTS_DIR / f"{model_or_path}.json"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        known = ", ".join(sorted(p.stem for p in CONTRACTS_DIR.glob("*.json")))
        raise ContractFileError(
            f"no contract at {path}: {err.strerror or err}; contracts by name: {known}"
        ) from err
    return loads(text, source=str(path))


def loads(text: str, source: str = "contract") -> Contract:
    """Parse a contract from JSON text.

    Args:
        text: The JSON document.
        source: Where it came from, for messages.

    Raises:
        ContractFileError: The text is not JSON or does not follow the format; the message names
            the place.
    """
    return Contract(**contract_format.from_json(text, source))
