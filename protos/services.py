"""The gRPC services of the messages: what a server answers with and what a client calls."""

from __future__ import annotations

from typing import Any

import grpc

from protos import pool

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"


def handler(service: str, servicer: object) -> grpc.GenericRpcHandler:
    """Return what ``grpc.Server.add_generic_rpc_handlers`` takes.

    Args:
        service: Full name of the service.
        servicer: Has a method of the name of each of the service's, which takes the request and the
            call's context and returns the answer. One that it lacks is answered UNIMPLEMENTED.
    """
    methods = {
        method.name: grpc.unary_unary_rpc_method_handler(
            getattr(servicer, method.name),
            request_deserializer=pool.message_class(method.input_type).FromString,
            response_serializer=pool.message_class(method.output_type).SerializeToString,
        )
        for method in pool.service(service).methods
        if hasattr(servicer, method.name)
    }
    return grpc.method_handlers_generic_handler(service, methods)


class Stub:
    """Calls of a service on a channel: an attribute each, by the method's name."""

    def __init__(self, channel: grpc.Channel, service: str) -> None:
        """Prepare the calls.

        Args:
            channel: Stays the caller's.
            service: Full name of the service.
        """
        for method in pool.service(service).methods:
            call = channel.unary_unary(
                f"/{service}/{method.name}",
                request_serializer=pool.message_class(method.input_type).SerializeToString,
                response_deserializer=pool.message_class(method.output_type).FromString,
            )
            setattr(self, method.name, call)

    def __getattr__(self, name: str) -> Any:
        """Say that the service has no such call."""
        raise AttributeError(f"the service has no call {name!r}", name=name)
