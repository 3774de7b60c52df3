"""What a repository gets of the Java client: poms, jars, and the same bytes from every build."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from serving_config.version import __version__
from tests.java.artifacts import MODULES, deploy, path_of
from tests.java.fixtures import JAR
from tests.running import PATIENCE_S, REPO

SPACE = {"m": "http://maven.apache.org/POM/4.0.0"}
MODULE_NAMES = {
    "contract": "io.thecodeforge.ml",
    "grpc-client": "io.thecodeforge.ml.grpc",
    "embedded": "io.thecodeforge.ml.embedded",
    "junit": "io.thecodeforge.ml.junit",
    "cli": "io.thecodeforge.ml.cli",
}
# Beside what a build leaves in its own folders, for those who do not resolve artifacts.
BUILT = {
    "contract": f"contract/target/vision-contract-{__version__}.jar",
    "grpc-client": f"grpc-client/target/vision-grpc-client-{__version__}.jar",
    "embedded": f"embedded/target/vision-embedded-{__version__}.jar",
    "junit": f"target/junit/vision-junit-{__version__}.jar",
    "cli": "target/vision-client.jar",
}


def jar_of(artifacts: Path, name: str, suffix: str = ".jar") -> zipfile.ZipFile:
    return zipfile.ZipFile(path_of(artifacts, name, __version__, suffix))


def manifest_of(artifacts: Path, name: str) -> dict[str, str]:
    text = jar_of(artifacts, name).read("META-INF/MANIFEST.MF").decode().replace("\r\n ", "")
    return dict(line.split(": ", 1) for line in text.splitlines() if line)


@pytest.mark.parametrize("name", [*MODULES, "bom"])
def test_a_pom_says_all_by_itself(artifacts: Path, name: str) -> None:
    file = path_of(artifacts, name, __version__, ".pom")
    root = ElementTree.parse(file).getroot()  # noqa: S314  # Maven's
    for element in ("parent", "properties", "profiles", "build"):
        assert root.find(f"m:{element}", SPACE) is None, element
    assert "${" not in file.read_text(encoding="utf-8")
    for element in (
        *("name", "description", "url", "licenses/m:license/m:name"),
        *("scm/m:url", "scm/m:connection", "developers/m:developer/m:name"),
    ):
        assert root.findtext(f"m:{element}", namespaces=SPACE), element
    for dependency in root.iterfind(".//m:dependency", SPACE):
        assert dependency.findtext("m:version", namespaces=SPACE)
        scope = dependency.findtext("m:scope", "compile", SPACE)
        assert scope in ("compile", "runtime", "provided")


def test_the_bom_manages_every_artifact_and_platform(artifacts: Path) -> None:
    file = path_of(artifacts, "bom", __version__, ".pom")
    root = ElementTree.parse(file).getroot()  # noqa: S314  # Maven's
    managed = {
        (one.findtext("m:artifactId", "", SPACE), one.findtext("m:classifier", "", SPACE))
        for one in root.iterfind("m:dependencyManagement/m:dependencies/m:dependency", SPACE)
    }
    assert {(f"vision-{name}", "") for name in MODULES} <= managed
    assert {platform for name, platform in managed if name == "tensorflow-core-native"} == {
        *("linux-x86_64", "linux-x86_64-gpu", "linux-arm64", "macosx-arm64", "windows-x86_64")
    }


@pytest.mark.parametrize("name", MODULES)
def test_a_jar_has_what_tools_look_for(artifacts: Path, name: str) -> None:
    manifest = manifest_of(artifacts, name)
    assert manifest["Automatic-Module-Name"] == MODULE_NAMES[name]
    assert manifest["Implementation-Version"] == __version__
    assert "META-INF/LICENSE" in jar_of(artifacts, name).namelist()
    is_runnable = name == "cli"
    assert ("Class-Path" in manifest) == is_runnable
    assert (manifest.get("Enable-Native-Access") == "ALL-UNNAMED") == is_runnable
    classes = {
        Path(one).stem for one in jar_of(artifacts, name).namelist() if one.endswith(".class")
    }
    sources = {
        Path(one).stem
        for one in jar_of(artifacts, name, "-sources.jar").namelist()
        if one.endswith(".java")
    }
    assert {one.partition("$")[0] for one in classes} <= sources | {"package-info"}
    assert "index.html" in jar_of(artifacts, name, "-javadoc.jar").namelist()


@pytest.mark.parametrize("name", MODULES)
def test_the_jdk_finds_its_module(artifacts: Path, name: str) -> None:
    jar = path_of(artifacts, name, __version__, ".jar")
    done = subprocess.run(
        ["jar", "--describe-module", "--file", jar],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert f"{MODULE_NAMES[name]}@{__version__} automatic" in done.stdout


@pytest.mark.parametrize("name", MODULES)
def test_another_build_gives_the_same_bytes(
    artifacts: Path, vision_client_jar: Path, name: str
) -> None:
    """What ``make java`` built in this folder, and what was built of a copy in another one."""
    assert vision_client_jar == JAR
    here = REPO / "java_client" / BUILT[name]
    assert here.read_bytes() == path_of(artifacts, name, __version__, ".jar").read_bytes()


def test_another_build_gives_the_same_sources_and_javadoc(artifacts: Path, tmp_path: Path) -> None:
    again = deploy(tmp_path, "-pl", "contract")
    for suffix in (".pom", ".jar", "-sources.jar", "-javadoc.jar"):
        one, other = (path_of(of, "contract", __version__, suffix) for of in (artifacts, again))
        assert one.read_bytes() == other.read_bytes(), suffix
