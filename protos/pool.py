"""The descriptor pool of the messages, and what is found in it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, message_factory, wrappers_pb2
from google.protobuf.descriptor import Descriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

DESCRIPTORS = "descriptors.binpb"
"""File of this package with the compiled ``.proto`` files, a ``FileDescriptorSet``."""

# What the .proto files import of protobuf's own; the installed protobuf has them.
WELL_KNOWN = (any_pb2, wrappers_pb2)

POOL = DescriptorPool()
"""Of these messages alone: the default pool belongs to whoever imports TensorFlow."""

NAMES: dict[str, str] = {}
"""Full name by the name in ``protos``, of messages and enumerations."""


def _fill() -> None:
    for module in WELL_KNOWN:
        POOL.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    data = Path(__file__).with_name(DESCRIPTORS).read_bytes()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
        POOL.AddSerializedFile(file.SerializeToString())
        names = [message.name for message in file.message_type]
        names += [enum.name for enum in file.enum_type]
        NAMES.update({name: f"{file.package}.{name}" for name in names})


_fill()


_HOLDING = threading.Lock()
_HELD: dict[str, Any] = {}
# Class by full name, of every message that was asked for and all that it may hold. protobuf keeps
# no class alive that no message of is: the garbage collector takes it apart (the class of a field's
# message, say, once a request is answered), and a thread that meanwhile reads such a field is given
# that very class again, whose description is gone already. Reading an attribute of its message then
# ends the process (protobuf 7.36, PyUpb_MessageMeta_GetDynamicAttr).


def message_class(descriptor: Descriptor) -> Any:
    """Return the class of a message, which lives from now on, as do those of its fields."""
    if descriptor.full_name not in _HELD:
        with _HOLDING:
            found: dict[str, Any] = {}
            _collect(descriptor, found)
            _HELD.update(found)
    return _HELD[descriptor.full_name]


def _collect(descriptor: Descriptor, found: dict[str, Any]) -> None:
    if descriptor.full_name in found:
        return
    found[descriptor.full_name] = message_factory.GetMessageClass(descriptor)
    for field in descriptor.fields:
        if field.message_type is not None:
            _collect(field.message_type, found)


def find(name: str) -> Any:
    """Return the class of a message, or an enumeration.

    Args:
        name: Its name without the package, for instance ``PredictRequest``.

    Raises:
        AttributeError: There is none; the message says where it would have to be added.
    """
    try:
        full_name = NAMES[name]
    except KeyError:
        raise AttributeError(
            f"protos has no message or enumeration {name!r}: add it to the .proto files and run "
            "`python -m protos`",
            name=name,
        ) from None
    try:
        return message_class(POOL.FindMessageTypeByName(full_name))
    except KeyError:
        return EnumTypeWrapper(POOL.FindEnumTypeByName(full_name))


def service(full_name: str) -> ServiceDescriptor:
    """Return a service, for instance ``tensorflow.serving.PredictionService``.

    Raises:
        KeyError: There is none.
    """
    return POOL.FindServiceByName(full_name)
