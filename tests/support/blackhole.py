"""A port of loopback that never answers a connection: its queue is full."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def blackhole() -> Iterator[int]:
    """Keep one for the length of a block; its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        try:
            while True:
                sock = socket.socket()
                waiting.append(sock)
                sock.settimeout(0.2)
                sock.connect(listener.getsockname())
        except TimeoutError:
            yield listener.getsockname()[1]
        finally:
            for sock in waiting:
                with suppress(OSError):
                    sock.close()
