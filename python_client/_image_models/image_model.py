"""What image models have in common: inputs for files and for pixels, a row for each image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, Self, TypeVar

from python_client._requests.model_address import ModelAddress
from python_client.errors import AnswerError
from python_client.tensors import Array
from signature_contract.contract import Contract, TensorSpec

T = TypeVar("T")

Kind = Literal["encoded", "pixels"]


@dataclass(frozen=True)
class ImageModel(ABC, Generic[T]):
    """A contract read as an image model's: which signatures take images, what answers mean.

    Attributes:
        contract: The contract.
        address: The model, for messages.
        inputs: Signature key and input name for ``encoded`` files and for ``pixels``.
    """

    contract: Contract
    address: ModelAddress
    inputs: Mapping[Kind, tuple[str, str]]

    TOOLKIT_CONTRACT: ClassVar[str]
    OUTPUTS: ClassVar[tuple[str, ...]]

    @classmethod
    def of(cls, contract: Contract | None, address: ModelAddress) -> Self:
        """Find the signatures that take images and give this kind of answer.

        Raises:
            InputError: There is no contract, or none of its signatures does that.
        """
        if contract is None:
            raise address.input_error(
                f'model "{address.model}" has no contract, so its signatures are not known\n  fix: '
                f'VisionClient(…, contract="{cls.TOOLKIT_CONTRACT}"), or a published version\'s '
                "path"
            )
        if not cls.fits(contract):
            found = "; ".join(
                f"{key} {dict(signature.inputs)} -> {', '.join(signature.outputs)}"
                for key, signature in contract.signatures.items()
            )
            raise address.input_error(
                f'expected contract "{contract.model}" to have a signature for pixels (uint8, '
                f"rank 4) and one for encoded files (string, rank 1), each with the outputs "
                f"{', '.join(cls.OUTPUTS)}; found {found}"
                f"\n  fix: VisionClient(…, model=NAME) of a model that is a {cls.TOOLKIT_CONTRACT}"
            )
        return cls(contract, address, cls._inputs(contract))

    @classmethod
    def fits(cls, contract: Contract) -> bool:
        """Tell whether a contract's signatures take images and give this kind of answer."""
        return len(cls._inputs(contract)) == len(("encoded", "pixels"))

    @abstractmethod
    def read(
        self, outputs: Mapping[str, Array], key: str, rows: int, version: int | None
    ) -> list[T]:
        """Turn one answer into a value for each image.

        Args:
            outputs: The decoded outputs, which have the contract's form.
            key: The signature key that was asked for.
            rows: How many images were sent, at least 1.
            version: The version that answered.

        Raises:
            AnswerError: It has not one row for each image, or its values mean nothing.
            ContractBrokenError: The classes are not the contract's.
        """

    def check_rows(self, outputs: Mapping[str, Array], key: str, rows: int) -> None:
        """Hold an answer to one row for each image.

        Raises:
            AnswerError: It has more, or fewer.
        """
        answered = {len(outputs[name]) for name in self.OUTPUTS}
        if answered != {rows}:
            found = " and ".join(map(str, sorted(answered)))
            raise self.unreadable(key, f"an answer for {rows} images, received {found}")

    def unreadable(self, key: str, expected: str) -> AnswerError:
        """Make the error of an answer that is not ``expected``."""
        return self.address.answer_error(f"expected {expected}", key)

    @classmethod
    def _inputs(cls, contract: Contract) -> dict[Kind, tuple[str, str]]:
        inputs: dict[Kind, tuple[str, str]] = {}
        for key, signature in contract.signatures.items():
            if len(signature.inputs) != 1 or not set(cls.OUTPUTS) <= set(signature.outputs):
                continue
            ((name, spec),) = signature.inputs.items()
            if kind := _kind(spec):
                inputs.setdefault(kind, (key, name))
        return inputs


def _kind(spec: TensorSpec) -> Kind | None:
    rank = None if spec.shape is None else len(spec.shape)
    if spec.dtype == "string" and rank == 1:
        return "encoded"
    return "pixels" if spec.dtype == "uint8" and rank == 4 else None
