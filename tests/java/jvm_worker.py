"""The process in which the JVM lives; started by ``conftest.py``, never imported.

Python TensorFlow and TensorFlow Java cannot share a process, and a process can start one JVM only,
once. So the tests ask this one, over a pipe: a request is ``(operation, arguments)``, the answer
``("value", value)`` or ``("error", Java class name, message)``. The pytest process starts it anew,
without fork, and it never imports ``tensorflow``.

Usage: ``jvm_worker.py FILE_DESCRIPTOR JAR``.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import jpype
import numpy as np

from python_client import Classification, Detection, Images, VisionClientError
from python_client.java import JavaVisionGrpcClient, JavaVisionService, start_jvm
from python_client.java._values import (
    arrays_of,
    classification_of,
    tensor_values,
    version_of,
)

Answer = dict[str, Any]
Tensors = dict[str, np.ndarray[Any, Any]]
PATIENCE_S = 600.0  # as tests.running's: only a hang misses it


class Worker:
    """What a test can ask; public methods are the operations.

    Services and clients stay in the JVM; a test names them by the number that ``load`` or
    ``connect`` returned.
    """

    def __init__(self) -> None:
        ml = jpype.JPackage("io").thecodeforge.ml
        self._contract = ml.contract.Contract
        self._model_service = ml.embedded.ModelService
        self._model_client = ml.grpc.ModelGrpcClient
        self._signature_contract = ml.junit.SignatureContract
        self._value = ml.contract.TensorValue
        self._path = jpype.JClass("java.nio.file.Path")
        self._objects: dict[int, Any] = {}

    def load(self, version: str) -> int:
        """The version in this process."""
        return self._keep(JavaVisionService(version))

    def connect(
        self,
        target: str,
        version: str | None = None,
        model: str | None = None,
        deadline_s: float = 30.0,
    ) -> int:
        """A client of ``target``, held to the contract of a published ``version``."""
        client = JavaVisionGrpcClient(target, model=model, contract=version, timeout_s=deadline_s)
        return self._keep(client)

    def load_model(self, path: str, contract: str, tags: list[str] | None = None) -> int:
        """ModelService of a SavedModel under the contract of a file."""
        builder = self._model_service.builder(self._path.of(path))
        builder.contract(self._contract.load(self._path.of(contract)))
        if tags:
            builder.tags(tags)
        return self._keep(builder.load())

    def connect_model(
        self,
        target: str,
        contract: str | None,
        version: int | None = None,
        name: str = "any",
    ) -> int:
        """ModelGrpcClient of a model of ``target``, held to the contract of a file."""
        builder = self._model_client.builder(target).model(name)
        builder.deadline(jpype.JClass("java.time.Duration").ofSeconds(round(PATIENCE_S)))
        if contract:
            builder.contract(self._contract.load(self._path.of(contract)))
        if version:
            builder.version(version)
        return self._keep(builder.build())

    def predict(
        self, number: int, signature: str, inputs: Tensors, outputs: list[str] | None = None
    ) -> Tensors:
        """Ask a signature; float32 for a tensor that is named bfloat16 is sent as bfloat16."""
        tensors = tensor_values(inputs, {"bfloat16": "bfloat16"}, self._value)
        asked = jpype.java.util.ArrayList(outputs or [])
        return arrays_of(self._java(number).predict(signature, tensors, asked))

    def call_with_tensor(self, number: int, x: np.ndarray[Any, Any]) -> list[float]:
        """Ask with a float32 tensor of TensorFlow's own, and read its tensor of an answer."""
        tensor = jpype.JClass("org.tensorflow.types.TFloat32").vectorOf(jpype.JArray.of(x))
        try:

            def read(outputs: Any) -> Any:
                y = outputs.get("y")
                return jpype.java.util.ArrayList([y.getFloat(i) for i in range(y.size())])

            service = self._objects[number]
            answer = service.call("serving_default", {"x": tensor}, jpype.java.util.List.of(), read)
            return [float(one) for one in answer]
        finally:
            tensor.close()

    def contract_tests(
        self, contract: str, golden: str | None, model: str | None, server: str | None
    ) -> dict[str, str]:
        """Run the JUnit tests of a contract; return by name why one failed, "" if none did."""
        tests = self._signature_contract.of(self._path.of(contract))
        tests = tests.golden(self._path.of(golden)) if golden else tests
        tests = tests.model(self._path.of(model)) if model else tests.server(server)
        said = {}
        stream = tests.deadline(jpype.JClass("java.time.Duration").ofSeconds(600)).tests()
        for test in stream.toList():
            try:
                test.getExecutable().execute()
            except jpype.JException as err:
                said[str(test.getDisplayName())] = str(err.getMessage())
            else:
                said[str(test.getDisplayName())] = ""
        stream.close()
        return said

    def check_model(self, number: int) -> None:
        """Hold what a server declares to the contract."""
        self._java(number).checkContract()

    def check_served(self, target: str, contract: str, name: str) -> None:
        """Hold what a server declares of a model to the contract of a file."""
        number = self.connect_model(target, contract, name=name)
        try:
            self.check_model(number)
        finally:
            self.close(number)

    def metadata(self, number: int) -> tuple[str, int | None, list[str]]:
        """Name, version and signature keys that a server declares."""
        found = self._objects[number].metadata()
        return str(found.model()), version_of(found.version()), [str(k) for k in found.signatures()]

    def status(self, number: int) -> list[tuple[int, str, str]]:
        """Number, state and error of each version."""
        found = self._objects[number].status()
        return [(int(v.version()), str(v.state()), str(v.error())) for v in found]

    def decode(self, file: bytes) -> np.ndarray[Any, Any]:
        """Decode an image file to uint8 [height, width, 3]."""
        pixels = jpype.JClass("io.thecodeforge.ml.image.ImageDecoder").decode(
            jpype.JArray(jpype.JByte)(file)
        )
        return np.frombuffer(bytes(pixels.rgb()), np.uint8).reshape(
            pixels.height(), pixels.width(), 3
        )

    def close(self, number: int) -> None:
        """Close a service or a client."""
        self._objects[number].close()

    def check_version(self, version: str) -> None:
        """Load a version and let it go."""
        JavaVisionService(version).close()

    def check_server(
        self,
        target: str,
        image: bytes,
        version: str | None = None,
        model: str | None = None,
    ) -> None:
        """Hold a server to the contract: what it declares, and its answer to one image file."""
        number = self.connect(target, version, model)
        try:
            self._java(number).checkContract()
            contract = self._contract.ofVersion(self._path.of(version)) if version else None
            is_detector = contract is not None and str(contract.model()) == "detector"
            (self.detect if is_detector else self.classify)(number, [image])
        finally:
            self.close(number)

    def classify(self, number: int, images: Images) -> list[Answer]:
        """Classify images, encoded or uint8 [batch, height, width, 3]."""
        return [_plain(answer) for answer in self._objects[number].classify(images)]

    def detect(self, number: int, images: Images) -> list[list[Answer]]:
        """Find the objects in images, encoded or uint8 [batch, height, width, 3]."""
        answers = self._objects[number].detect(images)
        return [[_plain_detection(one) for one in answer] for answer in answers]

    def classify_tensor(self, number: int, images: np.ndarray[Any, Any]) -> list[Answer]:
        """Classify uint8 of any shape, handed over as a tensor that stays the caller's."""
        shape = jpype.JClass("org.tensorflow.ndarray.Shape").of(*images.shape)
        rgb = jpype.JArray(jpype.JByte)(images.tobytes())
        buffer = jpype.JClass("org.tensorflow.ndarray.buffer.DataBuffers").of(rgb)
        tensor = jpype.JClass("org.tensorflow.types.TUint8").tensorOf(shape, buffer)
        try:
            answers = self._java(number).classify(tensor)
            return [_plain(classification_of(answer)) for answer in answers]
        finally:
            tensor.close()

    def classify_at_once(
        self, number: int, batches: list[list[bytes]], threads: int
    ) -> list[list[Answer]]:
        """Classify batches of encoded images from several threads of the JVM."""
        barrier = threading.Barrier(threads)

        def call(position: int) -> list[Answer]:
            if position < threads:
                barrier.wait(PATIENCE_S)
            return self.classify(number, batches[position])

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(call, range(len(batches))))

    def close_while_calling(
        self, number: int, images: np.ndarray[Any, Any], threads: int
    ) -> list[tuple[int, str]]:
        """Close a service under calls without pause.

        Returns:
            For each thread how many calls were answered, and what ended them.
        """
        barrier = threading.Barrier(threads + 1)

        def call() -> tuple[int, str]:
            answered = 0
            while True:
                try:
                    self.classify(number, images)
                except VisionClientError as err:
                    return answered, _java_name(err)
                answered += 1
                if answered == 1:
                    barrier.wait(PATIENCE_S)

        with ThreadPoolExecutor(threads) as pool:
            ends = [pool.submit(call) for _ in range(threads)]
            barrier.wait(PATIENCE_S)
            self.close(number)
            return [end.result(PATIENCE_S) for end in ends]

    def resident_mb(self, number: int, images: np.ndarray[Any, Any], calls: int) -> list[float]:
        """Classify again and again; return the resident memory after each call, in MB."""
        rgb = jpype.JArray(jpype.JByte)(images.tobytes())
        count, height, width, _ = images.shape
        service = self._java(number)
        samples = []
        for _ in range(calls):
            service.classifyPixels(rgb, count, height, width)
            samples.append(_resident_mb())
        return samples

    def imported_tensorflow(self) -> bool:
        """Tell whether Python's TensorFlow is in this process, where it must never be."""
        return "tensorflow" in sys.modules

    def _java(self, number: int) -> Any:
        """Return an object of Java's, by its number."""
        return getattr(self._objects[number], "_java", self._objects[number])

    def _keep(self, java_object: Any) -> int:
        number = len(self._objects)
        self._objects[number] = java_object
        return number


