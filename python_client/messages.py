"""TensorFlow Serving's generated protobuf messages, without TensorFlow.

``import tensorflow_serving.apis.predict_pb2`` executes ``tensorflow/__init__`` on its way to
``tensorflow.core.framework.tensor_pb2``: seconds and half a gigabyte for a file of message
descriptions. Here the generated files are executed one by one, each with an ``__import__`` of its
own that answers ``tensorflow.*`` and ``tensorflow_serving.*`` from this module. ``sys.modules``
never sees those names, so there is nothing to undo and no moment at which another thread could find
half a ``tensorflow``.

A process that also imports TensorFlow, earlier, later or at the same time, executes the same files
once more under their real names. protobuf keeps one class for each message of its descriptor pool,
so both sides then hold the very same classes.
"""

from __future__ import annotations

import builtins
import functools
import importlib.util
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from python_client.errors import MessagesMissingError

_PACKAGES = ("tensorflow", "tensorflow_serving")
_loaded: dict[str, ModuleType] = {}


def load(name: str) -> Any:
    """Execute one generated module, and what it imports, unless that was done before.

    Args:
        name: Its full name, for instance ``tensorflow_serving.apis.predict_pb2``.

    Returns:
        The module, which is not in ``sys.modules``.

    Raises:
        MessagesMissingError: Its package is not installed.
    """
    if name not in _loaded:
        spec = _find(name)
        if spec is None or spec.loader is None:
            raise MessagesMissingError(
                f"python_client cannot find {name}: it needs the message files of the packages "
                "tensorflow-serving-api and tensorflow (which it reads and never starts); "
                'install them with: pip install "tensorflow-serving-api>=2.21,<2.22"'
            )
        code = getattr(spec.loader, "get_code")(name)  # noqa: B009  # not in the Loader protocol
        module = ModuleType(name)
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import}
        exec(code, vars(module))  # noqa: S102  # the file `import` would execute, no other
        _loaded[name] = module
    return _loaded[name]


@functools.cache
def _find(name: str) -> ModuleSpec | None:
    """Look a module up without executing the packages above it, as ``import`` would."""
    parent = name.rpartition(".")[0]
    if not parent:
        return importlib.util.find_spec(name)
    above = _find(parent)
    if above is None or above.submodule_search_locations is None:
        return None
    return PathFinder.find_spec(name, above.submodule_search_locations)


def _import(
    name: str,
    globals_: Mapping[str, object] | None = None,
    locals_: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """Stand in for ``__import__`` inside generated files."""
    if name.partition(".")[0] not in _PACKAGES:
        return builtins.__import__(name, globals_, locals_, fromlist or (), level)
    if name.endswith("_pb2"):
        return load(name)  # `from ….x_pb2 import *`, protobuf's public import
    package = ModuleType(name)
    for member in fromlist or ():
        setattr(package, member, load(f"{name}.{member}"))
    return package


_tensor = load("tensorflow.core.framework.tensor_pb2")
_types = load("tensorflow.core.framework.types_pb2")
_error_codes = load("tensorflow.core.protobuf.error_codes_pb2")
_predict = load("tensorflow_serving.apis.predict_pb2")
_metadata = load("tensorflow_serving.apis.get_model_metadata_pb2")
_status = load("tensorflow_serving.apis.get_model_status_pb2")

TensorProto: Any = _tensor.TensorProto
DataType: Any = _types.DataType
ErrorCode: Any = _error_codes.Code
PredictRequest: Any = _predict.PredictRequest
PredictResponse: Any = _predict.PredictResponse
GetModelMetadataRequest: Any = _metadata.GetModelMetadataRequest
GetModelMetadataResponse: Any = _metadata.GetModelMetadataResponse
SignatureDefMap: Any = _metadata.SignatureDefMap
GetModelStatusRequest: Any = _status.GetModelStatusRequest
GetModelStatusResponse: Any = _status.GetModelStatusResponse
ModelVersionStatus: Any = _status.ModelVersionStatus
