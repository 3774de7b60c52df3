"""What makes a contract a classifier's, and its answers into ``Classification`` values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from python_client import tensors
from python_client.answers import Classification
from python_client.errors import AnswerError, ContractBrokenError, InputError
from python_client.tensors import Array
from serving_config.contract import Contract, Difference, TensorSpec

# The only outputs whose meaning, not only whose shape, this package knows.
_PROBABILITIES, _CLASSES, _LOGITS = "probabilities", "classes", "logits"
_OUTPUTS = (_PROBABILITIES, _CLASSES, _LOGITS)


@dataclass(frozen=True)
class Classifier:
    """A contract read as a classifier's.

    Attributes:
        contract: The contract.
        model: The model's name on the server, for messages.
        target: The server's address, for messages.
        inputs: Signature key and input name for ``encoded`` files and for ``pixels``.
    """

    contract: Contract
    model: str
    target: str
    inputs: Mapping[Literal["encoded", "pixels"], tuple[str, str]]

    @classmethod
    def of(cls, contract: Contract | None, model: str, target: str) -> Classifier:
        """Find the signatures that take pictures and give class probabilities.

        Raises:
            InputError: There is no contract, or none of its signatures does that.
        """
        if contract is None:
            raise InputError(
                f'model "{model}" has no contract, so its signatures are not known'
                '\n  fix: VisionClient(…, contract="classifier"), or a published version\'s path',
                target=target,
                model=model,
            )
        if not is_classifier(contract):
            found = "; ".join(
                f"{key} {dict(signature.inputs)} -> {', '.join(signature.outputs)}"
                for key, signature in contract.signatures.items()
            )
            raise InputError(
                f'expected contract "{contract.model}" to have a signature for pixels (uint8, '
                f"rank 4) and one for encoded files (string, rank 1), each with the outputs "
                f"{', '.join(_OUTPUTS)}; found {found}",
                target=target,
                model=model,
            )
        return cls(contract, model, target, _inputs(contract))

    def read(
        self, outputs: Mapping[str, Array], key: str, rows: int, version: int | None
    ) -> list[Classification]:
        """Turn one answer into a value for each picture.

        Args:
            outputs: The decoded outputs.
            key: The signature key that was asked for.
            rows: How many pictures were sent, at least 1.
            version: The version that answered.

        Raises:
            AnswerError: An output is missing, or has another dtype or shape than the contract's.
            ContractBrokenError: The class names, or their order, are not the contract's.
        """
        self._check(outputs, key)
        if len(outputs[_PROBABILITIES]) != rows:
            raise self._unreadable(
                key,
                f"an answer for {rows} pictures, received {len(outputs[_PROBABILITIES])}",
            )
        names = self._class_names(outputs[_CLASSES], key)
        known = self.contract.class_names
        if known and tuple(names) != known:
            raise ContractBrokenError(
                f'{self.target}, model "{self.model}" version {version}',
                [Difference("class order", str(list(known)), str(names))],
                target=self.target,
                model=self.model,
                signature=key,
            )
        best = outputs[_PROBABILITIES].argmax(axis=1)
        return [
            Classification(
                label=names[best[row]],
                probability=float(outputs[_PROBABILITIES][row, best[row]]),
                probabilities=dict(zip(names, outputs[_PROBABILITIES][row].tolist(), strict=True)),
                logits=dict(zip(names, outputs[_LOGITS][row].tolist(), strict=True)),
                version=version,
            )
            for row in range(rows)
        ]

    def _check(self, outputs: Mapping[str, Array], key: str) -> None:
        specs = self.contract.signatures[key].outputs
        shape = outputs[_PROBABILITIES].shape if _PROBABILITIES in outputs else None
        for name in _OUTPUTS:
            spec = specs[name]
            if name not in outputs:
                found = f"only {', '.join(sorted(outputs)) or 'no outputs'}"
            else:
                dtype = tensors.dtype_name(outputs[name])
                resolved = self.contract.resolve(spec.shape or ())
                if TensorSpec(spec.dtype, resolved).admits(dtype, outputs[name].shape) and (
                    outputs[name].shape == shape
                ):
                    continue
                found = f"{dtype} {list(outputs[name].shape)}"
            raise self._unreadable(
                key,
                f'the output "{name}" as {spec}, one row a picture, received {found}'
                "\n  fix: ask check_contract() how the server's model differs from the contract",
            )

    def _class_names(self, classes: Array, key: str) -> list[str]:
        first = classes[0].tolist()
        try:
            names = [name.decode("utf-8") for name in first]
        except UnicodeDecodeError as err:
            raise self._unreadable(key, f"class names in UTF-8, received {first}") from err
        if not names or len(set(names)) != len(names):
            raise self._unreadable(key, f"a different name for each class, received {names}")
        if not (classes == classes[0]).all():
            raise self._unreadable(key, "the same class names in every row, received others")
        return names

    def _unreadable(self, key: str, what: str) -> AnswerError:
        return AnswerError(
            f'{self.target}, model "{self.model}", signature "{key}": expected {what}',
            target=self.target,
            model=self.model,
            signature=key,
        )


def is_classifier(contract: Contract) -> bool:
    """Tell whether a contract's signatures take pictures and give class probabilities."""
    return len(_inputs(contract)) == len(("encoded", "pixels"))


def _inputs(contract: Contract) -> dict[Literal["encoded", "pixels"], tuple[str, str]]:
    inputs: dict[Literal["encoded", "pixels"], tuple[str, str]] = {}
    for key, signature in contract.signatures.items():
        if len(signature.inputs) != 1 or not set(_OUTPUTS) <= set(signature.outputs):
            continue
        ((name, spec),) = signature.inputs.items()
        if kind := _kind(spec):
            inputs.setdefault(kind, (key, name))
    return inputs


def _kind(spec: TensorSpec) -> Literal["encoded", "pixels"] | None:
    rank = None if spec.shape is None else len(spec.shape)
    if spec.dtype == "string" and rank == 1:
        return "encoded"
    return "pixels" if spec.dtype == "uint8" and rank == 4 else None
