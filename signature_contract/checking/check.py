"""One check of one model, from what it declares to what it does when it is asked.

Looking at what it declares needs neither TensorFlow nor NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signature_contract.checking.options import Options
from signature_contract.checking.outcome import Item, Outcome
from signature_contract.contract import Contract, Difference
from signature_contract.contract_errors import TargetError
from signature_contract.declared.declaration import Declaration
from signature_contract.declared.server import Address
from signature_contract.declared.targets import read_declaration, target_of
from signature_contract.rules import STATIC_RULES

if TYPE_CHECKING:
    from signature_contract.checking.running import Running

READ, GOLDEN = "read", "golden answers"


def check(target: str | Path, contract: Contract, options: Options | None = None) -> Outcome:
    """Hold a model to a contract.

    Args:
        target: A SavedModel's folder, a ``.tflite`` file, or a server's address; see
            :func:`signature_contract.declared.targets.target_of`.
        contract: The contract.
        options: How far to go.

    Returns:
        What was found; look at ``ok``.

    Raises:
        TargetError: There is no such target, or what would run it is not installed.
        ContractError: The golden answers are not this contract's.
    """
    return Check.of(target, contract, options).run()


@dataclass(frozen=True)
class Check:
    """A check that is planned: what it will look at is known before it looks.

    Attributes:
        target: The model, as it was named.
        place: The model.
        contract: What it is held to.
        options: How far to go.
        running: What it will be asked; None where it is not run.
    """

    target: str
    place: Path | Address
    contract: Contract
    options: Options
    running: Running | None

    @classmethod
    def of(cls, target: str | Path, contract: Contract, options: Options | None = None) -> Check:
        """Plan a check; see :func:`check`."""
        options = options or Options()
        place = target_of(target, options.name or contract.model)
        running = None
        if not options.static:
            from signature_contract.checking.running import Running  # loads NumPy

            running = Running.of(place, contract, options)
        return cls(str(target), place, contract, options, running)

    @property
    def names(self) -> list[str]:
        """Names of the items that :meth:`run` decides, in its order."""
        running = self.running.names if self.running else []
        return [READ, *(f"rule {rule}" for rule in STATIC_RULES), *running, GOLDEN]

    def run(self) -> Outcome:
        """Look at everything; see :func:`check`."""
        try:
            found = read_declaration(self.place, self.options.tags or self.contract.tags)
        except TargetError as err:
            if not isinstance(self.place, Path):
                raise
            unreadable = Difference("unreadable", self.target, "a model", str(err))
            return self._outcome([Item(READ, (unreadable,))], "the model cannot be read")
        items = [Item(READ), *_static_items(self.contract, found)]
        items = [item.without(self.options.ignored) for item in items]
        if not all(item.ok for item in items):
            return self._outcome(items, "what it declares is not what the contract says")
        if self.running:
            items += [item.without(self.options.ignored) for item in self.running.items()]
        return self._outcome(items, "the model was not run")

    def _outcome(self, items: Sequence[Item], reason: str) -> Outcome:
        """Put items in order; what was not looked at has a reason."""
        golden = len(self.running.cases) if self.running else 0
        found = {item.name: item for item in (*items, self._golden_item(golden))}
        in_order = tuple(found.get(name, Item(name, skipped=reason)) for name in self.names)
        return Outcome(self.target, self.contract.model, in_order, golden)

    def _golden_item(self, count: int) -> Item:
        if count:
            return Item(GOLDEN)
        reason = "none" if self.running else "none: the model was not run"
        missing = Difference("no-golden-answers", GOLDEN, "some to compare with", reason)
        return Item(GOLDEN, (missing,), advisory=True).without(self.options.ignored)


def _static_items(contract: Contract, found: Declaration) -> list[Item]:
    # Signatures that no contract could name are nobody's promise.
    signatures = {
        key: signature
        for key, signature in found.signatures.items()
        if key in contract.signatures or signature.can_be_named
    }
    differences = contract.differences(signatures, defaults=found.knows_defaults)
    return [
        Item(f"rule {rule}", tuple(one for one in differences if one.rule == rule))
        for rule in STATIC_RULES
    ]
