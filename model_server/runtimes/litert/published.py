"""A version of this toolkit, whole: what its TFLite file cannot carry is done around it.

Image files are decoded, a classifier's class names added, a detector's letterbox and suppression
made in NumPy: the same steps with the same results as in the served graph, by the version's own
contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np

from model_server.errors import failed_precondition, invalid_argument
from model_server.runtimes.arrays import Array, type_name
from model_server.runtimes.limits import NO_LIMITS, CallLimits
from model_server.runtimes.litert.declared import tensor_info
from model_server.runtimes.litert.lite_file import LiteFile
from model_server.runtimes.litert.pictures import decode
from model_server.runtimes.signatures import PREDICT_METHOD, Signature
from protos import SignatureDef
from serving_config import refusals
from serving_config.detections import (
    BOXES,
    CANDIDATES,
    SCORES,
    SQUARE,
    candidates_signature,
    detections,
    letterbox,
)
from serving_config.refusals import asserted
from serving_config.tensor_names import (
    CLASSES,
    IMAGE_BYTES,
    INPUT_TENSOR,
    NUM_DETECTIONS,
    SERVING_BYTES,
    SERVING_DEFAULT,
)
from signature_contract.contract import Contract, Difference
from signature_contract.signature import signatures_from_proto
from signature_contract.version_files import CONTRACT_FILE, TFLITE_FILE

Answer = Mapping[str, Array]
_Item = TypeVar("_Item")


class Kind(Protocol):
    """One kind of model, from pixels to its contract's outputs."""

    def __call__(self, pixels: Array, limits: CallLimits) -> Answer:
        """Answer for pictures of one size.

        Args:
            pixels: uint8 [batch, height, width, 3].
            limits: What bounds the call.
        """


def published(
    file: LiteFile, contract: Contract, carried: Contract | None
) -> PublishedModel | None:
    """Make a loaded file whole by its version's contract.

    Args:
        file: The file; the result closes it.
        contract: The version's own.
        carried: The one inside the file, if there is one.

    Returns:
        The model; None where the contract is not one of this toolkit's image models.

    Raises:
        ServingError: FAILED_PRECONDITION, the file does not fit the contract.
    """
    inputs = {key: set(signature.inputs) for key, signature in contract.signatures.items()}
    if inputs != {SERVING_DEFAULT: {INPUT_TENSOR}, SERVING_BYTES: {IMAGE_BYTES}}:
        return None
    is_detector = NUM_DETECTIONS in contract.signature(SERVING_DEFAULT).outputs
    _check(file, contract, carried, is_detector)
    if is_detector:
        return PublishedModel(file, contract, _detector(file, contract))
    return PublishedModel(
        file, contract, _classifier(file, file.signatures[SERVING_DEFAULT], contract)
    )


def _check(file: LiteFile, contract: Contract, carried: Contract | None, is_detector: bool) -> None:
    """Hold a file to what it should have of a version's contract.

    Raises:
        ServingError: FAILED_PRECONDITION, with every difference.
    """
    if is_detector:
        side, classes = int(contract.parameters["image_size"]), len(contract.class_names)
        expected = {CANDIDATES: candidates_signature(side, classes)}
    else:
        whole = contract.signature(SERVING_DEFAULT)
        numbers = {name: spec for name, spec in whole.outputs.items() if name != CLASSES}
        expected = {SERVING_DEFAULT: replace(whole, outputs=numbers)}
    declared = {key: one.definition for key, one in file.signatures.items()}
    differences = replace(contract, signatures=expected).differences(
        signatures_from_proto(declared), defaults=False
    )
    if carried is not None and carried.class_names != contract.class_names:
        found = str(list(carried.class_names))
        differences.append(
            Difference("class-order", "class order", str(list(contract.class_names)), found)
        )
    if differences:
        raise failed_precondition(
            f"{TFLITE_FILE} does not fit {CONTRACT_FILE}: {'; '.join(map(str, differences))}"
        )


