"""Which model of which server a command asks: its options, and the client made of them."""

from __future__ import annotations

import argparse
from typing import Any, TypeVar

from python_client._model_client import ModelClient
from python_client._transport.channels import TLS

Client = TypeVar("Client", bound=ModelClient)


def connect(options: argparse.Namespace, kind: type[Client], contract: Any = None) -> Client:
    """Make a client.

    Args:
        options: What the command line says.
        kind: The client's class.
        contract: In place of the contract that the command line names.

    Raises:
        ContractFileError: The contract cannot be read.
        OSError: A certificate or key file cannot be read.
        ValueError: The options contradict each other.
    """
    tls = None
    if options.tls or options.tls_ca or options.tls_cert or options.tls_key:
        tls = TLS(ca=options.tls_ca, certificate=options.tls_cert, key=options.tls_key)
    return kind(
        options.server,
        model=options.model,
        contract=contract or options.contract,
        timeout_s=options.timeout,
        credentials=tls,
    )


def addressed(options: argparse.Namespace) -> dict[str, Any]:
    """Return which version the command line asks for, as every call takes it."""
    return {"version": options.version, "version_label": options.label}


def server_options(model: str | None) -> argparse.ArgumentParser:
    """Return the options of every command, as a parent of its parser.

    Args:
        model: The model's name by default; None demands one.
    """
    server = argparse.ArgumentParser(add_help=False)
    group = server.add_argument_group("server")
    group.add_argument(
        "--server",
        required=True,
        metavar="HOST:PORT",
        help="the server's gRPC address; any gRPC name will do, for instance dns:///models:8500",
    )
    group.add_argument(
        "--model",
        default=model,
        required=model is None,
        metavar="NAME",
        help="the model's name" + (" (%(default)s)" if model else ""),
    )
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
    return server
