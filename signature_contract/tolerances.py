"""A contract whose tolerances are others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from signature_contract.contract import Contract
from signature_contract.contract_errors import ContractError
from signature_contract.signature import TensorSpec, Tolerance


def with_tolerances(contract: Contract, stated: Mapping[str, Tolerance]) -> Contract:
    """State how far answers may lie from the golden ones.

    Args:
        contract: The contract.
        stated: By output's name, in every signature that has it; others keep theirs.

    Raises:
        ContractError: No signature has such an output.
    """
    known = {name for signature in contract.signatures.values() for name in signature.outputs}
    if unknown := sorted(stated.keys() - known):
        raise ContractError(
            f"there is no output {', '.join(unknown)}; outputs are {', '.join(sorted(known))}"
        )

    def stating(name: str, spec: TensorSpec) -> TensorSpec:
        return replace(spec, stated_tolerance=stated.get(name, spec.stated_tolerance))

    signatures = {
        key: replace(
            signature,
            outputs={name: stating(name, spec) for name, spec in signature.outputs.items()},
        )
        for key, signature in contract.signatures.items()
    }
    return replace(contract, signatures=signatures)
