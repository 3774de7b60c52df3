"""``python -m python_client``: ask a TensorFlow Serving server from a shell."""

import sys

from python_client._command_line.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
