"""What was found out about a model, whatever it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signature_contract.signature import Signature


@dataclass(frozen=True)
class Declaration:
    """A model's own word on how it is called.

    Attributes:
        source: Where it was read, for messages.
        signatures: Signature by key.
        tags: The tags of the graph in a SavedModel; empty where the source has none.
        knows_defaults: Whether the source can say which inputs have default values.
    """

    source: str
    signatures: Mapping[str, Signature]
    tags: tuple[str, ...] = ()
    knows_defaults: bool = True
