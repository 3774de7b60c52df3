"""Projects of other people that depend on the Java artifacts: Maven's, Gradle's, modules."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from serving_config.version import __version__
from tests.java.jdks import RELEASES, flags, java_of
from tests.running import PATIENCE_S

pytestmark = pytest.mark.long

HERE = Path(__file__).parent / "consumers"
MEGABYTE = 1_000_000
NATIVE = "tensorflow-core-native-1.1.0-linux-x86_64.jar"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def class_path(consumers: Path, name: str) -> list[Path]:
    """Return what Maven puts on a project's class path, beside its own classes."""
    text = (consumers / name / "class_path").read_text(encoding="utf-8")
    return [Path(one) for one in text.split(":")]


def names(files: Sequence[Path]) -> set[str]:
    return {file.name for file in files}


@pytest.fixture(scope="module")
def gradle_class_paths(
    consumers: Path, artifacts: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Path]]:
    """What Gradle resolves for the script in ``consumers/gradle``, by configuration."""
    folder = tmp_path_factory.mktemp("gradle")
    shutil.copytree(HERE / "gradle", folder / "project")
    gradle = ":".join(map(str, class_path(consumers, "gradle")))
    compiled = run(
        *("javac", "--release", "17", "-cp", gradle, "-d", folder, HERE / "GradleBuild.java")
    )
    assert compiled.returncode == 0, compiled.stderr
    configurations = ["compileClasspath", "runtimeClasspath", "noPlatform", "serversOnly"]
    ran = run(
        *(java_of(17), "-cp", f"{folder}:{gradle}"),
        *("--add-opens=java.base/java.lang=ALL-UNNAMED", "GradleBuild"),
        *(folder / "project", Path.home() / ".gradle", artifacts.as_uri(), *configurations),
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, list[Path]] = {name: [] for name in configurations}
    for line in ran.stdout.splitlines():
        name, _, file = line.partition(" ")
        found[name].append(Path(file))
    return found


