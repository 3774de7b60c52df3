"""A published graph says which run made it.

A version's number identifies nothing: every ``MODELS`` directory has a version 1, and a number is
used again once its directory is deleted. What a server does tell, over ``GetModelMetadata``, are
the names of the tensors behind a signature's outputs. So each output ends in an Identity named
after the run, ``model_id/<UUID>/<signature>/<output>``. Any TensorFlow Serving passes it on, and no
caller sees it: requests and answers use the signature's names. An Identity copies nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

_SCOPE = "model_id"
_NAME = re.compile(
    rf"{_SCOPE}/([0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}})/"
)
_INITIALISER = "__saved_model_init_op"


def stamp(version_dir: Path, model_id: str) -> None:
    """Write a run's id into a SavedModel.

    Args:
        version_dir: A SavedModel without an id.
        model_id: The run's UUID.
    """
    path = version_dir / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in saved.meta_graphs:
        for key, signature in meta_graph.signature_def.items():
            if key == _INITIALISER:
                continue
            for output, tensor in sorted(signature.outputs.items()):
                node = meta_graph.graph_def.node.add()
                node.name = f"{_SCOPE}/{model_id}/{key}/{output}"
                node.op = "Identity"
                node.input.append(tensor.name.removesuffix(":0"))
                node.attr["T"].type = tensor.dtype
                tensor.name = f"{node.name}:0"
    path.write_bytes(saved.SerializeToString(deterministic=True))
    # TensorFlow notes a checksum of the file beside it.
    fingerprinting_utils.write_fingerprint(str(version_dir))


def read(tensor_names: Iterable[str]) -> set[str]:
    """Return the ids in the names of signatures' output tensors; none or one, if all is well."""
    return {found[1] for name in tensor_names if (found := _NAME.match(name))}
