"""How to repair the tensors people most often send by mistake."""

from __future__ import annotations

from collections.abc import Sequence

from signature_contract.contract import TensorSpec


def fix_for(spec: TensorSpec, dtype: str, shape: Sequence[int]) -> str:
    """Say what to do about a tensor that a signature does not admit.

    Args:
        spec: What the signature takes.
        dtype: What was received, as a contract names it.
        shape: What was received.

    Returns:
        One sentence, or nothing where there is nothing sensible to say.
    """
    if spec.admits(dtype, shape):
        return ""
    takes_pixels = spec.dtype == "uint8" and spec.shape is not None and len(spec.shape) == 4
    if spec.dtype == "string" and dtype == "uint8":
        return "send the encoded file itself, as bytes; pixels belong to another signature"
    if takes_pixels and dtype == "string":
        return "send decoded pixels; encoded files belong to another signature"
    if takes_pixels and dtype != "uint8":
        return (
            "send uint8 pixels 0..255 as they are: the graph resizes and normalises "
            "(from floats in 0..1: (image * 255).round().astype(np.uint8))"
        )
    if spec.shape is not None and len(shape) == len(spec.shape) - 1:
        return f"the batch axis is missing: array[np.newaxis] has shape {[1, *shape]}"
    if takes_pixels and len(shape) == 4 and shape[1] == 3 != shape[3]:
        return "channels come last: np.moveaxis(batch, 1, -1)"
    if takes_pixels and len(shape) == 4 and shape[3] == 4:
        return "drop the alpha channel: batch[..., :3]"
    if takes_pixels and len(shape) == 4 and shape[3] == 1:
        return "repeat the grey channel: np.repeat(batch, 3, axis=-1)"
    if dtype == spec.dtype:
        return ""
    if spec.dtype == "string":
        return "send text, as str or bytes"
    if spec.dtype == "bfloat16":
        return "send float32, which is rounded to bfloat16: array.astype(np.float32)"
    return f"convert it yourself: array.astype(np.{spec.dtype})"
