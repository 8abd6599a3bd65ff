"""A forwarder with one fault, to see that the range finds it: it copies every request, as it reads it."""

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Literal, Self

from tests.smuggling.chains import SECRET
from tests.support.gateway import JsonObject, MadeKey

Leak = Literal["goes by length", "goes by coding", "takes a lone LF", "logs nothing", "passes the key", "mixes answers"]
_KEY = re.compile(rb"Exeat-Key: (\S+)\r?\n")
_LENGTH = re.compile(rb"\nContent-Length: (\d+)\r?\n")
_CODING = re.compile(rb"\nTransfer-Encoding: chunked\r?\n")


class LeakyForwarder:
    """From `with` until its end; one thread for each caller, and for each of them one connection upstream."""

    def __init__(self, next_port: int, keys: Mapping[str, MadeKey], leak: Leak) -> None:
        self._leak = leak
        self._next_port = next_port
        self._consumers = {key.key.encode(): name for name, key in keys.items()}
        self._lines: list[JsonObject] = []
        self._last_answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._threads = [threading.Thread(target=self._accept)]
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def access_lines(self) -> list[JsonObject]:
        """One for each request."""
        return [] if self._leak == "logs nothing" else self._lines

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(caller,)))
                self._threads[-1].start()

    def _serve(self, caller: socket.socket) -> None:
        with caller, socket.create_connection(("127.0.0.1", self._next_port)) as upstream, suppress(OSError):
            for message in self._messages(caller):
                key = _KEY.search(message)
                consumer = self._consumers.get(key[1]) if key is not None else None
                if key is None or consumer is None:
                    caller.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                method, target = message.split(b" ", 2)[:2]
                path = target[2:].decode()
                line: JsonObject = {"consumer": consumer, "method": method.decode(), "path": path, "attempts": [{}]}
                self._lines.append(line)
                upstream.sendall(self._sent(message, target, key[0]))
                caller.sendall(self._answer(upstream.recv(65536)))

    def _sent(self, message: bytes, target: bytes, key_line: bytes) -> bytes:
        line = b"Authorization: Bearer " + SECRET + b"\r\n"
        if self._leak == "passes the key":
            line += key_line
        return message.replace(target, target[2:], 1).replace(key_line, line, 1)

    def _answer(self, answer: bytes) -> bytes:
        if self._leak != "mixes answers":
            return answer
        self._last_answer, mixed = answer, self._last_answer or answer
        return mixed

    def _messages(self, caller: socket.socket) -> Iterator[bytes]:
        """The requests of a connection, as this forwarder reads them."""
        buffer = b""
        while data := caller.recv(65536):
            buffer += data
            while end := re.search(rb"\r?\n\r?\n" if self._leak == "takes a lone LF" else rb"\r\n\r\n", buffer):
                head, buffer = buffer[: end.end()], buffer[end.end() :]
                length, coding = _LENGTH.search(head), _CODING.search(head)
                if length and coding and self._leak not in {"goes by length", "goes by coding"}:
                    return
                if coding and self._leak != "goes by length":
                    size = buffer.index(b"0\r\n\r\n") + 5
                else:
                    size = int(length[1]) if length else 0
                message, buffer = head + buffer[:size], buffer[size:]
                yield message
