"""Free ports for test processes, all below 32768, where the kernel takes none for outgoing connections."""

import os
import random
import socket
from collections.abc import Sequence

from devstack.ports import LOOPBACK, Port

# Many test runs may share a machine, so that each looks somewhere else first.
_RANDOM = random.Random(os.urandom(8))  # noqa: S311


def free_base(ports: Sequence[Port] = tuple(Port)) -> int:
    """Returns a shift of all ports under which the given ones are free."""
    for _ in range(200):
        base = _RANDOM.randrange(2_000, 24_000, 10)
        if all(_is_free(int(port) + base) for port in ports):
            return base
    raise RuntimeError("no free ports")


def free_port() -> int:
    """Returns one free port."""
    for _ in range(200):
        port = _RANDOM.randrange(10_000, 32_767)
        if _is_free(port):
            return port
    raise RuntimeError("no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # As servers do: a port whose connections are closing is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
