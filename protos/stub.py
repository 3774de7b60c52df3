"""The text of ``protos/__init__.pyi``: every message with its fields, for type checkers."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)

_HEAD = """\
# Written by `python -m protos` from the .proto files beside it.
from collections.abc import Iterable, Mapping

from google.protobuf.any_pb2 import Any
from google.protobuf.internal.containers import (
    MessageMap,
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
    ScalarMap,
)
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, Int64Value, StringValue
"""

_Field = FieldDescriptorProto
_SCALARS = {
    **dict.fromkeys((_Field.TYPE_DOUBLE, _Field.TYPE_FLOAT), "float"),
    _Field.TYPE_BOOL: "bool",
    _Field.TYPE_STRING: "str",
    _Field.TYPE_BYTES: "bytes",
}


def stub(files: FileDescriptorSet) -> str:
    """Write the stub.

    Args:
        files: The compiled ``.proto`` files.

    Returns:
        Python text, unformatted.
    """
    lines = [_HEAD]
    for file in files.file:
        for enum in file.enum_type:
            lines += ["", *_enum(enum)]
        for message in file.message_type:
            lines += ["", *_message(message, (*filter(None, [file.package]), message.name))]
    return "\n".join(lines) + "\n"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _enum(enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"class _{enum.name}(EnumTypeWrapper):"
    for value in enum.value:
        yield f"    {value.name}: int"
    yield f"{enum.name}: _{enum.name}"


def _message(message: DescriptorProto, path: tuple[str, ...]) -> Iterator[str]:
    entries = {
        f".{'.'.join(path)}.{nested.name}": nested
        for nested in message.nested_type
        if nested.options.map_entry
    }
    yield f"class {message.name}(Message):"
    for enum in message.enum_type:
        yield from _indented(_enum(enum))
        for value in enum.value:
            yield f"    {value.name}: int"
    for nested in message.nested_type:
        if not nested.options.map_entry:
            yield from _indented(_message(nested, (*path, nested.name)))
    arguments = []
    for field in message.field:
        kind = _name(field)
        given = kind
        if field.type_name in entries:
            of_key, of_value = entries[field.type_name].field
            holds = "Message" if of_value.type == _Field.TYPE_MESSAGE else "Scalar"
            kind = f"{holds}Map[{_name(of_key)}, {_name(of_value)}]"
            given = f"Mapping[{_name(of_key)}, {_name(of_value)}]"
        elif field.label == _Field.LABEL_REPEATED:
            holds = "Composite" if field.type == _Field.TYPE_MESSAGE else "Scalar"
            kind, given = f"Repeated{holds}FieldContainer[{kind}]", f"Iterable[{kind}]"
        if field.label == _Field.LABEL_REPEATED or field.type == _Field.TYPE_MESSAGE:
            yield "    @property"
            yield f"    def {field.name}(self) -> {kind}: ..."
        else:
            yield f"    {field.name}: {kind}"
        arguments.append(f"{field.name}: {given} | None = ...")
    if arguments:
        yield f"    def __init__(self, *, {', '.join(arguments)}) -> None: ..."
    else:
        yield "    def __init__(self) -> None: ..."


def _name(field: FieldDescriptorProto) -> str:
    """Return a value's type; of a message or an enumeration its name below the package."""
    if field.type == _Field.TYPE_MESSAGE:
        # Packages are in small letters and messages are not.
        return ".".join(part for part in field.type_name.split(".") if part[:1].isupper())
    return _SCALARS.get(field.type, "int")