def _plain(answer: Classification) -> Answer:
    return {
        "label": answer.label,
        "probability": answer.probability,
        "probabilities": dict(answer.probabilities),
        "logits": dict(answer.logits),
    }


def _plain_detection(one: Detection) -> Answer:
    box = one.box
    return {
        "label": one.label,
        "class": one.class_id,
        "score": one.score,
        "box": [box.ymin, box.xmin, box.ymax, box.xmax],
    }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    """Start the JVM, answer until the other side hangs up."""
    descriptor, jar = sys.argv[1:]
    start_jvm(
        [
            "-ea",
            # A heap that is resident from the start: what grows afterwards is native memory.
            "-Xms512m",
            "-Xmx512m",
            "-XX:+AlwaysPreTouch",
        ],
        class_path=[jar, *Path(jar).parent.glob("junit/*.jar")],
    )
    worker = Worker()
    with Connection(int(descriptor)) as connection:
        while True:
            try:
                operation, arguments = connection.recv()
            except EOFError:
                return
            connection.send(_answer(getattr(worker, operation), arguments))


def _answer(operation: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        return ("value", operation(*arguments))
    except (jpype.JException, VisionClientError) as err:
        thrown = err if isinstance(err, jpype.JException) else err.__cause__
        if not isinstance(thrown, jpype.JException):  # refused before Java was asked
            return ("error", type(err).__name__, str(err))
        return ("error", _java_name(err), str(thrown.getMessage()))
    except Exception as err:  # the worker answers to the end
        return ("error", type(err).__name__, str(err))


def _java_name(err: Exception) -> str:
    """Return the simple name of the Java exception that an error is, or that it comes from."""
    thrown = err if isinstance(err, jpype.JException) else err.__cause__
    return str(thrown.getClass().getSimpleName()) if thrown is not None else type(err).__name__


if __name__ == "__main__":
    main()
