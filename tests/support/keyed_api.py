"""An upstream in memory that answers by the key it is shown, and callers who ask it one after the other."""

import re
from collections.abc import Mapping

from exeat.model.credential import Bearer, Kind, Pool, Share
from exeat.model.secret import Secret
from tests.support.playbook import KEYED, Party, Stage, message

HOST = "Host: gateway.test"
OK = ("HTTP/1.1 200 OK", "Content-Length: 2")
REFUSED = ("HTTP/1.1 401 Unauthorized", "Content-Length: 0")
FORBIDDEN = ("HTTP/1.1 403 Forbidden", "Content-Length: 0")
LIMITED = ("HTTP/1.1 429 Too Many Requests", "Content-Length: 0", "Retry-After: 30")
_SHOWN = re.compile(rb"\r\nAuthorization: Bearer ([^\r]+)\r\n")
_STATUS = re.compile(rb"HTTP/1.1 (\d+) ")

Answers = Mapping[str, tuple[str, ...]]


def pool(**weights: int) -> Pool:
    """A pool of bearer tokens, each with a weight and named by its place."""
    return of(*((Bearer(Secret(secret)), weight) for secret, weight in weights.items()))


def of(*kinds: tuple[Kind, int]) -> Pool:
    """A pool of these, each with a weight."""
    return Pool(tuple(Share(kind, weight, str(place)) for place, (kind, weight) in enumerate(kinds, 1)))  # type: ignore[arg-type]


class KeyedApi:
    """The far side of a stage: `answers` holds what each key is answered with; who isn't there is served."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.answers: dict[str, tuple[str, ...]] = {}
        self.shown: list[str] = []  # the keys, in the order in which they came
        self._connections: list[Party] = []
        self._waiting: list[tuple[Party, str]] = []

    def ask(self, *lines: str, start: str = "GET /api/x HTTP/1.1", body: str = "") -> Party:
        """Somebody asks, and isn't answered yet."""
        caller = self.stage.caller()
        caller.says(start, HOST, KEYED, *lines, body=body)
        self.look()
        return caller

    def call(self, *lines: str, start: str = "GET /api/x HTTP/1.1", body: str = "", **answers: tuple[str, ...]) -> int:
        """One call, answered to its end; the status that its caller hears."""
        self.answers.update(answers)
        caller = self.ask(*lines, start=start, body=body)
        self.answer()
        return status_of(caller)

    def keys(self, calls: int, **answers: tuple[str, ...]) -> list[str]:
        """The keys that so many calls show, which all are served in the end."""
        before = len(self.shown)
        self.answers.update(answers)
        assert [self.call() for _ in range(calls)] == [200] * calls
        return self.shown[before:]

    def look(self) -> None:
        """Read what has come."""
        connections = self.stage.loop.network.connections
        while len(self._connections) < len(connections):
            self._connections.append(self.stage.upstream(len(self._connections) + 1))
        for party in self._connections:
            for found in _SHOWN.finditer(party.takes_raw()):
                key = found[1].decode()
                self.shown.append(key)
                self._waiting.append((party, key))

    def answer(self) -> None:
        """Answer what has come, and what comes of that, until nothing more does."""
        self.look()
        while self._waiting:
            party, key = self._waiting.pop(0)
            lines = self.answers.get(key, OK)
            party.sends(message(*lines, body="ok" if lines == OK else ""))
            self.look()

    def answer_one(self, *lines: str) -> None:
        """Answer what came first, alone."""
        party, _ = self._waiting.pop(0)
        party.sends(message(*lines, body="ok" if lines == OK else ""))
        self.look()


def status_of(caller: Party) -> int:
    """The status that a caller has heard."""
    heard = caller.takes_raw()
    found = _STATUS.match(heard)
    assert found is not None, heard
    return int(found[1])
