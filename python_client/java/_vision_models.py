"""The two ways to a model of images: inside this process, and on a server through Java."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from python_client._answers.classification import Classification
from python_client._answers.detections import Detections
from python_client._requests.contract_choice import ContractSource, image_contract
from python_client._requests.images import Batch, Images, batches
from python_client._requests.model_address import ModelAddress
from python_client._requests.request_check import RequestCheck
from python_client.java._java_errors import java_errors
from python_client.java._tensorflow_guard import refuse_python_tensorflow
from python_client.java._values import (
    arrays_of,
    ask_batch,
    classification_of,
    detections_of,
    tensor_values,
)
from python_client.java._virtual_machine import java_class, start_jvm
from python_client.tensors import Array
from signature_contract import contract as contracts
from signature_contract.contract import Contract

T = TypeVar("T")


class JavaVisionModel:
    """What both ways have in common; thread-safe, and a context manager that closes."""

    def __init__(self, java_model: Any, address: ModelAddress, contract: Contract | None) -> None:
        self._java = java_model
        self._address = address
        self._contract = contract

    def classify(self, images: Images, *, batch_size: int | None = None) -> list[Classification]:
        """Classify images; see :meth:`python_client.VisionClient.classify`.

        Args:
            images: One encoded JPEG or PNG file as bytes; uint8 RGB pixels 0..255, neither resized
                nor normalised, [height, width, 3] or [batch, height, width, 3]; or several files
                and [height, width, 3] arrays, mixed and of different sizes.
            batch_size: Most images in one run of the model; None sets no limit.

        Returns:
            One answer for each image, in the order they came.

        Raises:
            InputError: An image cannot be one, or the model is no classifier.
            VisionClientError: As the Python client's.
        """

        def ask(batch: Batch) -> list[Classification]:
            answers = ask_batch(batch, self._java.classify, self._java.classifyPixels)
            return [classification_of(answer) for answer in answers]

        return self._ask_all(images, batch_size, ask)

    def detect(
        self, images: Images, *, min_score: float = 0.0, batch_size: int | None = None
    ) -> list[Detections]:
        """Find the objects in images; see :meth:`python_client.VisionClient.detect`.

        Args:
            images: As for :meth:`classify`.
            min_score: Leave out detections below it, 0..1.
            batch_size: Most images in one run of the model; None sets no limit.

        Returns:
            For each image, in the order they came, what was found in it, the surest first.

        Raises:
            InputError: An image cannot be one, ``min_score`` is not in 0..1, or the model is no
                detector.
            VisionClientError: As the Python client's.
        """
        if not 0 <= min_score <= 1:
            raise self._address.input_error(f"expected a min_score in 0..1, received {min_score}")

        def ask(batch: Batch) -> list[Detections]:
            answers = ask_batch(batch, self._java.detect, self._java.detectPixels)
            return [detections_of(answer, min_score) for answer in answers]

        return self._ask_all(images, batch_size, ask)

    def predict(
        self,
        inputs: Mapping[str, Any],
        signature: str = "serving_default",
        *,
        output_filter: Iterable[str] = (),
    ) -> dict[str, Array]:
        """Run one signature on tensors; see :meth:`python_client.ModelClient.predict`.

        Args:
            inputs: Tensor by input name.
            signature: The signature key.
            output_filter: Names of the outputs to compute and return; none means all.

        Returns:
            Array by output name; text as an object array of ``bytes``, bfloat16 as float32.

        Raises:
            InputError: The tensors contradict the contract.
            VisionClientError: As the Python client's.
        """
        import jpype

        check = RequestCheck(self._address, self._contract, signature)
        checked = check.inputs(inputs)
        asked = jpype.java.util.ArrayList(check.output_filter(output_filter))
        with java_errors(self._address, signature):
            values = tensor_values(
                checked.arrays, checked.dtypes, java_class("contract.TensorValue")
            )
            return arrays_of(self._java.predict(signature, values, asked))

    def close(self) -> None:
        """Wait for calls that run, then free the model or the connection; twice does no harm."""
        with java_errors(self._address):
            self._java.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def _ask_all(
        self, images: Images, batch_size: int | None, ask: Callable[[Batch], list[T]]
    ) -> list[T]:
        answers: dict[int, T] = {}
        for batch in batches(images, batch_size):
            self._require_rgb(batch)
            with java_errors(self._address):
                answers.update(zip(batch.positions, ask(batch), strict=True))
        return [answers[position] for position in sorted(answers)]

    def _require_rgb(self, batch: Batch) -> None:
        found = batch.tensor
        if batch.kind == "pixels" and (found.dtype != "uint8" or found.shape[-1] != 3):
            raise self._address.input_error(
                f"image {batch.positions[0]}: expected uint8 RGB pixels [height, width, 3], "
                f"received {found.dtype.name} {list(found.shape[1:])}"
            )


class JavaVisionService(JavaVisionModel):
    """A published version inside this process, on TensorFlow Java.

        with JavaVisionService("MODELS/classifier/1") as service:
            (answer,) = service.classify(Path("cat.jpg").read_bytes())

    Args:
        version: The folder of a published version.
        jvm_options: Options of the virtual machine, for instance ``-Xmx1g``, where this starts it.
        class_path: Where the Java client is, see :func:`python_client.java.start_jvm`.

    Raises:
        JvmError: No virtual machine can be started or used, or Python's TensorFlow is in this
            process. From here on ``import tensorflow`` is an ImportError that says why.
        ModelLoadError: The version cannot be loaded.
        ContractBrokenError: It is not what its contract says.
    """

    def __init__(
        self,
        version: str | Path,
        *,
        jvm_options: Sequence[str] | None = None,
        class_path: Sequence[str | Path] | None = None,
    ) -> None:
        refuse_python_tensorflow()
        start_jvm(jvm_options, class_path)
        with java_errors(ModelAddress(str(version), "")):
            java_model = java_class("embedded.VisionService").load(_path(version))
        contract = contracts.load(version)  # Java has read it
        address = ModelAddress(str(version), contract.model)
        super().__init__(java_model, address, contract)


class JavaVisionGrpcClient(JavaVisionModel):
    """A model on a server, asked through the Java client; shares a process with any TensorFlow.

    Args:
        target: ``host:port`` or another gRPC name.
        model: The model's name on the server; None is the contract's, or ``classifier``.
        contract: What it is held to; None takes the toolkit's own contract of the model's name. A
            published version's also knows the class names.
        timeout_s: The deadline of each call, above 0.
        jvm_options: As for :class:`JavaVisionService`.
        class_path: As there.

    Raises:
        JvmError: No virtual machine can be started or used.
        ContractFileError: What was named cannot be read as a contract.
    """

    def __init__(
        self,
        target: str,
        *,
        model: str | None = None,
        contract: ContractSource = None,
        timeout_s: float = 10.0,
        jvm_options: Sequence[str] | None = None,
        class_path: Sequence[str | Path] | None = None,
    ) -> None:
        start_jvm(jvm_options, class_path)
        held = image_contract(contract, model or "classifier")
        model = model or (held.model if held is not None else "classifier")
        address = ModelAddress(target, model)
        with java_errors(address):
            builder = java_class("grpc.VisionGrpcClient").builder(target).model(model)
            builder.deadline(_duration(timeout_s))
            if held is not None:
                builder.contract(java_class("contract.Contract").parse(held.to_json(), model))
            java_model = builder.build()
        super().__init__(java_model, address, held)

    def check_contract(self) -> None:
        """Hold what the server declares to the contract.

        Raises:
            ContractBrokenError: They differ; ``differences`` lists how.
            VisionClientError: The server cannot be asked.
        """
        with java_errors(self._address):
            self._java.checkContract()


def _path(path: str | Path) -> Any:
    import jpype

    return jpype.JClass("java.nio.file.Path").of(str(path))


def _duration(seconds: float) -> Any:
    import jpype

    return jpype.JClass("java.time.Duration").ofNanos(round(seconds * 1e9))
