"""A model on a server: how a request names it, and how an error does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from python_client.errors import AnswerError, ContractBrokenError, InputError
from signature_contract.contract import Difference


@dataclass(frozen=True)
class ModelAddress:
    """Where a client's requests go.

    Attributes:
        target: The server's address.
        model: The model's name on the server.
    """

    target: str
    model: str

    def __str__(self) -> str:
        return f'{self.target}, model "{self.model}"'

    def write(
        self, spec: Any, *, key: str = "", version: int | None, version_label: str | None = None
    ) -> None:
        """Fill a ``ModelSpec``.

        Raises:
            InputError: Both a version and a label are named.
        """
        if version is not None and version_label is not None:
            raise self.input_error(
                f"expected a version or a version_label, received both: {version} and "
                f"{version_label!r}"
            )
        spec.name = self.model
        spec.signature_name = key
        if version is not None:
            spec.version.value = version
        elif version_label is not None:
            spec.version_label = version_label

    def input_error(
        self, message: str, key: str = "", differences: Iterable[Difference] = ()
    ) -> InputError:
        """Make the error of a request that is not sent."""
        error = InputError(message, target=self.target, model=self.model, signature=key)
        error.differences = tuple(differences)
        return error

    def answer_error(
        self, message: str, key: str = "", differences: Iterable[Difference] = ()
    ) -> AnswerError:
        """Make the error of an answer that cannot be used; ``message`` says what is wrong."""
        where = f'{self}, signature "{key}"' if key else str(self)
        error = AnswerError(
            f"{where}: {message}", target=self.target, model=self.model, signature=key
        )
        error.differences = tuple(differences)
        return error

    def broken(
        self, version: int | None, differences: Sequence[Difference], key: str = ""
    ) -> ContractBrokenError:
        """Make the error of a model that is not the contract's."""
        return ContractBrokenError(
            f"{self} version {version}",
            differences,
            target=self.target,
            model=self.model,
            signature=key,
        )


def answered_version(answer: Any) -> int | None:
    """Return the version that an answer comes from, or None if the server did not say."""
    spec = answer.model_spec
    return int(spec.version.value) if spec.HasField("version") else None
