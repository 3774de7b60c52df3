"""``python -m python_client``, or ``vision-client``: ask a TensorFlow Serving server from a shell.

Answers go to stdout as one JSON object a line, everything else to stderr. Exit 0: all is well;
1: a file, a call or a check failed; 2: the command line is wrong, or an extra is not installed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from python_client._command_line import image_files, requests
from python_client._command_line.connection import addressed, connect, server_options
from python_client._command_line.json_lines import one_line, write
from python_client._model_client import ModelClient
from python_client._vision_client import VisionClient
from python_client.drawing import DrawingUnavailableError
from python_client.errors import ContractBrokenError, VisionClientError
from serving_config.version import __version__
from signature_contract.contract import ContractFileError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name; None takes the process's own.

    Returns:
        The exit code.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        client = connect(options, options.client)
    except (ContractFileError, OSError, ValueError) as err:
        parser.error(str(err))
    try:
        with client:
            code: int = options.run(client, options)
            sys.stdout.flush()
            return code
    except (VisionClientError, DrawingUnavailableError) as err:
        print(f"{parser.prog}: {one_line(err)}", file=sys.stderr)  # noqa: T201
        return 2 if isinstance(err, DrawingUnavailableError) else 1
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python must not try to flush stdout again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _status(client: ModelClient, options: argparse.Namespace) -> int:
    status = client.status(version=options.version)
    for version in status.versions:
        line: dict[str, Any] = {
            "model": status.model,
            "version": version.version,
            "state": version.state,
        }
        if version.error_message or version.error_code != "OK":
            line |= {"error_code": version.error_code, "error": version.error_message}
        write(line)
    return 0 if status.available else 1


def _metadata(client: ModelClient, options: argparse.Namespace) -> int:
    metadata = client.metadata(**addressed(options))
    write(
        {
            "model": metadata.model,
            "version": metadata.version,
            "signatures": {
                key: {
                    role: {
                        name: {"dtype": spec.dtype, "shape": spec.shape}
                        for name, spec in specs.items()
                    }
                    for role, specs in (
                        ("inputs", signature.inputs),
                        ("outputs", signature.outputs),
                    )
                }
                for key, signature in metadata.signatures.items()
            },
        }
    )
    return 0


def _check(client: ModelClient, options: argparse.Namespace) -> int:
    try:
        metadata = client.check_contract(**addressed(options))
    except ContractBrokenError as err:
        write({"ok": False, "differences": [str(difference) for difference in err.differences]})
        return 1
    write({"ok": True, "model": metadata.model, "version": metadata.version})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m python_client",
        description="Ask a TensorFlow Serving server. Answers are JSON lines on stdout.",
        epilog="Exit 0: all is well; 1: a file, a call or a check failed; 2: wrong usage.",
    )
    parser.add_argument("--version", action="version", version=f"vision-forge {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str,
        run: Any,
        summary: str,
        model: str | None = "classifier",
        client: type[ModelClient] = VisionClient,
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, parents=[server_options(model)], help=summary, description=summary
        )
        command.set_defaults(run=run, client=client)
        return command

    classify = add("classify", image_files.classify, "Classify JPEG or PNG files: one line a file.")
    detect = add(
        "detect",
        image_files.detect,
        "Find the objects in JPEG or PNG files: one line a file.",
        "detector",
    )
    for command in (classify, detect):
        command.add_argument("files", nargs="+", metavar="FILE", help="a JPEG or PNG file")
    detect.add_argument(
        "--min-score",
        type=_share,
        default=0.5,
        metavar="S",
        help="leave out what is less sure, 0 to 1 (%(default)s)",
    )
    detect.add_argument(
        "--draw",
        metavar="DIR",
        help="write each image with its boxes to DIR, as PNG (needs Pillow)",
    )
    predict = add(
        "predict",
        requests.predict,
        "Ask any model: a line of JSON for each request. Without --contract, requests are held to "
        "what the server declares.",
        None,
        ModelClient,
    )
    predict.add_argument(
        "files",
        nargs="*",
        default=[requests.STDIN],
        metavar="FILE",
        help='a request as REST takes it: {"inputs": {NAME: TENSOR, …}} or {"instances": '
        '[ROW, …]}, bytes as {"b64": "…"}; - is standard input, the default',
    )
    predict.add_argument("--signature", metavar="KEY", help="the signature (serving_default)")
    predict.add_argument(
        "--output",
        action="append",
        default=[],
        metavar="NAME",
        help="compute and show this output alone; may be repeated (all)",
    )
    add("status", _status, "Show the state of the model's versions: one line a version.")
    add("metadata", _metadata, "Show the model's signatures.")
    add("check", _check, "Compare the server's model with the contract.")
    return parser


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected 0 to 1, received {text}")
    return value
