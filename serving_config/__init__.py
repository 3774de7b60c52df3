"""What a server reads: signature contracts and server configuration.

Every other package may import this one; it imports nothing but the standard library.
"""

from serving_config.version import __version__

__all__ = ["__version__"]
