"""The port: sockets that listen on it, and the line that says so."""

import socket
import sys

from footfall.errors import FootfallError

#: Connections that may wait to be accepted.
BACKLOG = 2048

#: Whether the kernel spreads connections over several sockets of one port. Others that know the option
#: give all of them to one.
SPREADS = sys.platform == "linux"


def listen(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A listening socket. Raises FootfallError naming the address that cannot be had.

    `is_shared`: together with others of this user. Ask for one alone first: two collectors on one port
    would share its requests unnoticed.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise FootfallError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise FootfallError(
            f"cannot listen on {host}:{port}: {error.strerror}; "
            "stop what uses the port, or set FOOTFALL_COLLECTOR_PORT"
        ) from error
    return listener


def say_listening(host: str, port: int) -> None:
    """The one line on stdout by which others know that requests are accepted."""
    sys.stdout.write(f"collector: listening on http://{f'[{host}]' if ':' in host else host}:{port}\n")
    sys.stdout.flush()
