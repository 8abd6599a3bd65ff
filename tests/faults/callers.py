"""Callers that never give up: each numbers its requests, and remembers which answers it has read to their end."""

import http.client
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

PAUSE_S = 0.02


class Answered(NamedTuple):
    """An answer that was read to its end. `number` is the caller's name for the request."""

    number: str
    status: int
    request_id: str
    error: str | None


class Callers:
    """Some callers at once, of whatever gateway `port` says is there now; each pauses between its requests."""

    def __init__(
        self, count: int, port: Callable[[], int], key: str, padding: str = "x", *, pause_s: float = 0.0
    ) -> None:
        self._port = port
        self._key = key
        self._padding = padding
        self._pause_s = pause_s
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(f"c{number}",)) for number in range(count)]
        self.answered: list[Answered] = []
        self.broken = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self) -> None:
        """Let each finish the request that it is at."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self, name: str) -> None:
        chance = random.Random(name)  # noqa: S311 - which of several requests, no secret
        number = 0
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port(), timeout=5)
            try:
                while not self._over.wait(self._pause_s):
                    number += 1
                    self._ask(connection, f"{name}-{number}", chance.choice(("small", "chunked", "large", "denied")))
            except (OSError, http.client.HTTPException):
                self.broken += 1
                time.sleep(PAUSE_S)  # the gateway starts anew
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection, number: str, way: str) -> None:
        connection.request("GET", f"/noting/{way}/{self._padding}/{number}", headers={"Exeat-Key": self._key})
        response = connection.getresponse()
        body = response.read()
        if response.status == 200 and way == "large" and len(body) != LARGE:
            raise http.client.IncompleteRead(body)
        identifier, error = response.getheader("Exeat-Request-Id"), response.getheader("Exeat-Error")
        self.answered.append(Answered(number, response.status, str(identifier), error))


LARGE = 60_000
