"""The typed Python client of a contract."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from string import Template

from signature_contract.contract import Contract, Signature, TensorSpec
from signature_contract.stubs.names import class_name, python_names

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
    """An answer of "$key"."""

$fields
''')

_METHOD = Template('''\
    def $method(self$parameters, timeout_s: float | None = None) -> $answer:
        """$summary

        Args:
$arguments
            timeout_s: Longest wait for the answer, in seconds.
        """
        inputs: dict[str, Any] = {$required}
$optional        outputs = self._client.predict(inputs, $key, timeout_s=timeout_s)
        return $answer($outputs)

''')

_OPTIONAL = Template("""\
        if $argument is not None:
            inputs[$name] = $argument
""")

_TAKEN = ("self", "timeout_s", "inputs", "outputs", "np", "npt")
_METHODS_TAKEN = ("close",)
_WIDTH = 88


def python_stub(contract: Contract) -> str:
    """Return a module with one class that has a typed method for each signature.

    Args:
        contract: The contract; a copy stands in the module.
    """
    methods = python_names(contract.signatures, _METHODS_TAKEN)
    answers = {key: f"{class_name(key)}Answer" for key in contract.signatures}
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
    names = python_names(signature.outputs, ("index", "count"))
    fields = "\n".join(
        f"    {names[output]}: {_array(spec)}\n" + _described('    """', _meaning(spec), '"""')
        for output, spec in signature.outputs.items()
    )
    return _ANSWER.substitute(name=name, key=_plain(key), fields=fields) + "\n"


def _method(method: str, answer: str, key: str, signature: Signature) -> str:
    names = python_names(signature.inputs, _TAKEN)
    required = {n: s for n, s in signature.inputs.items() if not s.has_default}
    optional = {n: s for n, s in signature.inputs.items() if s.has_default}
    parameters = [f"{names[name]}: {_array(spec)}" for name, spec in required.items()]
    parameters += [
        f"{names[name]}: {_array(spec)} | None = None" for name, spec in optional.items()
    ]
    outputs = python_names(signature.outputs, ("index", "count"))
    return _METHOD.substitute(
        method=method,
        parameters="".join(f", {one}" for one in (["*", *parameters] if parameters else [])),
        answer=answer,
        summary=_plain(signature.summary or f'Ask "{key}".'),
        arguments="\n".join(_arguments(names, {**required, **optional})),
        required=", ".join(f"{name!r}: {names[name]}" for name in required),
        optional="".join(
            _OPTIONAL.substitute(argument=names[name], name=repr(name)) for name in optional
        ),
        key=repr(key),
        outputs=", ".join(f"{outputs[name]}=outputs[{name!r}]" for name in signature.outputs),
    )


def _arguments(names: Mapping[str, str], specs: Mapping[str, TensorSpec]) -> Iterator[str]:
    for name, spec in specs.items():
        text = f"{names[name]}: {_meaning(spec)}"
        yield textwrap.fill(
            text, _WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 16,
            break_on_hyphens=False,
        )  # fmt: skip


def _meaning(spec: TensorSpec) -> str:
    parts = [str(spec)]
    if spec.value_range:
        parts.append(f"from {spec.value_range[0]:g} to {spec.value_range[1]:g}")
    if spec.has_default:
        parts.append(spec.default_text)
    text = ", ".join(parts)
    return _plain(f"{text}: {spec.meaning}" if spec.meaning else text)


def _described(before: str, text: str, after: str) -> str:
    return textwrap.fill(
        before + text + after, _WIDTH, subsequent_indent="    ", break_on_hyphens=False
    )


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
