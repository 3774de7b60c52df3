"""Is a port free? Asked before models are loaded, which may take minutes.

The ports themselves are opened when every model is available, as in TensorFlow Serving: until then
a connection is refused, so nobody waits for an answer that does not come.
"""

from __future__ import annotations

import errno
import socket

from model_server.errors import StartError


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
                raise StartError(
                    f"cannot listen on port {port} for {purpose}: is the port taken? "
                    f"({err.strerror})"
                ) from err