def ask(
    java: Path, files: Sequence[Path], *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    return run(java, "-cp", ":".join(map(str, files)), "org.example.AskModel", *arguments)


def test_every_project_keeps_the_rules_of_convergence(consumers: Path) -> None:
    """Maven built them all, with ``dependencyConvergence`` and ``requireUpperBoundDeps``."""
    assert (consumers / "program" / "target" / "classes").is_dir()


def test_the_contract_alone_needs_nothing_else(consumers: Path) -> None:
    assert names(class_path(consumers, "contract")) == {f"vision-contract-{__version__}.jar"}


def test_a_client_of_servers_is_small(consumers: Path) -> None:
    files = class_path(consumers, "grpc_client")
    assert not [name for name in names(files) if "tensorflow" in name or "javacpp" in name]
    assert sum(file.stat().st_size for file in files) <= 20 * MEGABYTE


def test_an_embedded_model_brings_no_platform_of_its_own(consumers: Path) -> None:
    files = class_path(consumers, "embedded")
    assert sum(file.stat().st_size for file in files) <= 15 * MEGABYTE
    assert not [name for name in names(files) if "x86_64" in name or "arm64" in name]


@pytest.mark.parametrize("project", ["program", "google_cloud_newest"])
def test_a_program_of_maven_asks_in_its_process_and_a_server(
    consumers: Path, any_model: Path, any_target: str, any_contract: Path, project: str
) -> None:
    """The second runs on the newest gRPC and protobuf that Google's libraries manage."""
    files = [consumers / "program" / "target" / "classes", *class_path(consumers, project)]
    ran = ask(java_of(17), files, any_contract, f"embedded={any_model / '1'}", f"grpc={any_target}")
    assert (ran.returncode, ran.stdout.split()) == (0, ["2.5", "2.5"]), ran.stderr


@pytest.mark.parametrize("release", [one for one in RELEASES if one > 17])
def test_newer_virtual_machines(
    consumers: Path, any_model: Path, any_target: str, any_contract: Path, release: int
) -> None:
    """With the flags of the guide, under which native code that they do not name is refused."""
    java = java_of(release)
    files = [consumers / "program" / "target" / "classes", *class_path(consumers, "program")]
    ran = run(
        *(java, *flags(release), "-cp", ":".join(map(str, files)), "org.example.AskModel"),
        *(any_contract, f"embedded={any_model / '1'}", f"grpc={any_target}"),
    )
    assert (ran.returncode, ran.stdout.split()) == (0, ["2.5", "2.5"]), ran.stderr
    assert "native-access" not in ran.stderr


def test_a_program_without_the_native_library_is_told_which_to_add(
    consumers: Path, any_model: Path, any_contract: Path
) -> None:
    files = [consumers / "program" / "target" / "classes", *class_path(consumers, "embedded")]
    ran = ask(java_of(17), files, any_contract, f"embedded={any_model / '1'}")
    assert ran.returncode == 1
    assert (
        "io.thecodeforge.ml.ModelLoadException: TensorFlow's native library for linux-x86_64 is "
        "not on the class path: add the dependency org.tensorflow:tensorflow-core-native with the "
        "classifier linux-x86_64, whose version vision-bom manages"
    ) in ran.stderr


def test_a_native_library_that_cannot_be_loaded_is_told_from_a_missing_one(
    consumers: Path, any_model: Path, any_contract: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "native.jar"
    with zipfile.ZipFile(damaged, "w") as archive:
        archive.writestr("org/tensorflow/internal/c_api/linux-x86_64/libjnitensorflow.so", "no ELF")
    classes = consumers / "program" / "target" / "classes"
    files = [classes, damaged, *class_path(consumers, "embedded")]
    ran = run(
        *(java_of(17), f"-Dorg.bytedeco.javacpp.cachedir={tmp_path / 'cache'}"),
        *("-cp", ":".join(map(str, files)), "org.example.AskModel"),
        *(any_contract, f"embedded={any_model / '1'}"),
    )
    assert ran.returncode == 1
    assert (
        "io.thecodeforge.ml.ModelLoadException: TensorFlow's native library for linux-x86_64 is on "
        "the class path and cannot be loaded: "
    ) in ran.stderr


def test_gradle_resolves_what_maven_resolves(
    consumers: Path, gradle_class_paths: dict[str, list[Path]]
) -> None:
    found = {name: names(files) for name, files in gradle_class_paths.items()}
    maven = names(class_path(consumers, "program"))
    # Gradle takes the variant of Guava that fits the JDK.
    assert {name for name in found["runtimeClasspath"] if not name.startswith("guava")} == {
        name for name in maven if not name.startswith("guava")
    }
    assert NATIVE in found["runtimeClasspath"]
    assert not [name for name in found["compileClasspath"] if "netty" in name or "x86" in name]
    assert f"vision-embedded-{__version__}.jar" in found["noPlatform"]
    assert NATIVE not in found["noPlatform"]
    assert not [name for name in found["serversOnly"] if "tensorflow" in name]


def test_a_program_of_gradle(
    gradle_class_paths: dict[str, list[Path]],
    any_model: Path,
    any_target: str,
    any_contract: Path,
    tmp_path: Path,
) -> None:
    compiled = run(
        *("javac", "--release", "17", "-Xlint:all,-processing", "-Werror", "-d", tmp_path),
        *("-cp", ":".join(map(str, gradle_class_paths["compileClasspath"]))),
        HERE / "AskModel.java",
    )
    assert compiled.returncode == 0, compiled.stderr
    files = [tmp_path, *gradle_class_paths["runtimeClasspath"]]
    ran = ask(java_of(17), files, any_contract, f"embedded={any_model / '1'}", f"grpc={any_target}")
    assert (ran.returncode, ran.stdout.split()) == (0, ["2.5", "2.5"]), ran.stderr


def test_a_module_of_java(
    consumers: Path, any_target: str, any_contract: Path, tmp_path: Path
) -> None:
    """A named module asks a server. TensorFlow Java's own jars are no modules yet."""
    source = (HERE / "AskModel.java").read_text(encoding="utf-8")
    only_servers = "\n".join(
        line for line in source.splitlines() if "embedded" not in line or "case" not in line
    ).replace("import io.thecodeforge.ml.embedded.ModelService;\n", "")
    package = tmp_path / "source" / "org" / "example"
    package.mkdir(parents=True)
    (package / "AskModel.java").write_text(only_servers, encoding="utf-8")
    (tmp_path / "source" / "module-info.java").write_text(
        "module org.example {\n"
        "  requires io.thecodeforge.ml;\n  requires io.thecodeforge.ml.grpc;\n}\n",
        encoding="utf-8",
    )
    path = ":".join(map(str, class_path(consumers, "grpc_client")))
    compiled = run(
        *("javac", "--release", "17", "-p", path, "-d", tmp_path / "classes"),
        *(package / "AskModel.java", tmp_path / "source" / "module-info.java"),
    )
    assert compiled.returncode == 0, compiled.stderr
    ran = run(
        *(java_of(17), "-p", f"{tmp_path / 'classes'}:{path}"),
        # Modules that only automatic ones need, such as Guava's, are not found without.
        *("--add-modules", "ALL-MODULE-PATH"),
        *("-m", "org.example/org.example.AskModel", any_contract, f"grpc={any_target}"),
    )
    assert (ran.returncode, ran.stdout.split()) == (0, ["2.5"]), ran.stderr
