"""What a command needs beyond the light installation: a sentence in place of a traceback.

``pip install vision-forge`` brings the Python client and the contract tool; pyproject.toml lists
the extras that bring the rest.
"""

from __future__ import annotations


def missing_extra(program: str, extra: str, err: ModuleNotFoundError) -> str | None:
    """Say what to install.

    Args:
        program: What was to run.
        extra: The extra that brings all it needs.
        err: The import that failed.

    Returns:
        One sentence, or None where what is missing is a module of this project.
    """
    package = (err.name or "").partition(".")[0]
    if not package or package in _OURS:
        return None
    return f"{program} needs {package}, which is not installed: pip install 'vision-forge[{extra}]'"


_OURS = frozenset(
    (
        *("demo", "export", "model_server", "protos", "python_client", "serving_config"),
        "signature_contract",
    )
)
