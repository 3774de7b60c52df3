"""What image models have in common: inputs for files and for pixels, a row for each image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, Self, TypeVar

from python_client import tensors
from python_client.errors import AnswerError, InputError
from python_client.tensors import Array
from signature_contract.contract import Contract, Shape, TensorSpec

T = TypeVar("T")

Kind = Literal["encoded", "pixels"]


@dataclass(frozen=True)
class ImageModel(ABC, Generic[T]):
    """A contract read as an image model's: which signatures take images, what answers mean.

    Attributes:
        contract: The contract.
        model: The model's name on the server, for messages.
        target: The server's address, for messages.
        inputs: Signature key and input name for ``encoded`` files and for ``pixels``.
    """

    contract: Contract
    model: str
    target: str
    inputs: Mapping[Kind, tuple[str, str]]

    TOOLKIT_CONTRACT: ClassVar[str]
    OUTPUTS: ClassVar[tuple[str, ...]]

    @classmethod
    def of(cls, contract: Contract | None, model: str, target: str) -> Self:
        """Find the signatures that take images and give this kind of answer.

        Raises:
            InputError: There is no contract, or none of its signatures does that.
        """
        if contract is None:
            raise InputError(
                f'model "{model}" has no contract, so its signatures are not known\n  fix: '
                f'VisionClient(…, contract="{cls.TOOLKIT_CONTRACT}"), or a published version\'s '
                "path",
                target=target,
                model=model,
            )
        if not cls.fits(contract):
            found = "; ".join(
                f"{key} {dict(signature.inputs)} -> {', '.join(signature.outputs)}"
                for key, signature in contract.signatures.items()
            )
            raise InputError(
                f'expected contract "{contract.model}" to have a signature for pixels (uint8, '
                f"rank 4) and one for encoded files (string, rank 1), each with the outputs "
                f"{', '.join(cls.OUTPUTS)}; found {found}"
                f"\n  fix: VisionClient(…, model=NAME) of a model that is a {cls.TOOLKIT_CONTRACT}",
                target=target,
                model=model,
            )
        return cls(contract, model, target, cls._inputs(contract))

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
            outputs: The decoded outputs.
            key: The signature key that was asked for.
            rows: How many images were sent, at least 1.
            version: The version that answered.

        Raises:
            AnswerError: An output is missing, or its dtype, shape or values are not the contract's.
            ContractBrokenError: The classes are not the contract's.
        """

    def check_form(self, outputs: Mapping[str, Array], key: str, rows: int) -> None:
        """Compare names, dtypes and shapes with the contract; one row for each image.

        Raises:
            AnswerError: They differ.
        """
        sizes = dict(self.contract.bound)
        for name in self.OUTPUTS:
            spec = self.contract.signatures[key].outputs[name]
            if name not in outputs:
                found = f"only {', '.join(sorted(outputs)) or 'no outputs'}"
            else:
                dtype = tensors.dtype_name(outputs[name])
                if dtype == spec.dtype and _admits(spec.shape, outputs[name].shape, sizes):
                    continue
                found = f"{dtype} {list(outputs[name].shape)}"
            raise self.unreadable(
                key,
                f'the output "{name}" as {spec}, one row for each image, received {found}'
                "\n  fix: ask check_contract() how the server's model differs from the contract",
            )
        answered = {len(outputs[name]) for name in self.OUTPUTS}
        if answered != {rows}:
            found = " and ".join(map(str, sorted(answered)))
            raise self.unreadable(key, f"an answer for {rows} images, received {found}")

    def unreadable(self, key: str, expected: str) -> AnswerError:
        """Make the error of an answer that is not ``expected``."""
        return AnswerError(
            f'{self.target}, model "{self.model}", signature "{key}": expected {expected}',
            target=self.target,
            model=self.model,
            signature=key,
        )

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


def _admits(shape: Shape | None, found: tuple[int, ...], sizes: dict[str, int]) -> bool:
    """Compare axis by axis; the first tensor that names an unbound dimension binds it."""
    if shape is None or len(shape) != len(found):
        return shape is None
    return all(
        sizes.setdefault(size, have) == have if isinstance(size, str) else size in (-1, have)
        for size, have in zip(shape, found, strict=True)
    )
