"""``python -m protos``: compile the ``.proto`` files of a checkout."""

from __future__ import annotations

import subprocess
import sys

from protos.compilation import FOLDER, STUB, ProtocMissingError, compiled


def main() -> int:
    """Write the descriptors and the stub; return the exit code."""
    try:
        files = compiled()
    except ProtocMissingError as err:
        print(err, file=sys.stderr)  # noqa: T201
        return 1
    except subprocess.CalledProcessError as err:
        return err.returncode
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", FOLDER / STUB], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
