"""``make demo``: from photographs to one answer, four ways.

Everything runs as users run it: ``python -m export``, ``python -m model_server``, the Python client
and the Java client are programs and processes of their own. Nothing is left running.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.photographs import write_data_set
from demo.pictures import Prediction, draw_predictions, draw_training
from export import embedded_server
from python_client import VisionClient
from serving_config.golden import TOLERANCE

log = logging.getLogger("demo")

JAR = Path(__file__).parent.parent / "java_client" / "target" / "vision-client.jar"
_ASKED = 8  # photographs; the picture shows them all

Answers = list[dict[str, float]]


class DemoError(Exception):
    """A step failed; the message says which and how."""


@dataclass
class Clock:
    """How long each step took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step and time it."""
        log.info("── %s", name)
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder of class folders of your own")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="default %(default)s")
    arguments = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    try:
        show(arguments.data, arguments.out.resolve())
    except DemoError as err:
        print(f"demo: {err}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def show(data_dir: Path | None, out: Path) -> None:
    """Train, serve, ask, compare, draw, and print the table.

    Args:
        data_dir: A folder of class folders, or None for the photographs of scikit-image.
        out: Where everything is left.

    Raises:
        DemoError: A step failed, or the answers differ by more than the tolerance.
    """
    if not JAR.exists():
        raise DemoError(f"{JAR.name} is not built; run: make java")
    out.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    if data_dir is None:
        with clock.step("photographs"):
            data_dir = write_data_set(out / "photographs")
    with clock.step("train, export, verify"):
        result = train(data_dir, out / "models")
    version = Path(result["path"])
    files = held_out(version)
    config = write_models_config(out)
    with serving(config, out / "server.log", clock) as target:
        answers: dict[str, Answers] = {}
        with clock.step("ask: Python client over gRPC"), VisionClient(target) as client:
            client.check_contract()
            answered = client.classify([file.read_bytes() for file in files])
            answers["Python client, gRPC"] = [dict(a.probabilities) for a in answered]
        with clock.step("ask: Java client over gRPC"):
            answers["Java client, gRPC"] = ask_java(files, "--server", target)
    with clock.step("ask: Java, model embedded"):
        answers["Java, embedded"] = ask_java(files, "--model", str(version))
    with clock.step("pictures"):
        predictions = [
            Prediction(file, file.parent.name, a.label, a.probability)
            for file, a in zip(files, answered, strict=True)
        ]
        draw_predictions(out / "predictions.png", predictions)
        draw_training(out / "training.png", version / "assets.extra" / "run.json")
    apart = farthest(answers)
    print(table(result, answers, files, apart, clock, out, config))  # noqa: T201
    if not apart <= TOLERANCE:
        raise DemoError(f"the answers lie {apart:g} apart, more than {TOLERANCE:g}")


def train(data_dir: Path, models: Path) -> dict[str, Any]:
    """Run ``python -m export classifier``; its progress goes to our standard error."""
    command = [sys.executable, "-m", "export", "classifier"]
    command += ["--data", str(data_dir), "--out", str(models)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise DemoError("training failed; the message is above")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def held_out(version: Path) -> list[Path]:
    """Return photographs that the model was not trained on, from all classes in turn."""
    run = json.loads((version / "assets.extra" / "run.json").read_text(encoding="utf-8"))
    by_class: dict[str, list[Path]] = {}
    data = run["data"]
    for path in (Path(data["directory"], name) for name in data["validation"]):
        by_class.setdefault(path.parent.name, []).append(path)
    rounds = max(map(len, by_class.values()))
    turns = [paths[i] for i in range(rounds) for paths in by_class.values() if i < len(paths)]
    return turns[:_ASKED]


def write_models_config(out: Path) -> Path:
    """Write ``models.config`` for the demo's own models, in TensorFlow Serving's format."""
    config = out / "models.config"
    config.write_text(
        "model_config_list {\n"
        "  config {\n"
        '    name: "classifier"\n'
        f"    base_path: {json.dumps(str(out / 'models' / 'classifier'))}\n"
        '    model_platform: "tensorflow"\n'
        "  }\n"
        "}\n",
        encoding="utf-8",
    )
    return config


@contextlib.contextmanager
def serving(config: Path, log_path: Path, clock: Clock) -> Iterator[str]:
    """Run the embedded server; yield its address when every model is available."""
    with contextlib.ExitStack() as stack:
        with clock.step("start the server"):
            try:
                target = stack.enter_context(embedded_server.running(config, log_path))
            except embedded_server.ServerError as err:
                raise DemoError(str(err)) from err
        yield target


def ask_java(files: Sequence[Path], *source: str) -> Answers:
    """Run the Java client on ``files`` and return its probabilities."""
    command = ["java", "-jar", str(JAR), "classify", *source, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"the Java client failed ({shlex.join(command[:6])} …):\n{done.stderr}")
    return [json.loads(line)["probabilities"] for line in done.stdout.splitlines()]


def farthest(answers: dict[str, Answers]) -> float:
    """Return the largest difference between any two clients, of any probability of any file."""
    first, *others = answers.values()
    return max(
        abs(one[name] - another[name])
        for other in others
        for one, another in zip(first, other, strict=True)
        for name in one
    )


def table(
    result: dict[str, Any],
    answers: dict[str, Answers],
    files: Sequence[Path],
    apart: float,
    clock: Clock,
    out: Path,
    config: Path,
) -> str:
    """Compose what the demo says at its end."""

    def shown(path: Path) -> str:
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

    def best(probabilities: dict[str, float]) -> str:
        label = max(probabilities, key=lambda name: probabilities[name])
        return f"{label} {probabilities[label]:.6f}"

    photographs = result["photographs"]
    version = Path(result["path"])
    # The photograph that the model is least sure of shows most of what the clients answered.
    first = next(iter(answers.values()))
    hardest = min(range(len(files)), key=lambda position: max(first[position].values()))
    example = shlex.quote(shown(files[hardest]))
    lines: list[tuple[str, str]] = [
        ("trained", f"{result['model']}: {', '.join(result['classes'])}"),
        (
            "photographs",
            f"{photographs['training']} to train on, {photographs['validation']} held out, "
            f"{photographs['skipped']} skipped",
        ),
        ("weights", f"{result['weights']['source']}: {result['weights']['description']}"),
        (
            "accuracy",
            ", ".join(f"phase {n} {p['accuracy']:.4f}" for n, p in result["phases"].items())
            + f"; phase {result['kept_phase']} kept (held-out photographs)",
        ),
        ("published", shown(version)),
        ("pictures", f"{shown(out / 'predictions.png')}, {shown(out / 'training.png')}"),
        ("asked about", example),
        *((f"  {client}", best(given[hardest])) for client, given in answers.items()),
        ("farthest apart", f"{apart:.1e} over {len(files)} photographs (limit {TOLERANCE:.0e})"),
        *((f"  {step}", f"{seconds:.1f} s") for step, seconds in clock.seconds.items()),
        ("in all", f"{sum(clock.seconds.values()):.1f} s"),
    ]
    width = max(len(name) for name, _ in lines)
    python = shlex.quote(shown(Path(sys.executable)))
    jar = shlex.quote(shown(JAR))
    commands = [
        f"{python} -m model_server --port=8500 --model_config_file={shlex.quote(shown(config))}",
        f"{python} -m python_client classify --server localhost:8500 {example}",
        f"java -jar {jar} classify --model {shlex.quote(shown(version))} {example}",
    ]
    body = "\n".join(f"{name:<{width}}  {value}" for name, value in lines)
    return f"\n{body}\n\nTry next:\n" + "\n".join(f"  {command}" for command in commands)


if __name__ == "__main__":
    sys.exit(main())
