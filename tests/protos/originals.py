"""Prints TensorFlow's own messages, enumerations and services as JSON, by full name.

Usage: ``originals.py``; names are read from standard input. A process of its own, since pytest
never imports TensorFlow.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> None:
    """Describe each name that the packages know; others are left out."""
    import tensorflow  # noqa: F401  # first: the other package imports parts of it
    import tensorflow_serving.apis
    import tensorflow_serving.config
    from google.protobuf import descriptor_pool

    from tests.protos.description import describe

    for package in (tensorflow_serving.apis, tensorflow_serving.config):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    found = {}
    for name in json.load(sys.stdin):
        try:
            found[name] = describe(descriptor_pool.Default(), name)
        except KeyError:
            continue
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
