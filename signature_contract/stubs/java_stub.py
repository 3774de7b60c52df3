"""The typed Java client of a contract."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from string import Template

from signature_contract.contract import Contract, Signature, TensorSpec
from signature_contract.contract_errors import ContractError
from signature_contract.stubs.names import class_name, class_names, java_names
from signature_contract.stubs.words import meaning_of

_FILE = Template('''\
${package}import io.thecodeforge.ml.contract.Contract;
import io.thecodeforge.ml.contract.TensorValue;
import io.thecodeforge.ml.grpc.ModelGrpcClient;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A client of the model "$model", written by {@code vision-contract stubs} from its contract.
 *
$summary
 *
 * <p>Requests and answers are held to the contract; exceptions are {@link ModelGrpcClient}'s.
 */
public final class $name implements AutoCloseable {
  /** What the model takes and gives. */
  public static final Contract CONTRACT =
      Contract.parse(
          """
$contract\
          """,
          "$name");

  private final ModelGrpcClient client;

  /**
   * Asks through a client, which it closes when it is closed.
   *
   * @param client made with {@link #CONTRACT}
   */
  public $name(ModelGrpcClient client) {
    this.client = client;
  }

  /**
   * Connects without encryption.
   *
   * @param target HOST:PORT
   */
  public static $name connect(String target) {
    return new $name(
        ModelGrpcClient.builder(target).model(CONTRACT.model()).contract(CONTRACT).build());
  }
$answers$methods
  @Override
  public void close() {
    client.close();
  }
}
''')

_ANSWER = Template("""
  /**
   * An answer of "$key".
   *
$parameters
   */
  public record $name($fields) {}
""")

_METHOD = Template("""
  /**
$summary
   *
$arguments   */
  public $answer $method($parameters) {
    Map<String, TensorValue> inputs = new LinkedHashMap<>();
$inputs    Map<String, TensorValue> outputs = client.predict($key, inputs);
    return new $answer($outputs);
  }
""")

_TAKEN = ("inputs", "outputs", "client")
_METHODS_TAKEN = ("close", "connect", "wait", "notify", "hashCode", "equals", "toString")
_FIELDS_TAKEN = ("clone", "finalize", "getClass", "hashCode", "notify", "toString", "wait")
_WIDTH = 100
_PACKAGE = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*", re.ASCII)


def java_stub(contract: Contract, package: str = "") -> str:
    """Return a class that has a method for each signature, and a record for its answer.

    Inputs that have a default value come last; where there are any, the method exists without them
    as well.

    Args:
        contract: The contract; a copy stands in the class.
        package: The class's package; empty for none.

    Raises:
        ContractError: No package can be called that.
    """
    if package and not _PACKAGE.fullmatch(package):
        raise ContractError(f"no Java package can be called {package!r}")
    methods = java_names(contract.signatures, _METHODS_TAKEN)
    name = f"{class_name(contract.model)}Client"
    records = class_names(contract.signatures, "Answer")
    signatures = {key: contract.resolved(key) for key in contract.signatures}
    return _FILE.substitute(
        package=f"package {package};\n\n" if package else "",
        model=_comment(contract.model),
        summary=_wrapped(_comment(contract.summary or "Its contract does not say more."), " * "),
        name=name,
        contract=textwrap.indent(_text_block(contract.to_json()), " " * 10),
        answers="".join(
            _answer(records[key], key, signature) for key, signature in signatures.items()
        ),
        methods="".join(
            method
            for key, signature in signatures.items()
            for method in _methods(methods[key], records[key], key, signature)
        ),
    )


def _answer(name: str, key: str, signature: Signature) -> str:
    names = java_names(signature.outputs, _FIELDS_TAKEN)
    return _ANSWER.substitute(
        key=_comment(key),
        name=name,
        parameters=_parameters(names, signature.outputs),
        fields=", ".join(f"TensorValue {names[name]}" for name in signature.outputs),
    )


def _methods(method: str, answer: str, key: str, signature: Signature) -> Iterator[str]:
    required = {name: spec for name, spec in signature.inputs.items() if not spec.has_default}
    optional = {name: spec for name, spec in signature.inputs.items() if spec.has_default}
    yield _method(method, answer, key, signature, required)
    if optional:
        yield _method(method, answer, key, signature, {**required, **optional})


def _method(
    method: str,
    answer: str,
    key: str,
    signature: Signature,
    inputs: Mapping[str, TensorSpec],
) -> str:
    names = java_names(signature.inputs, _TAKEN)
    arguments = _parameters(names, inputs)
    return _METHOD.substitute(
        summary=_wrapped(_comment(signature.summary or f'Asks "{key}".'), "   * "),
        arguments=f"{arguments}\n" if arguments else "",
        answer=answer,
        method=method,
        parameters=", ".join(f"TensorValue {names[name]}" for name in inputs),
        inputs="".join(f"    inputs.put({_literal(name)}, {names[name]});\n" for name in inputs),
        key=_literal(key),
        outputs=", ".join(f"outputs.get({_literal(name)})" for name in signature.outputs),
    )


def _parameters(names: Mapping[str, str], specs: Mapping[str, TensorSpec]) -> str:
    return "\n".join(
        textwrap.fill(
            f"@param {names[name]} {_comment(meaning_of(spec))}",
            _WIDTH,
            initial_indent="   * ",
            subsequent_indent="   *     ",
            break_on_hyphens=False,
        )
        for name, spec in specs.items()
    )


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _comment(text: str) -> str:
    """Return text that can stand in a documentation comment."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;")):
        text = text.replace(character, entity)
    return text.replace("*/", "*&#47;").replace("\\", "&#92;")


def _literal(text: str) -> str:
    """Return a string literal."""
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escape)
    return text


def _text_block(text: str) -> str:
    """Return text that can stand in a text block."""
    return text.replace("\\", "\\\\").replace('"""', '\\"""')
