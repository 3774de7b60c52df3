"""The typed Python client of a contract."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from string import Template

from signature_contract.contract import Contract, Signature, TensorSpec
from signature_contract.stubs.names import class_name, class_names, python_names
from signature_contract.stubs.words import meaning_of

_FILE = Template('''\
"""A client of the model "$model", written by `vision-contract stubs` from its contract.

$summary
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from python_client import ModelClient
from signature_contract import loads

CONTRACT = loads(
    r"""
$contract"""
)

$answers
class $name:
    """Asks "$model" on a TensorFlow Serving server.

    Requests and answers are held to ``CONTRACT``; errors are those of ``python_client``.
    """

    def __init__(self, target: str, **options: Any) -> None:
        """Connect to ``HOST:PORT``; options are those of :class:`python_client.ModelClient`."""
        self._client = ModelClient(target, model=CONTRACT.model, contract=CONTRACT, **options)

$methods
    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def __enter__(self) -> $name:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
''')

_ANSWER = Template('''
class $name(NamedTuple):
    """An answer of "$key".

    Attributes:
$attributes
    """

$fields
''')

_METHOD = Template('''\
    def $method(
        self,
$parameters        timeout_s: float | None = None,
    ) -> $answer:
        """$summary

        Args:
$arguments
            timeout_s: Longest wait for the answer, in seconds.
        """
        inputs: dict[str, Any] = {
$required        }
$optional        outputs = self._client.predict(inputs, $key, timeout_s=timeout_s)
        return $answer(
$outputs        )

''')

_OPTIONAL = Template("""\
        if $argument is not None:
            inputs[$name] = $argument
""")

_TAKEN = ("self", "timeout_s", "inputs", "outputs", "np", "npt")
_METHODS_TAKEN = ("close",)
_FIELDS_TAKEN = ("index", "count")
_WIDTH = 88


def python_stub(contract: Contract) -> str:
    """Return a module with one class that has a typed method for each signature.

    Args:
        contract: The contract; a copy stands in the module.
    """
    methods = python_names(contract.signatures, _METHODS_TAKEN)
    answers = class_names(contract.signatures, "Answer")
    return _FILE.substitute(
        model=_plain(contract.model),
        summary=_plain(contract.summary or "Its contract does not say what it is for."),
        contract=contract.to_json(),
        name=f"{class_name(contract.model)}Client",
        answers="".join(
            _answer(answers[key], key, contract.resolved(key)) for key in contract.signatures
        ),
        methods="".join(
            _method(methods[key], answers[key], key, contract.resolved(key))
            for key in contract.signatures
        ).rstrip("\n")
        + "\n",
    )


def _answer(name: str, key: str, signature: Signature) -> str:
    names = python_names(signature.outputs, _FIELDS_TAKEN)
    return _ANSWER.substitute(
        name=name,
        key=_plain(key),
        attributes="\n".join(_described(names, signature.outputs, 8)),
        fields="\n".join(
            f"    {names[output]}: {_array(spec)}" for output, spec in signature.outputs.items()
        ),
    )


def _method(method: str, answer: str, key: str, signature: Signature) -> str:
    names = python_names(signature.inputs, _TAKEN)
    required = {n: s for n, s in signature.inputs.items() if not s.has_default}
    optional = {n: s for n, s in signature.inputs.items() if s.has_default}
    parameters = [f"{names[name]}: {_array(spec)}" for name, spec in required.items()]
    parameters += [
        f"{names[name]}: {_array(spec)} | None = None" for name, spec in optional.items()
    ]
    outputs = python_names(signature.outputs, _FIELDS_TAKEN)
    return _METHOD.substitute(
        method=method,
        parameters="".join(
            f"        {one},\n" for one in (["*", *parameters] if parameters else [])
        ),
        answer=answer,
        summary=_plain(signature.summary or f'Ask "{key}".'),
        arguments="\n".join(_described(names, {**required, **optional}, 12)),
        required="".join(f"            {_literal(name)}: {names[name]},\n" for name in required),
        optional="".join(
            _OPTIONAL.substitute(argument=names[name], name=_literal(name)) for name in optional
        ),
        key=_literal(key),
        outputs="".join(
            f"            {outputs[name]}=outputs[{_literal(name)}],\n"
            for name in signature.outputs
        ),
    )


def _described(
    names: Mapping[str, str], specs: Mapping[str, TensorSpec], indent: int
) -> Iterator[str]:
    for name, spec in specs.items():
        yield textwrap.fill(
            f"{names[name]}: {_plain(meaning_of(spec))}",
            _WIDTH,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + 4),
            break_on_hyphens=False,
        )


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _array(spec: TensorSpec) -> str:
    if spec.dtype == "string":
        return "npt.NDArray[np.object_]"
    if spec.dtype == "bool":
        return "npt.NDArray[np.bool_]"
    held = "float32" if spec.dtype == "bfloat16" else spec.dtype
    return f"npt.NDArray[np.{held}]"


def _plain(text: str) -> str:
    """Return text that can stand in a docstring."""
    return text.replace("\\", "\\\\").replace('"""', "'''")
