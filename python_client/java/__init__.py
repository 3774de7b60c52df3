"""The Java client from Python: models inside this process on TensorFlow Java, or on a server.

    from python_client.java import JavaVisionService

    with JavaVisionService("MODELS/classifier/1", jvm_options=["-Xmx1g"]) as service:
        (answer,) = service.classify(open("cat.jpg", "rb").read())

Arguments, answers and errors are those of :class:`python_client.VisionClient`. Needs the extra
``java`` and the built Java client. A process has one Java virtual machine, which starts with the
first service or client and never again; it never holds TensorFlow Java and Python's TensorFlow
together: whichever comes second is refused with a sentence.
"""

from python_client.java._virtual_machine import start_jvm
from python_client.java._vision_models import JavaVisionGrpcClient, JavaVisionService

__all__ = ["JavaVisionGrpcClient", "JavaVisionService", "start_jvm"]
