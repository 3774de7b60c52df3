"""TLS for gRPC from ``--ssl_config_file``: the server's key and certificate, and clients' CA."""

from __future__ import annotations

from pathlib import Path

import grpc

from model_server.errors import UsageError
from model_server.text_format.reading import read_message
from protos import SSLConfig


def read_credentials(path: Path) -> grpc.ServerCredentials:
    """Read an ``SSLConfig``: PEM text in ``server_key``, ``server_cert``, ``custom_ca``.

    With ``client_verify`` a client must show a certificate that ``custom_ca`` signed (mTLS).

    Raises:
        UsageError: The file cannot be read or parsed, or lacks what it needs.
    """
    config = read_message(path, SSLConfig())
    for field in ("server_key", "server_cert", *(["custom_ca"] if config.client_verify else [])):
        value = getattr(config, field)
        if "-----BEGIN " not in value:
            found = "nothing" if not value else "something else"
            why = " (client_verify is true)" if field == "custom_ca" else ""
            raise UsageError(f"{path}: {field} must be PEM text{why}, found {found}")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
