"""The signature contract: the one place that says what a model takes and gives.

A contract is a JSON file with every signature key, tensor name, dtype, shape, range and meaning.
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

from signature_contract import contract_format
from signature_contract.contract_errors import (
    ContractError,
    ContractFileError,
    ContractMismatchError,
)
from signature_contract.contract_format import CONTRACT_VERSION
from signature_contract.difference import Difference
from signature_contract.signature import (
    CLASSES_DIMENSION,
    Ranking,
    Shape,
    Signature,
    TensorSpec,
    Tolerance,
    signatures_from_proto,
)
from signature_contract.signature_differences import resolve, signature_differences
from signature_contract.version_files import CONTRACT_FILE, extra

__all__ = [
    "CLASSES_DIMENSION",
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


SCHEMA = Path(__file__).with_name("contract.schema.json")
"""The format as a JSON Schema, for editors and other tools."""


@dataclass(frozen=True)
class Contract:
    """A model's signatures, and for a published version also its class names.

    Attributes:
        model: The model's name.
        signatures: Signature by key.
        dimensions: Meaning of each named dimension.
        bound: Size of each named dimension that is already known.
        class_names: Names in column order; empty in an unpublished contract.
        parameters: What else was fixed at export, for instance thresholds.
        summary: One sentence.
        tags: The tags of the graph that is served.
        format_version: Version of the format that it is written in: that of the document it was
            read from where that is a later one.
        unknown: What a later version of the format says, kept as it was read.
    """

    model: str
    signatures: Mapping[str, Signature]
    dimensions: Mapping[str, str] = field(default_factory=dict)
    bound: Mapping[str, int] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    tags: tuple[str, ...] = ("serve",)
    format_version: str = CONTRACT_VERSION
    unknown: Mapping[str, Any] = field(default_factory=dict)

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
        if CLASSES_DIMENSION in self.dimensions:
            sizes[CLASSES_DIMENSION] = len(names)
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
                [
                    Difference(
                        "signature-missing",
                        "signature key",
                        "one of the contract's",
                        key,
                        tuple(self.signatures),
                    )
                ],
            )
        return self.signatures[key]

    def resolved(self, key: str) -> Signature:
        """Return the signature with this key, each bound dimension's name replaced by its size.

        Raises:
            ContractMismatchError: There is none; the message lists those that exist.
        """
        return resolve(self.signature(key), self.bound)

    def differences(
        self, found: Mapping[str, Signature], *, defaults: bool = True
    ) -> list[Difference]:
        """Compare a model's signatures with this contract; see :mod:`signature_differences`.

        Args:
            found: The signatures a SavedModel or a server declares, or those of another copy of
                the contract.
            defaults: Whether ``found`` can say which inputs have default values.

        Returns:
            The differences in contract order; empty when there are none.
        """
        return signature_differences(self.signatures, found, self.bound, defaults=defaults)

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
                [
                    Difference(
                        "class-order", "class order", str(list(self.class_names)), str(list(found))
                    )
                ],
            )

    def to_json(self) -> str:
        """Return the contract in the format that :func:`load` reads, ending in a newline."""
        return contract_format.to_json(vars(self))


def load(path: str | Path) -> Contract:
    """Read a contract.

    Args:
        path: A contract file, or a published version's directory.

    Raises:
        ContractFileError: There is no such contract, or it cannot be read as one.
    """
    path = Path(path)
    if path.is_dir():
        path = extra(path, CONTRACT_FILE)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise ContractFileError(f"no contract at {path}: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise ContractFileError(f"{path}: expected UTF-8 text, found other bytes") from err
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
