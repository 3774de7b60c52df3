"""``python -m python_client``: ask a TensorFlow Serving server from a shell.

Answers go to stdout as one JSON object a line, everything else to stderr. Exit 0: all is well;
1: a file, a call or a check failed; 2: the command line is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from python_client.channels import TLS
from python_client.client import VisionClient
from python_client.errors import (
    ContractBrokenError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    VisionClientError,
)
from serving_config.contract import ContractFileError

# Whatever the file: the next one would get the same answer.
_HOPELESS = (
    ContractBrokenError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)


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
        client = _client(options)
    except (ContractFileError, OSError, ValueError) as err:
        parser.error(str(err))
    try:
        with client:
            code: int = options.run(client, options)
            sys.stdout.flush()
            return code
    except VisionClientError as err:
        print(f"{parser.prog}: {_one_line(err)}", file=sys.stderr)  # noqa: T201
        return 1
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python must not try to flush stdout again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _classify(client: VisionClient, options: argparse.Namespace) -> int:
    failed = False
    for file in options.files:
        try:
            (answer,) = client.classify(Path(file).read_bytes(), **_addressed(options))
        except _HOPELESS:
            raise
        except OSError as err:
            failed = True
            _print({"file": file, "error": err.strerror or str(err)})
        except VisionClientError as err:
            failed = True
            _print({"file": file, "error": _one_line(err)})
        else:
            _print(
                {
                    "file": file,
                    "label": answer.label,
                    "probability": answer.probability,
                    "probabilities": dict(answer.probabilities),
                }
            )
    return int(failed)


def _status(client: VisionClient, options: argparse.Namespace) -> int:
    status = client.status(version=options.version)
    for version in status.versions:
        line: dict[str, Any] = {
            "model": status.model,
            "version": version.version,
            "state": version.state,
        }
        if version.error_message or version.error_code != "OK":
            line |= {"error_code": version.error_code, "error": version.error_message}
        _print(line)
    return 0 if status.available else 1


def _metadata(client: VisionClient, options: argparse.Namespace) -> int:
    metadata = client.metadata(**_addressed(options))
    _print(
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


def _check(client: VisionClient, options: argparse.Namespace) -> int:
    try:
        metadata = client.check_contract(**_addressed(options))
    except ContractBrokenError as err:
        _print({"ok": False, "differences": [str(difference) for difference in err.differences]})
        return 1
    _print({"ok": True, "model": metadata.model, "version": metadata.version})
    return 0


def _addressed(options: argparse.Namespace) -> dict[str, Any]:
    return {"version": options.version, "version_label": options.label}


def _client(options: argparse.Namespace) -> VisionClient:
    tls = None
    if options.tls or options.tls_ca or options.tls_cert or options.tls_key:
        tls = TLS(ca=options.tls_ca, certificate=options.tls_cert, key=options.tls_key)
    return VisionClient(
        options.server,
        model=options.model,
        contract=options.contract,
        timeout_s=options.timeout,
        credentials=tls,
    )


def _parser() -> argparse.ArgumentParser:
    server = argparse.ArgumentParser(add_help=False)
    group = server.add_argument_group("server")
    group.add_argument(
        "--server",
        required=True,
        metavar="HOST:PORT",
        help="the server's gRPC address; any gRPC name will do, for instance dns:///models:8500",
    )
    group.add_argument("--model", default="classifier", help="the model's name (%(default)s)")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, metavar="N", help="version (the newest)")
    which.add_argument("--label", metavar="NAME", help="label of the version, like stable")
    group.add_argument(
        "--contract",
        metavar="NAME|PATH",
        help="what the model must be: a contract's name or file, or a published version's "
        "directory (the toolkit's contract of the model's name)",
    )
    group.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="seconds a call (%(default)s)"
    )
    tls = server.add_argument_group("encryption")
    tls.add_argument("--tls", action="store_true", help="encrypt, trusting the usual authorities")
    tls.add_argument("--tls-ca", metavar="PEM", help="authorities that may vouch for the server")
    tls.add_argument("--tls-cert", metavar="PEM", help="our certificate, for mutual TLS")
    tls.add_argument("--tls-key", metavar="PEM", help="our private key, for mutual TLS")

    parser = argparse.ArgumentParser(
        prog="python -m python_client",
        description="Ask a TensorFlow Serving server. Answers are JSON lines on stdout.",
        epilog="Exit 0: all is well; 1: a file, a call or a check failed; 2: wrong usage.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run: Any, summary: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[server], help=summary, description=summary)
        command.set_defaults(run=run)
        return command

    classify = add("classify", _classify, "Classify JPEG or PNG files: one line a file.")
    classify.add_argument("files", nargs="+", metavar="FILE", help="a JPEG or PNG file")
    add("status", _status, "Show the state of the model's versions: one line a version.")
    add("metadata", _metadata, "Show the model's signatures.")
    add("check", _check, "Compare the server's model with the contract.")
    return parser


def _print(line: dict[str, Any]) -> None:
    # Whoever reads along sees each answer as it comes.
    print(json.dumps(line, ensure_ascii=False), flush=True)  # noqa: T201


def _one_line(err: Exception) -> str:
    return " ".join(str(err).split())


if __name__ == "__main__":
    sys.exit(main())
