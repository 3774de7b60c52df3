"""``python -m model_server.tune``: the thread and batching settings that suit model and machine.

Each setting's server runs beside one with TensorFlow's defaults, and both are measured in turns, so
that whatever else the machine does meets both. :mod:`model_server.tuning.rule` says which settings
are tried and how one is picked. Written are ``batching.config`` (protobuf text format) and
``serving.flags`` (one flag a line; threads are not in any file that TensorFlow Serving reads beside
its own flags), for either server::

    python -m model_server $(cat serving_config/serving.flags) --model_config_file=…

Without ``--encoded-images-only`` batching is not tried: it would refuse calls of who sends pixels.
When running without batching is best, ``serving.flags`` says so and ``batching.config`` stays.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import json
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import Pool
from pathlib import Path

import grpc

import protos
from model_server.errors import StartError, UsageError
from model_server.models.storage import find_versions
from model_server.observation import logs
from model_server.tuning.load_generator import Load, call_without_pause
from model_server.tuning.rule import Result, Round, Setting, choose, grid, noise

logger = logging.getLogger("model_server.tune")

_WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
_ROUNDS = 3
_READY_TIMEOUT_S = 300.0
_STOP_TIMEOUT_S = 60.0
_WARMUP_S = 0.3
# Above this, differences between settings drown: the measurement is too short or disturbed.
_NOISY = 0.15

Measure = Callable[[str, int, float], Load]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, pick and write.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        0 when settings were picked, 1 when a server did not start or answer, 2 when the command
        line or the model cannot be used.
    """
    options = _parser().parse_args(arguments)
    logs.configure()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return _tune(options)
    except UsageError as err:
        logger.error("%s", err)  # noqa: TRY400
        return 2
    except StartError as err:
        logger.error("%s", err)  # noqa: TRY400
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_server.tune",
        description="Measure thread and batching settings and write the best for either server.",
    )
    parser.add_argument(
        "models",
        type=Path,
        nargs="?",
        default=Path("demo_output/models"),
        help="a folder of models, or one model's folder of versions (default: %(default)s)",
    )
    parser.add_argument("--model", default="", help="which, when MODELS holds several")
    parser.add_argument(
        "--request",
        type=Path,
        help="a serialized PredictRequest to send; default: a warm-up request of the version",
    )
    parser.add_argument("--out", type=Path, default=Path("serving_config"), help="where to write")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="measuring time of a setting and load"
    )
    parser.add_argument(
        "--clients",
        type=int,
        nargs="+",
        default=[1, 8, 32],
        help="loads; best at the last, losing nothing at the others (default: 1 8 32)",
    )
    parser.add_argument(
        "--encoded-images-only",
        action="store_true",
        help="every client sends whole image files (serving_bytes), none pixels: try batching too, "
        "which fails concurrent tensors of different shapes",
    )
    parser.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        default=[4, 8],
        help="with --encoded-images-only, each number of rows to run together (default: 4 8)",
    )
    parser.add_argument(
        "--intra-op",
        type=int,
        nargs="+",
        default=[0, *(n for n in (1, 2) if n < _cores())],
        help="threads inside one operation to try, 0 for all cores (default: 0, 1 and 2)",
    )
    parser.add_argument(
        "--server", default="embedded", help="which server: embedded, binary, docker or auto"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would change, no more")
    return parser


def _tune(options: argparse.Namespace) -> int:
    loads = sorted(set(options.clients))
    if options.seconds <= 0 or loads[0] < 1 or min(options.batch_sizes) < 1:
        raise UsageError("--seconds, --clients and --batch-sizes must be above 0")
    if min(options.intra_op) < 0:
        raise UsageError(f"--intra-op must be 0 or more, received {min(options.intra_op)}")
    if not options.out.is_dir():
        raise UsageError(f"--out: {options.out} is no directory; create it or name another one")
    name, base = _find_model(options.models, options.model)
    sizes = options.batch_sizes if options.encoded_images_only else []
    settings = grid(options.intra_op, sizes, batch_threads=_cores())
    if len(settings) < 2:
        raise UsageError("there is nothing to compare: give more --intra-op than 0")
    payload = _payload(options.request, base, name, options.encoded_images_only)
    flags = [
        f"--server={options.server}",
        f"--model_name={name}",
        f"--model_base_path={base.absolute()}",
        f"--grpc_max_threads={2 * loads[-1]}",
        "--max_num_load_retries=0",
    ]
    logger.info(
        "%d settings of %s, %d bytes a request, about %.0f s of load",
        len(settings),
        base,
        len(payload),
        2 * len(loads) * options.seconds * (len(settings) - 1),
    )
    with tempfile.TemporaryDirectory() as scratch, _load_process() as pool:

        def measure(target: str, clients: int, seconds: float) -> Load:
            job = (target, payload, clients, seconds)
            return pool.apply(call_without_pause, job)

        results = _measure_all(settings, flags, loads, options.seconds, Path(scratch), measure)
    chosen = choose(results, loads)
    margins = {clients: noise(results, clients) for clients in loads}
    _print_table(results, chosen, loads)
    for clients, margin in margins.items():
        if margin > _NOISY:
            logger.warning(
                "under %d at a time, equal settings differ by %.0f %%: give more --seconds, or a "
                "quieter machine",
                clients,
                100 * margin,
            )
    changed = _write(_files(chosen.setting, options.out), options.dry_run)
    print(  # noqa: T201
        json.dumps(
            {
                "model": name,
                "chosen": str(chosen.setting),
                "flags": chosen.setting.flags(str(options.out / "batching.config")),
                "changed": [str(path) for path in changed],
                "dry_run": options.dry_run,
                "noise": {str(clients): round(margin, 4) for clients, margin in margins.items()},
                "results": [_figures(result, loads) for result in results],
            }
        ),
        flush=True,
    )
    return 0


# The model and what it is asked ----------------------------------------------------------------


def _find_model(models: Path, name: str) -> tuple[str, Path]:
    """Return the name and base path of the model below ``models`` (which may be one itself)."""
    try:
        if find_versions(models):
            return name or models.absolute().name, models
        found = {path.name: path for path in sorted(models.iterdir()) if path.is_dir()}
        found = {key: path for key, path in found.items() if find_versions(path)}
    except OSError as err:
        raise UsageError(
            f"{models} cannot be listed: {err.strerror}; export a model first"
        ) from err
    if not found:
        raise UsageError(f"{models} holds no model: expected <model>/<version>/saved_model.pb")
    if name and name not in found:
        raise UsageError(f"--model: {models} has no {name!r}; it has {', '.join(found)}")
    if not name and len(found) > 1:
        raise UsageError(f"{models} holds several models; pick with --model: {', '.join(found)}")
    name = name or next(iter(found))
    return name, found[name]


def _payload(file: Path | None, base: Path, name: str, encoded_images_only: bool) -> bytes:
    """Return the serialized request to send: from ``file``, else from the newest version."""
    # TensorFlow takes seconds to import; mistakes in the command line were said before that.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    versions = find_versions(base)
    warmup = versions[max(versions)] / _WARMUP_FILE
    try:
        if file is not None:
            requests = [protos.PredictRequest.FromString(file.read_bytes())]
        elif warmup.is_file():
            logs_found = map(
                protos.PredictionLog.FromString,
                tf.compat.v1.io.tf_record_iterator(str(warmup)),
            )
            requests = [
                log.predict_log.request for log in logs_found if log.HasField("predict_log")
            ]
            if not requests:
                raise UsageError(f"{warmup} has no Predict request; name one with --request")
        else:
            raise UsageError(f"{warmup} does not exist; name a request with --request")
    except OSError as err:
        raise UsageError(f"--request: {file} cannot be read: {err.strerror}") from err
    except (ValueError, tf.errors.OpError) as err:
        raise UsageError(f"{file or warmup} is not what it should be: {err}") from err
    if encoded_images_only:
        requests = [
            request
            for request in requests
            if all(tensor.dtype == tf.string.as_datatype_enum for tensor in request.inputs.values())
        ]
        if not requests:
            raise UsageError(
                f"--encoded-images-only: {file or warmup} holds numbers, no encoded image; clients "
                "who send such tensors must not meet batching, so leave the option out"
            )
    request = requests[0]
    request.model_spec.name = name
    request.model_spec.ClearField("version_choice")
    payload: bytes = request.SerializeToString()
    return payload


# Measuring -------------------------------------------------------------------------------------


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _load_process() -> Iterator[Pool]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool


def _measure_all(
    settings: Sequence[Setting],
    flags: Sequence[str],
    loads: Sequence[int],
    seconds: float,
    scratch: Path,
    measure: Measure,
) -> list[Result]:
    default = settings[0]
    results = []
    with _server(default, flags, scratch) as default_target:
        _warm_up(default, default_target, loads, measure)
        for number, setting in enumerate(settings[1:], start=2):
            begin = time.monotonic()
            with _server(setting, flags, scratch) as target:
                _warm_up(setting, target, loads, measure)
                rounds = {
                    clients: [
                        _round(target, default_target, clients, seconds / _ROUNDS, measure)
                        for _ in range(_ROUNDS)
                    ]
                    for clients in loads
                }
            results.append(Result(setting, {n: [one for one, _ in rounds[n]] for n in loads}))
            if number == 2:
                first = {n: [other for _, other in rounds[n]] for n in loads}
            logger.info(
                "%d of %d: %s (%.0f s)", number, len(settings), setting, time.monotonic() - begin
            )
    return [Result(default, first), *results]


def _warm_up(setting: Setting, target: str, loads: Sequence[int], measure: Measure) -> None:
    """Let the server make its queues and caches, and see that it answers at all."""
    load = measure(target, loads[-1], _WARMUP_S)
    if load.per_s == 0:
        raise StartError(f"{setting}: the server answers no request: {load.error}")


def _round(
    target: str, default_target: str, clients: int, seconds: float, measure: Measure
) -> tuple[Round, Round]:
    """Measure a setting and the defaults; returns the round of each."""
    own = measure(target, clients, seconds)
    default = measure(default_target, clients, seconds)
    if default.per_s == 0:
        raise StartError(f"no answer from the defaults' server: {default.error}")
    return (
        Round(own.per_s, default.per_s, own.p50_ms, own.p99_ms, default.p99_ms, own.failed),
        Round(
            default.per_s,
            default.per_s,
            default.p50_ms,
            default.p99_ms,
            default.p99_ms,
            default.failed,
        ),
    )


@contextlib.contextmanager
def _server(setting: Setting, flags: Sequence[str], scratch: Path) -> Iterator[str]:
    """Run a server for the time of a ``with``; gives its target."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    log = scratch / f"{port}.log"
    file = scratch / f"{port}.config"
    if setting.batching is not None:
        file.write_text(setting.batching.text(), encoding="utf-8")
    command = [sys.executable, "-m", "model_server", f"--port={port}", *flags]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *setting.flags(str(file))], stdout=output, stderr=output
        )
    try:
        target = f"127.0.0.1:{port}"
        with grpc.insecure_channel(target) as channel:
            _wait_until_ready(process, channel, setting, log)
        yield target
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(
    process: subprocess.Popen[bytes], channel: grpc.Channel, setting: Setting, log: Path
) -> None:
    ready = grpc.channel_ready_future(channel)
    end = time.monotonic() + _READY_TIMEOUT_S
    try:
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(grpc.FutureTimeoutError):
                ready.result(timeout=0.5)
                return
    finally:
        ready.cancel()
    said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
    raise StartError(f"{setting}: the server did not start. It said:\n{said}")


# Results ---------------------------------------------------------------------------------------


def _print_table(results: Sequence[Result], chosen: Result, loads: Sequence[int]) -> None:
    heads = [f"{n} client{'s' * (n > 1)}: req/s  p50 ms  p99 ms  ratio" for n in loads]
    width = max(len(str(result.setting)) for result in results)
    lines = ["  ".join(["  " + "setting".ljust(width), *heads, "failed"])]
    for result in results:
        cells = [("* " if result is chosen else "  ") + str(result.setting).ljust(width)]
        for clients, head in zip(loads, heads, strict=True):
            figures = (
                f"{result.per_s(clients):.1f} {result.p50_ms(clients):7.2f} "
                f"{result.p99_ms(clients):7.2f} {result.ratio(clients):6.2f}"
            )
            cells.append(figures.rjust(len(head)))
        lines.append("  ".join([*cells, str(result.failed).rjust(6)]))
    print("\n".join(lines), file=sys.stderr)  # noqa: T201


def _figures(result: Result, loads: Sequence[int]) -> dict[str, object]:
    return {
        "setting": str(result.setting),
        "failed": result.failed,
        "clients": {
            str(n): {
                "per_s": round(result.per_s(n), 1),
                "p50_ms": round(result.p50_ms(n), 3),
                "p99_ms": round(result.p99_ms(n), 3),
                "ratio": round(result.ratio(n), 3),
                "tail": round(result.tail(n), 3),
            }
            for n in loads
        },
    }


def _files(setting: Setting, out: Path) -> dict[Path, str]:
    """Return the content by path, in the order in which they are to be written."""
    batching = out / "batching.config"
    files = {}
    if setting.batching is not None:
        files[batching] = setting.batching.text()
    files[out / "serving.flags"] = "".join(f"{flag}\n" for flag in setting.flags(str(batching)))
    return files


def _write(files: dict[Path, str], dry_run: bool) -> list[Path]:
    """Replace what differs, each file in one step; returns the paths that differ."""
    changed = []
    for path, text in files.items():
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if before == text:
            continue
        changed.append(path)
        if dry_run:
            lines = before.splitlines(keepends=True), text.splitlines(keepends=True)
            sys.stderr.writelines(difflib.unified_diff(*lines, str(path), f"{path} (tuned)"))
            continue
        # Beside the target, so that the rename stays on one file system.
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).chmod(0o644)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        logger.info("%s written", path)
    return changed


if __name__ == "__main__":
    sys.exit(main())
