"""Damage a TFRecord file in every way and say what TensorFlow reads: ``record_files.py FOLDER``.

Writes each file into the folder and prints, by its name, the records and the error. Runs in a
process of its own, since the tests' process never imports TensorFlow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf


def damaged(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Cut the file anywhere, and change each of its bytes."""
    for place in range(len(whole) + 1):
        yield f"cut_{place}", whole[:place]
    for place in range(len(whole)):
        yield f"changed_{place}", whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]


def main() -> None:
    """Write, read, print."""
    folder = Path(sys.argv[1])
    with tf.io.TFRecordWriter(str(folder / "whole")) as writer:
        for record in (b"", b"abc", b"x" * 50):
            writer.write(record)
    found = {}
    for name, content in damaged((folder / "whole").read_bytes()):
        path = folder / name
        path.write_bytes(content)
        records, error = [], ""
        try:
            for record in tf.compat.v1.io.tf_record_iterator(str(path)):
                records.append(record.decode())
        except tf.errors.DataLossError as err:
            error = err.message
        found[name] = [records, error]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
