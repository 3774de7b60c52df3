"""Train by transfer learning; write and verify SavedModels."""

from serving_config.version import __version__

__all__ = ["__version__"]
