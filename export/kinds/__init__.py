"""The kinds of model that this package can make."""

from export.errors import ExportError
from export.kinds import classifier, detector
from export.kinds.kind import ModelKind

KINDS = {kind.name: kind for kind in (classifier.KIND, detector.KIND)}
"""Kind by name."""

__all__ = ["KINDS", "ModelKind", "kind_of"]


def kind_of(model: str) -> ModelKind:
    """Return a kind by its name.

    Raises:
        ExportError: There is none; the message lists those that exist.
    """
    if model not in KINDS:
        raise ExportError(f"no kind of model is called {model!r}; there are {', '.join(KINDS)}")
    return KINDS[model]
