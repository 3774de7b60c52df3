"""``python -m signature_contract``: the command ``vision-contract``."""

import sys

from signature_contract.command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
