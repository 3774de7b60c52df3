"""The toolkit's main job shown once, end to end, on real photographs."""

from serving_config.version import __version__

__all__ = ["__version__"]