class PublishedModel:
    """A loaded version with all signatures of its contract. Thread-safe.

    Attributes:
        signatures: Signature by key.
    """

    def __init__(self, file: LiteFile, contract: Contract, kind: Kind) -> None:
        """Put a kind's steps around a file."""
        self.signatures = {key: _signature(contract, key) for key in contract.signatures}
        self._by_tensor = {
            info.tensor_name: (signature, info.alias)
            for signature in self.signatures.values()
            for info in (*signature.inputs.values(), *signature.outputs.values())
        }
        self._file = file
        self._answer = kind
        self._threads = ThreadPoolExecutor(file.pool.size, thread_name_prefix="litert")

    def run(
        self,
        signature: Signature,
        feeds: Mapping[str, Array],
        outputs: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run one signature; see :meth:`model_server.runtimes.runtime.LoadedModel.run`."""
        if signature.key == SERVING_BYTES:
            files = _checked_files(feeds[IMAGE_BYTES])
            answers = self._side_by_side(lambda file: self._answer(decode(file), limits), files)
        else:
            pieces = self._pieces(_checked_pixels(feeds[INPUT_TENSOR]))
            answers = self._side_by_side(lambda pixels: self._answer(pixels, limits), pieces)
        if len(answers) == 1:
            return [answers[0][name] for name in outputs]
        return [np.concatenate([answer[name] for answer in answers]) for name in outputs]

    def _pieces(self, pixels: Array) -> Sequence[Array]:
        """Cut a batch for the interpreters that have nothing else to do."""
        count = min(len(pixels), max(1, self._file.pool.idle))
        return np.array_split(pixels, count) if count > 1 else [pixels]

    def _side_by_side(
        self, answer: Callable[[_Item], Answer], items: Sequence[_Item]
    ) -> list[Answer]:
        if len(items) == 1:
            return [answer(items[0])]
        return list(self._threads.map(answer, items))

    def run_tensors(
        self,
        feeds: Mapping[str, Array],
        fetches: Sequence[str],
        limits: CallLimits = NO_LIMITS,
    ) -> list[Array]:
        """Run a signature by its tensors' names; see ``run_tensors`` of the same protocol."""
        inputs = {self._by_tensor[name][1]: value for name, value in feeds.items()}
        signature = self._by_tensor[next(iter(feeds))][0]
        return self.run(signature, inputs, [self._by_tensor[name][1] for name in fetches], limits)

    def close(self) -> None:
        """Free the interpreters. Nothing may run any more."""
        self._threads.shutdown(wait=False)
        self._file.close()
        self.signatures = {}


def _classifier(file: LiteFile, own: Signature, contract: Contract) -> Kind:
    numbers = list(own.outputs)
    names = np.array([[name.encode() for name in contract.class_names]], object)

    def answer(pixels: Array, limits: CallLimits) -> Answer:
        values = file.run(own, {INPUT_TENSOR: pixels}, numbers, limits)
        return {**dict(zip(numbers, values, strict=True)), CLASSES: names.repeat(len(pixels), 0)}

    return answer


def _detector(file: LiteFile, contract: Contract) -> Kind:
    own, parameters = file.signatures[CANDIDATES], contract.parameters
    side, limit = int(parameters["image_size"]), contract.bound["N"]

    def answer(pixels: Array, limits: CallLimits) -> Answer:
        square = letterbox(pixels, side)
        boxes, scores = file.run(own, {SQUARE: square}, [BOXES, SCORES], limits)
        height, width = pixels.shape[1:3]
        return detections(boxes, scores, (height, width), limit, parameters)

    return answer


def _checked_pixels(pixels: Array) -> Array:
    if pixels.dtype != np.uint8:
        raise _wrong_dtype("uint8", pixels)
    if pixels.ndim != 4 or pixels.shape[3] != 3 or not pixels.size:
        raise invalid_argument(asserted(refusals.PIXELS, pixels.shape))
    return pixels


def _checked_files(files: Array) -> Sequence[bytes]:
    if files.dtype != object:
        raise _wrong_dtype("string", files)
    if files.ndim != 1 or not files.size:
        raise invalid_argument(asserted(refusals.FILES, files.shape))
    found: list[bytes] = files.tolist()
    return found


def _wrong_dtype(expected: str, value: Array) -> Exception:
    return invalid_argument(
        f"Expects arg[0] to be {expected} but {type_name(value.dtype)} is provided"
    )


def _signature(contract: Contract, key: str) -> Signature:
    whole = contract.resolved(key)
    message = SignatureDef(method_name=PREDICT_METHOD)
    for specs, infos in ((whole.inputs, message.inputs), (whole.outputs, message.outputs)):
        for alias, spec in specs.items():
            shape = [size if isinstance(size, int) else -1 for size in spec.shape or ()]
            infos[alias].CopyFrom(tensor_info(f"{key}_{alias}:0", spec.dtype, shape))
    return Signature(key, message)
