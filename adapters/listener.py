"""Listening sockets, on loopback unless another address is given.

A server that others send passwords to gets its socket from the process that starts it. If that process only chose a
free port, another user of the machine could bind it before the server does, and receive the passwords.
"""

import os
import socket

BACKLOG = 1024
"""Connections that the system accepts before the program does: many people, or one client with many connections."""


def listen(port: int = 0, host: str = "127.0.0.1") -> socket.socket:
    """Return a socket that listens on a port of a host; on a free one of 127.0.0.1 by default.

    Raises:
        OSError: the port is in use, this user may not use it, or the host is not an address of this machine.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # asyncio disables Nagle's algorithm, which costs 40 ms per response, only if the protocol is given.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # until here, another socket with SO_REUSEADDR could be bound to the same port
    except BaseException:
        listener.close()
        raise
    return listener


def inherited(number: int) -> socket.socket:
    """Return the listening socket that this process inherited as a file descriptor.

    Raises:
        OSError: the descriptor is not a socket.
    """
    listener = socket.socket(fileno=number)
    os.set_inheritable(number, False)  # the children of the server do not need it
    return listener


def port_of(listener: socket.socket) -> int:
    """Return the port of a listening socket."""
    return int(listener.getsockname()[1])
