"""What a contract says of a tensor, in one sentence for a documentation comment."""

from __future__ import annotations

from signature_contract.contract import TensorSpec


def meaning_of(spec: TensorSpec) -> str:
    """Return dtype, shape, range, default value and meaning."""
    parts = [str(spec)]
    if spec.value_range:
        parts.append(f"from {spec.value_range[0]:g} to {spec.value_range[1]:g}")
    if spec.has_default:
        parts.append(spec.default_text)
    text = ", ".join(parts)
    return f"{text}: {spec.meaning}" if spec.meaning else text
