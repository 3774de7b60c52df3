"""gRPC server reflection, so that ``grpcurl`` and its like need no .proto files.

Both versions of the protocol, which differ in nothing but the package's name. The library's own
servicer has version 1alpha only and does not find a method by its full name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]
    reflection,
    reflection_pb2,
    reflection_pb2_grpc,
)

from protos.pool import POOL

_V1_ALPHA, _V1 = "grpc.reflection.v1alpha", "grpc.reflection.v1"
_METHOD = "ServerReflectionInfo"
SERVICES = (f"{_V1_ALPHA}.ServerReflection", f"{_V1}.ServerReflection")


def add_reflection(server: grpc.Server, services: Iterable[str]) -> None:
    """Answer reflection requests.

    Args:
        server: The server.
        services: Full names of its other services.
    """
    servicer = reflection.ReflectionServicer([*services, *SERVICES], pool=_pool())
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(SERVICES[1], {_METHOD: method})]
    )


def _pool() -> Any:
    """Return our messages' pool, the default pool, and version 1's own description of itself."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = file.name.replace("v1alpha", "v1")
    file.package = _V1
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(_V1_ALPHA, _V1)
    for service in file.service:
        for method in service.method:
            method.input_type = method.input_type.replace(_V1_ALPHA, _V1)
            method.output_type = method.output_type.replace(_V1_ALPHA, _V1)
    own = descriptor_pool.DescriptorPool()
    own.Add(file)
    # What protobuf's own packages describe, health checks for one, is in the default pool.
    return _Pools(POOL, descriptor_pool.Default(), own)


class _Pools:
    """Descriptor pools asked in turn; a symbol is also found by its method's or field's name."""

    def __init__(self, *pools: Any) -> None:
        self._pools = pools

    def FindFileContainingSymbol(self, name: str) -> Any:  # noqa: N802  # the pools' own
        try:
            return self._first("FindFileContainingSymbol", name)
        except KeyError:
            parent, _, member = name.rpartition(".")
            for kind, members in (
                ("FindServiceByName", "methods_by_name"),
                ("FindMessageTypeByName", "fields_by_name"),
                ("FindEnumTypeByName", "values_by_name"),
            ):
                try:
                    found = self._first(kind, parent)
                except KeyError:
                    continue
                if member in getattr(found, members):
                    return found.file
            raise

    def __getattr__(self, find: str) -> Any:
        return lambda *arguments: self._first(find, *arguments)

    def _first(self, find: str, *arguments: Any) -> Any:
        missing = KeyError(*arguments)
        for pool in self._pools:
            try:
                return getattr(pool, find)(*arguments)
            except KeyError as err:
                missing = err
        raise missing
