"""How the client connects: frozen settings that become gRPC channel arguments.

Retries, load balancing and wait-for-ready are gRPC's own, configured through a service config
(https://github.com/grpc/grpc/blob/master/doc/service_config.md), so they work the same in the
synchronous and the asyncio client. Hedging is the exception: gRPC's core parses ``hedgingPolicy``
and never sends a second attempt (tried with grpcio 1.85), so the client does it (``hedging.py``)
with the same fields and rules (gRFC A6).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import grpc

from python_client._transport.policies import HedgingPolicy, KeepAlive, MessageLimits, RetryPolicy

_SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_COMPRESSION = {
    None: grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}


@dataclass(frozen=True)
class TLS:
    """Encrypt, check the server's certificate, and with ``certificate`` and ``key`` show one.

    Each part is PEM: the bytes themselves, or the path of a file.

    Attributes:
        ca: Certificates that may have signed the server's; None takes gRPC's own list.
        certificate: The client's certificate chain, for mutual TLS.
        key: The client's private key, for mutual TLS.
        server_name: The name the server's certificate must carry, where the target's is not it.
    """

    ca: bytes | str | Path | None = None
    certificate: bytes | str | Path | None = None
    key: bytes | str | Path | None = field(default=None, repr=False)
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError(
                "expected certificate and key together (mutual TLS) or neither, received only "
                + ("the key" if self.certificate is None else "the certificate")
            )

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files and return what gRPC takes.

        Raises:
            OSError: A file cannot be read.
        """
        return grpc.ssl_channel_credentials(
            root_certificates=_pem(self.ca),
            private_key=_pem(self.key),
            certificate_chain=_pem(self.certificate),
        )


@dataclass(frozen=True)
class ChannelOptions:
    """Everything about a connection but its address and its credentials.

    Attributes:
        retry: When to send a call again; None never does. Not used while ``hedging`` is set: a
            call is retried or hedged, not both (gRFC A6).
        hedging: When to send a call a second time before the first has failed.
        keep_alive: Pings over an idle connection; None sends none.
        compression: ``gzip`` or ``deflate`` for requests; None for none. Worth it for pixels over
            a slow network, never for JPEG.
        limits: Largest messages.
        load_balancing: ``round_robin`` spreads calls over all addresses that a name has
            (``dns:///models:8500`` with a headless Service); ``pick_first`` stays with one.
        wait_for_ready: Wait for a connection until the deadline rather than fail as UNAVAILABLE.
        extra_arguments: Further gRPC channel arguments, which win over the above.
    """

    retry: RetryPolicy | None = field(default_factory=RetryPolicy)
    hedging: HedgingPolicy | None = None
    keep_alive: KeepAlive | None = None
    compression: str | None = None
    limits: MessageLimits = field(default_factory=MessageLimits)
    load_balancing: str = "round_robin"
    wait_for_ready: bool = False
    extra_arguments: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.compression not in _COMPRESSION:
            raise ValueError(f"expected compression gzip, deflate or None, not {self.compression}")
        if self.load_balancing not in ("round_robin", "pick_first"):
            raise ValueError(
                f"expected load_balancing round_robin or pick_first, not {self.load_balancing}"
            )

    def service_config(self) -> dict[str, Any]:
        """Return the gRPC service config of the channel."""
        method: dict[str, Any] = {
            "name": [{"service": service} for service in _SERVICES],
            "waitForReady": self.wait_for_ready,
        }
        if self.retry and not self.hedging:
            method["retryPolicy"] = self.retry.to_json()
        return {
            "methodConfig": [method],
            "loadBalancingConfig": [{self.load_balancing: {}}],
        }

    def arguments(self, server_name: str | None = None) -> list[tuple[str, Any]]:
        """Return the gRPC channel arguments.

        Args:
            server_name: The name the server's certificate must carry, if not the target's.
        """
        arguments: list[tuple[str, Any]] = [
            ("grpc.service_config", json.dumps(self.service_config())),
            ("grpc.max_send_message_length", self.limits.send_bytes),
            ("grpc.max_receive_message_length", self.limits.receive_bytes),
            # What does not fit is not sent again; gRPC's own 256 KiB are less than one photo.
            ("grpc.per_rpc_retry_buffer_size", min(self.limits.send_bytes + 1024, 2**31 - 1)),
        ]
        if server_name:
            arguments.append(("grpc.ssl_target_name_override", server_name))
        if self.keep_alive:
            arguments += [
                ("grpc.keepalive_time_ms", round(self.keep_alive.interval_s * 1000)),
                ("grpc.keepalive_timeout_ms", round(self.keep_alive.timeout_s * 1000)),
                ("grpc.keepalive_permit_without_calls", int(self.keep_alive.without_calls)),
            ]
            if self.keep_alive.without_calls:
                arguments.append(("grpc.http2.max_pings_without_data", 0))
        # Each once: of two with one name, gRPC's core takes the first.
        theirs = {name for name, _ in self.extra_arguments}
        return [one for one in arguments if one[0] not in theirs] + list(self.extra_arguments)


Credentials: TypeAlias = grpc.ChannelCredentials | TLS | None
"""How to encrypt; None does not."""


def open_channel(
    target: str, credentials: Credentials = None, options: ChannelOptions | None = None
) -> grpc.Channel:
    """Make a channel, for instance to share it between clients; it connects with its first call.

    Args:
        target: ``host:port``, or any gRPC name such as ``dns:///models:8500``.
        credentials: How to encrypt; None does not.
        options: The rest. ``hedging`` has no effect here: a client that makes its own channel
            does it.

    Raises:
        OSError: A certificate or key file cannot be read.
    """
    channel: grpc.Channel = _open(grpc, target, credentials, options or ChannelOptions())
    return channel


def open_async_channel(
    target: str, credentials: Credentials = None, options: ChannelOptions | None = None
) -> grpc.aio.Channel:
    """Do as :func:`open_channel` for :class:`python_client.AsyncVisionClient`."""
    channel: grpc.aio.Channel = _open(grpc.aio, target, credentials, options or ChannelOptions())
    return channel


def _open(module: Any, target: str, credentials: Credentials, options: ChannelOptions) -> Any:
    compression = _COMPRESSION[options.compression]
    if credentials is None:
        return module.insecure_channel(target, options.arguments(), compression=compression)
    server_name = None
    if isinstance(credentials, TLS):
        server_name = credentials.server_name
        credentials = credentials.credentials()
    return module.secure_channel(
        target, credentials, options.arguments(server_name), compression=compression
    )


def _pem(part: bytes | str | Path | None) -> bytes | None:
    return part if part is None or isinstance(part, bytes) else Path(part).read_bytes()
