"""The descriptor pool of the messages, and what is found in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, message_factory, wrappers_pb2
from google.protobuf.descriptor import ServiceDescriptor
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
        return message_factory.GetMessageClass(POOL.FindMessageTypeByName(full_name))
    except KeyError:
        return EnumTypeWrapper(POOL.FindEnumTypeByName(full_name))


def service(full_name: str) -> ServiceDescriptor:
    """Return a service, for instance ``tensorflow.serving.PredictionService``.

    Raises:
        KeyError: There is none.
    """
    return POOL.FindServiceByName(full_name)
