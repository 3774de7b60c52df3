"""Projects of other people that depend on our artifacts, as Maven reads them.

One build with a module for each. Every module is held to ``dependencyConvergence`` and
``requireUpperBoundDeps``, which many companies hold theirs to; some also write down the class path
that they run with.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from serving_config.version import __version__

HERE = Path(__file__).parent
BOOT = "org.springframework.boot:spring-boot-dependencies"
CLOUD = "com.google.cloud:libraries-bom"
SPRING = (
    "org.springframework.boot:spring-boot-starter-web",
    "org.springframework.boot:spring-boot-starter-actuator",
)
STORAGE = ("com.google.cloud:google-cloud-storage",)
OURS = "io.thecodeforge.ml:vision-{}"
BOTH = (OURS.format("embedded"), OURS.format("grpc-client"))
ALL = (*BOTH, OURS.format("junit"))
NATIVE = "org.tensorflow:tensorflow-core-native::linux-x86_64"
# Gradle with its own libraries inside; what its pom names beside is for its other modules.
GRADLE = "dev.gradleplugins:gradle-api:8.11.1"


@dataclass(frozen=True)
class Consumer:
    """A project.

    Attributes:
        dependencies: ``group:artifact[:version[:classifier]]``; who names no version takes a
            BOM's.
        boms: ``group:artifact:version``, in their order, before ours.
        has_class_path: It writes ``class_path``, and so fetches what it depends on.
        is_held: To the rules; Gradle is not ours to judge.
    """

    dependencies: tuple[str, ...]
    boms: tuple[str, ...] = ()
    has_class_path: bool = False
    is_held: bool = True


CONSUMERS = {
    "contract": Consumer((OURS.format("contract"),), has_class_path=True),
    "grpc_client": Consumer((OURS.format("grpc-client"),), has_class_path=True),
    "embedded": Consumer((OURS.format("embedded"),), has_class_path=True),
    "junit": Consumer((OURS.format("junit"),)),
    "cli": Consumer((OURS.format("cli"),)),
    "program": Consumer((*BOTH, NATIVE), has_class_path=True),
    "spring_boot_3_2": Consumer((*ALL, *SPRING), (f"{BOOT}:3.2.12",)),
    "spring_boot_3_5": Consumer((*ALL, *SPRING), (f"{BOOT}:3.5.7",)),
    "spring_boot_4_0": Consumer((*ALL, *SPRING), (f"{BOOT}:4.0.7",)),
    "google_cloud": Consumer((*BOTH, *STORAGE), (f"{CLOUD}:26.76.0",)),
    "google_cloud_newest": Consumer(
        (*BOTH, NATIVE, *STORAGE), (f"{CLOUD}:26.90.0",), has_class_path=True
    ),
    "gradle": Consumer((GRADLE,), has_class_path=True, is_held=False),
}

_HEAD = '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
_PARENT = "<groupId>org.example</groupId><artifactId>consumers</artifactId><version>1</version>"
_RULES = """
<plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-enforcer-plugin</artifactId>
 <version>3.6.3</version>
 <executions><execution><goals><goal>enforce</goal></goals></execution></executions>
 <configuration><skip>${rules.skip}</skip>
  <rules><dependencyConvergence/><requireUpperBoundDeps/></rules></configuration></plugin>
<plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-compiler-plugin</artifactId>
 <version>3.13.0</version></plugin>
<plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-resources-plugin</artifactId>
 <version>3.3.1</version></plugin>"""
_CLASS_PATH = """
<plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId>
 <version>3.8.1</version>
 <executions><execution><goals><goal>build-classpath</goal></goals>
  <phase>generate-resources</phase></execution></executions>
 <configuration><outputFile>class_path</outputFile><includeScope>runtime</includeScope>
 </configuration></plugin>"""


def write(folder: Path) -> None:
    """Write all projects into a folder, the program's source among them.

    Args:
        folder: Where to; the example ``spring-boot``, which has a parent of its own, is put beside
            them and built in the same run.
    """
    modules = "".join(f"<module>{name}</module>" for name in (*CONSUMERS, "spring-boot"))
    (folder / "pom.xml").write_text(
        f"{_HEAD}{_PARENT}<packaging>pom</packaging><modules>{modules}</modules>"
        "<properties><maven.compiler.release>17</maven.compiler.release>"
        "<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>"
        "<rules.skip>false</rules.skip></properties>"
        f"<build><plugins>{_RULES}</plugins></build></project>",
        encoding="utf-8",
    )
    for name, consumer in CONSUMERS.items():
        (folder / name).mkdir()
        (folder / name / "pom.xml").write_text(_pom(name, consumer), encoding="utf-8")
    source = folder / "program" / "src" / "main" / "java" / "org" / "example"
    source.mkdir(parents=True)
    shutil.copy(HERE / "AskModel.java", source)


def _pom(name: str, consumer: Consumer) -> str:
    boms = (*consumer.boms, f"{OURS.format('bom')}:{__version__}")
    imports = "".join(
        f"<dependency>{_coordinates(bom)}<type>pom</type><scope>import</scope></dependency>"
        for bom in boms
    )
    dependencies = "".join(
        f"<dependency>{_coordinates(one)}</dependency>" for one in consumer.dependencies
    )
    skip = f"<properties><rules.skip>{str(not consumer.is_held).lower()}</rules.skip></properties>"
    plugins = _CLASS_PATH if consumer.has_class_path else ""
    return (
        f"{_HEAD}<parent>{_PARENT}</parent><artifactId>{name}</artifactId>{skip}"
        f"<dependencyManagement><dependencies>{imports}</dependencies></dependencyManagement>"
        f"<dependencies>{dependencies}</dependencies>"
        f"<build><plugins>{plugins}</plugins></build></project>"
    )


def _coordinates(text: str) -> str:
    names = ("groupId", "artifactId", "version", "classifier")
    return "".join(
        f"<{name}>{part}</{name}>"
        for name, part in zip(names, text.split(":"), strict=False)
        if part
    )
