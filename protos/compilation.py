"""From the ``.proto`` files to what Python reads: the descriptors and the stub.

The compiler is the very file that Maven fetches for the Java client, so both languages see what one
program made of one source.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from protos import stub
from protos.pool import DESCRIPTORS, WELL_KNOWN

FOLDER = Path(__file__).parent
STUB = "__init__.pyi"

_MAVENS_PROTOC = "java_client/grpc-client/target/protoc-plugins"


class ProtocMissingError(Exception):
    """Maven has not fetched protobuf's compiler yet."""


def compiled() -> dict[str, bytes]:
    """Compile all ``.proto`` files of this folder.

    Returns:
        Content by name of each file that belongs beside them; the stub as it is before formatting.

    Raises:
        ProtocMissingError: There is no compiler.
        subprocess.CalledProcessError: A file has a mistake, which the compiler wrote to stderr.
    """
    names = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as temporary:
        well_known, result = Path(temporary, "well_known"), Path(temporary, "result")
        known = FileDescriptorSet()
        for module in WELL_KNOWN:
            known.file.add().ParseFromString(module.DESCRIPTOR.serialized_pb)
        well_known.write_bytes(known.SerializeToString())
        subprocess.run(
            [
                str(_protoc()),
                f"--proto_path={FOLDER}",
                f"--descriptor_set_in={well_known}",
                f"--descriptor_set_out={result}",
                "--fatal_warnings",
                *names,
            ],
            check=True,
            timeout=60,
        )
        descriptors = result.read_bytes()
    text = stub.stub(FileDescriptorSet.FromString(descriptors))
    return {DESCRIPTORS: descriptors, STUB: text.encode()}


def _protoc() -> Path:
    folder = FOLDER.parent / _MAVENS_PROTOC
    for path in sorted(folder.glob("protoc-*.exe")):
        return path
    raise ProtocMissingError(
        f"expected protobuf's compiler in {folder}, found none; Maven puts it there: `make java`"
    )
