"""Ports: bound, and asked whether they are free before models are loaded, which may take minutes.

The ports themselves are opened when every model is available, as in TensorFlow Serving: until then
a connection is refused, so nobody waits for an answer that does not come.
"""

from __future__ import annotations

import errno
import socket

from model_server.errors import StartError


def bind(port: int, is_shared: bool = False) -> socket.socket:
    """Bind all addresses of both families, or of IPv4 alone where the machine has no IPv6.

    Args:
        port: The port.
        is_shared: Other processes of this user may bind it too, and share its connections.

    Raises:
        OSError: The port is taken or may not be used.
    """
    problem: OSError | None = None
    for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):  # noqa: S104
        sock: socket.socket | None = None
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind((address, port))
        except OSError as err:
            problem = err
            if sock is not None:
                sock.close()
        else:
            return sock
    assert problem is not None  # noqa: S101  # one of the two was tried
    raise problem


def check_free(port: int, purpose: str) -> None:
    """Check that this process may listen on a port and that nobody else does.

    Args:
        port: The port; 0 is no port.
        purpose: ``gRPC`` or ``REST``, for the message.

    Raises:
        StartError: The port is taken or may not be used.
    """
    if not port:
        return
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104
        try:
            probe = socket.socket(family)
        except OSError:  # no IPv6 on this machine
            continue
        with probe:
            # As the servers do: connections of a predecessor that linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((host, port))
            except OSError as err:
                if family == socket.AF_INET6 and err.errno == errno.EADDRNOTAVAIL:
                    continue
                raise _taken(port, purpose, err) from err


def reserve(port: int, purpose: str) -> socket.socket:
    """Hold a port for processes of this user that share it; close the socket to let it go.

    Args:
        port: The port.
        purpose: ``gRPC`` or ``REST``, for the message.

    Raises:
        StartError: The port is taken or may not be used.
    """
    try:
        return bind(port, is_shared=True)
    except OSError as err:
        raise _taken(port, purpose, err) from err


def _taken(port: int, purpose: str, err: OSError) -> StartError:
    return StartError(
        f"cannot listen on port {port} for {purpose}: is the port taken? ({err.strerror})"
    )
