"""Messages of the configuration files, and of GetModelStatus; importing them needs no TensorFlow.

Those that TensorFlow Serving's Python package leaves out are built here. ``BatchingParameters``,
``MonitoringConfig`` and ``SSLConfig`` are read in text format only, so the names of fields matter
and their numbers do not. The messages of GetModelStatus are as much of the real ones, number by
number, as it takes to see a state without importing TensorFlow. All live in a pool of their own,
where they cannot collide with a package that ships them one day.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    wrappers_pb2,
)
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig as ModelConfigMessage
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

__all__ = [
    "BatchingParameters",
    "GetModelStatusRequest",
    "GetModelStatusResponse",
    "ModelConfigMessage",
    "ModelServerConfig",
    "MonitoringConfig",
    "SSLConfig",
]

_PACKAGE = "tensorflow.serving"
_FILE = "model_server/messages/configuration.proto"
_Field = descriptor_pb2.FieldDescriptorProto
_WRAPPERS = "google.protobuf"

_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
}

_MESSAGES = {
    "BatchingParameters": {
        "max_batch_size": f"{_WRAPPERS}.Int64Value",
        "batch_timeout_micros": f"{_WRAPPERS}.Int64Value",
        "max_enqueued_batches": f"{_WRAPPERS}.Int64Value",
        "num_batch_threads": f"{_WRAPPERS}.Int64Value",
        "thread_pool_name": f"{_WRAPPERS}.StringValue",
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": f"{_WRAPPERS}.BoolValue",
        "max_execution_batch_size": f"{_WRAPPERS}.Int64Value",
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": f"{_PACKAGE}.PrometheusConfig"},
    "SSLConfig": {
        "server_key": "string",
        "server_cert": "string",
        "custom_ca": "string",
        "client_verify": "bool",
    },
    "ModelSpec": {"name": "string"},
    "GetModelStatusRequest": {"model_spec": f"{_PACKAGE}.ModelSpec"},
    "ModelVersionStatus": {"version": "int64", "state": "int32"},
    "GetModelStatusResponse": {
        "model_version_status": f"repeated {_PACKAGE}.ModelVersionStatus",
    },
}


def _build() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name=_FILE,
        package=_PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, members in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (member, kind) in enumerate(members.items(), start=1):
            repeated, _, scalar = kind.rpartition(" ")
            field = message.field.add(
                name=member,
                number=number,
                label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL,
            )
            if scalar in _SCALARS:
                field.type = _SCALARS[scalar]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".{scalar}"
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _build()


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


BatchingParameters = _class("BatchingParameters")
MonitoringConfig = _class("MonitoringConfig")
SSLConfig = _class("SSLConfig")
GetModelStatusRequest = _class("GetModelStatusRequest")
GetModelStatusResponse = _class("GetModelStatusResponse")
