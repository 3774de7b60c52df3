"""TensorFlow Serving's gRPC API on in-process TensorFlow: the embedded default."""

from serving_config.version import __version__

__all__ = ["__version__"]
