"""``python_client.java`` as programs use it, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.java.jdks import java_of
from tests.running import PATIENCE_S, REPO, Ran, run_python


def python(*words: str | Path, cwd: Path = REPO, **environment: str) -> Ran:
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(REPO), "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("release", [17, 25])
def test_java_answers_as_the_python_client(
    vision_client_jar: Path, published: Path, classifier_server: str, release: int
) -> None:
    del vision_client_jar  # is found where it is built
    home = java_of(release).parents[1]
    script = Path(__file__).with_name("ask_from_python.py")
    ran = python(script, published, classifier_server, JAVA_HOME=str(home))
    assert ran.code == 0, ran.err
    assert "native-access" not in ran.err
    said = json.loads(ran.out)
    assert len(said["distances"]) == 10
    assert max(said["distances"].values()) <= 1e-5
    assert said["version"] == 1
    assert said["predicted"] == {"logits": "float32"}
    assert said["no image"].startswith("InputError: ")
    assert "expected a whole JPEG or PNG file" in said["no image"]
    assert said["grey"] == (
        "InputError: image 0: expected uint8 RGB pixels [height, width, 3], received uint8 "
        "[4, 5, 1]"
    )
    assert said["no detector"].startswith("InputError: ")
    assert said["wrong dtype"].startswith("InputError: ")
    assert said["other options"] == (
        "JvmError: the Java virtual machine of this process runs with the options ['-Xmx300m'], "
        "and a process has one: expected the same or none, received ['-Xmx301m']"
    )
    assert said["same options"] == "no error"
    assert said["closed"].startswith("ClientClosedError: ")
    assert said["nobody"].startswith("UnavailableError: ")
    assert said["no version"].startswith("ModelLoadError: ")
    assert said["found"]
    assert said["tensorflow after"].startswith(
        "ImportError: TensorFlow Java is in this process, and Python's TensorFlow cannot share"
    )


def test_beside_pythons_tensorflow_a_server_can_be_asked_and_no_model_loaded(
    vision_client_jar: Path, published: Path, classifier_server: str
) -> None:
    del vision_client_jar
    code = (
        "import sys, tensorflow\n"
        "from python_client import JvmError\n"
        "from python_client.java import JavaVisionGrpcClient, JavaVisionService\n"
        "version, target, image = sys.argv[1:]\n"
        "try:\n"
        "    JavaVisionService(version)\n"
        "except JvmError as err:\n"
        "    print(str(err).splitlines()[0], file=sys.stderr)\n"
        "with JavaVisionGrpcClient(target, contract=version) as client:\n"
        "    client.check_contract()\n"
        "tensorflow.constant(1)\n"
    )
    ran = run_python("-c", code, published, classifier_server, "")
    assert ran.code == 0, ran.err
    assert "Python's TensorFlow is in this process, and TensorFlow Java cannot share" in ran.err


START = (
    "from python_client import JvmError\n"
    "from python_client.java import start_jvm\n"
    "try:\n"
    "    start_jvm()\n"
    "except JvmError as err:\n"
    "    print(err)\n"
)


def test_without_jpype_the_extra_is_named() -> None:
    ran = python("-c", f"import sys\nsys.modules['jpype'] = None\n{START}")
    assert 'fix: pip install "vision-forge[java]"' in ran.out


def test_without_a_virtual_machine_one_is_asked_for() -> None:
    code = (
        "import jpype\n"
        "def nothing():\n    raise jpype.JVMNotFoundException('none here')\n"
        f"jpype.getDefaultJVMPath = nothing\n{START}"
    )
    ran = python("-c", code, VISION_JAVA_CLASS_PATH=str(REPO))
    assert ran.out.startswith("no Java virtual machine is found: none here")
    assert "install a JDK or JRE of version 17 or later" in ran.out


def test_without_the_java_client_it_says_how_to_build_it(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    installed = python("-c", START, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert installed.out.startswith("the Java client is not found: neither class_path nor")
    assert "in the repository run `make java`" in installed.out
    named = python("-c", START, VISION_JAVA_CLASS_PATH="/nowhere/a.jar")
    assert "found nothing at /nowhere/a.jar" in named.out


def test_a_virtual_machine_of_somebody_else_needs_our_classes() -> None:
    code = f"import jpype\njpype.startJVM()\n{START}"
    ran = python("-c", code)
    assert "runs without the Java client: somebody started it before" in ran.out


def test_a_fork_has_no_virtual_machine(vision_client_jar: Path, published: Path) -> None:
    del vision_client_jar
    code = (
        "import multiprocessing, os, sys\n"
        "from python_client import JvmError\n"
        "from python_client.java import JavaVisionService\n"
        "def ask():\n"
        "    try:\n"
        "        JavaVisionService(sys.argv[1])\n"
        "    except JvmError as err:\n"
        "        os.write(1, str(err).encode())\n"
        "    os._exit(0)\n"  # no handler of JPype's: the JVM is not here
        "with JavaVisionService(sys.argv[1]):\n"
        "    process = multiprocessing.get_context('fork').Process(target=ask)\n"
        "    process.start()\n"
        "    process.join()\n"
    )
    # Unmeasured: in such a fork coverage's own hook never returns.
    ran = python("-c", code, published, COVERAGE_PROCESS_CONFIG="", COVERAGE_PROCESS_START="")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("this process was forked from one whose Java")
