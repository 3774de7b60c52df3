"""``python -m model_server.tune``: the thread and batching settings that suit model and machine.

Each setting's server runs beside one with TensorFlow's defaults, and both are measured in turns, so
that whatever else the machine does meets both. :mod:`model_server.tuning.settings` says which are
tried, :mod:`model_server.tuning.rule` how one is picked. Written are ``batching.config`` (protobuf
text format) and ``serving.flags`` (one flag a line; threads are not in any file that TensorFlow
Serving reads beside its own flags), for either server::

    python -m model_server $(cat serving_config/serving.flags) --model_config_file=…

Without ``--encoded-images-only`` batching is not tried: it would refuse calls of who sends pixels.
When running without batching is best, ``serving.flags`` says so and ``batching.config`` stays.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from model_server.errors import StartError, UsageError
from model_server.observation import logs
from model_server.tuning.arguments import check, cores, parse
from model_server.tuning.load_generator import Load, call_without_pause
from model_server.tuning.measuring import load_process, measure_all
from model_server.tuning.request import find_model, read_request
from model_server.tuning.results import figures, files_of, print_table, write_files
from model_server.tuning.rule import Result, choose, noise
from model_server.tuning.settings import Setting, grid

logger = logging.getLogger("model_server.tune")

# Above this, differences between settings drown: the measurement is too short or disturbed.
_NOISY = 0.15


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, pick and write.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        0 when settings were picked, 1 when a server did not start or answer, 2 when the command
        line or the model cannot be used.
    """
    options = parse(arguments)
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


def _tune(options: argparse.Namespace) -> int:
    check(options)
    loads = sorted(set(options.clients))
    name, base = find_model(options.models, options.model)
    sizes = options.batch_sizes if options.encoded_images_only else []
    settings = grid(options.intra_op, sizes, batch_threads=cores())
    if len(settings) < 2:
        raise UsageError("there is nothing to compare: give more --intra-op than 0")
    payload = read_request(options.request, base, name, options.encoded_images_only)
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
    results = _measure(settings, flags, loads, options.seconds, payload)
    chosen = choose(results, loads)
    margins = {clients: noise(results, clients) for clients in loads}
    print_table(results, chosen, loads)
    _warn_of_noise(margins)
    changed = write_files(files_of(chosen.setting, options.out), options.dry_run)
    report = {
        "model": name,
        "chosen": str(chosen.setting),
        "flags": chosen.setting.flags(str(options.out / "batching.config")),
        "changed": [str(path) for path in changed],
        "dry_run": options.dry_run,
        "noise": {str(clients): round(margin, 4) for clients, margin in margins.items()},
        "results": [figures(result, loads) for result in results],
    }
    print(json.dumps(report), flush=True)  # noqa: T201
    return 0


def _measure(
    settings: Sequence[Setting],
    flags: Sequence[str],
    loads: Sequence[int],
    seconds: float,
    payload: bytes,
) -> list[Result]:
    with tempfile.TemporaryDirectory() as scratch, load_process() as pool:

        def measure(target: str, clients: int, seconds: float) -> Load:
            return pool.apply(call_without_pause, (target, payload, clients, seconds))

        return measure_all(settings, flags, loads, seconds, Path(scratch), measure)


def _warn_of_noise(margins: Mapping[int, float]) -> None:
    for clients, margin in margins.items():
        if margin > _NOISY:
            logger.warning(
                "under %d at a time, equal settings differ by %.0f %%: give more --seconds, or a "
                "quieter machine",
                clients,
                100 * margin,
            )
