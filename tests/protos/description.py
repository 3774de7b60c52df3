"""What of a message, an enumeration or a service is on the wire, in text format or in JSON."""

from __future__ import annotations

from typing import Any

Description = dict[str, Any]


def describe(pool: Any, name: str) -> Description:
    """Describe what a descriptor pool has under a full name.

    Args:
        pool: A ``DescriptorPool``.
        name: Full name of a message, an enumeration or a service.

    Returns:
        By name, in the order of declaration: a field's number, type, label, oneof, JSON name and
        so on; a value's number; a method's types.

    Raises:
        KeyError: The pool has nothing of that name.
    """
    try:
        return _message(pool.FindMessageTypeByName(name))
    except KeyError:
        pass
    try:
        values = pool.FindEnumTypeByName(name).values
    except KeyError:
        return _service(pool.FindServiceByName(name))
    return {value.name: value.number for value in values}


def _message(message: Any) -> Description:
    return {field.name: _field(field) for field in message.fields}


def _field(field: Any) -> Description:
    kind = field.message_type or field.enum_type
    return {
        "number": field.number,
        "type": field.type,
        "of": kind.full_name if kind else "",
        "repeated": field.is_repeated,
        "packed": field.is_packed if field.is_repeated else False,
        "presence": field.has_presence,
        "oneof": field.containing_oneof.name if field.containing_oneof else "",
        "json": field.json_name,
        "default": repr(field.default_value) if not field.is_repeated else "",
    }


def _service(service: Any) -> Description:
    return {
        method.name: [
            method.input_type.full_name,
            method.output_type.full_name,
            method.client_streaming,
            method.server_streaming,
        ]
        for method in service.methods
    }
