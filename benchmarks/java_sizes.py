"""How large the Java artifacts are, and what each brings: ``python benchmarks/java_sizes.py``.

Builds them with Maven and prints one JSON object a line: the artifact, its own jar, and the jars of
a program that depends on it alone, sizes in megabytes (1,000,000 bytes). ``native`` is TensorFlow's
library of this platform, which a program with ``vision-embedded`` adds.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from serving_config.version import __version__

HERE = Path(__file__).parent.parent / "java_client"
MODULES = ("contract", "grpc-client", "embedded", "junit", "cli")
CLASS_PATH = "class_path_of_size"


def main() -> None:
    """Build, then measure."""
    subprocess.run(
        [
            *("mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "-DskipTests", "package"),
            "dependency:build-classpath",
            *("-DincludeScope=runtime", f"-Dmdep.outputFile=target/{CLASS_PATH}"),
        ],
        check=True,
    )
    for module in MODULES:
        text = (HERE / module / "target" / CLASS_PATH).read_text(encoding="utf-8")
        others = [Path(one) for one in text.split(":") if one]
        print(
            json.dumps(
                {
                    "artifact": f"vision-{module}",
                    "jar_mb": _megabytes([_jar(module)]),
                    "dependencies": len(others),
                    "dependencies_mb": _megabytes(others),
                }
            )
        )
    natives = sorted((HERE / "target" / "lib").glob("tensorflow-core-native-*-*.jar"))
    print(json.dumps({"native": natives[0].name, "jar_mb": _megabytes(natives)}))


def _jar(module: str) -> Path:
    places = [HERE / module / "target", HERE / "target", HERE / "target" / "junit"]
    name = "vision-client.jar" if module == "cli" else f"vision-{module}-{__version__}.jar"
    return next(place / name for place in places if (place / name).exists())


def _megabytes(files: list[Path]) -> float:
    return round(sum(file.stat().st_size for file in files) / 1e6, 2)


if __name__ == "__main__":
    main()
