"""What the admin API asks of the gateway whose control listener answers: everything that only one which runs knows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from exeat.model.limit import Limit
from exeat.model.secret import Secret
from exeat.store.search import Query

RUNS_NOT = "No gateway runs here: this needs the control listener of one that does."


class NotRunningError(Exception):
    """Only a gateway that runs could do this; the text says so."""

    def __init__(self, text: str = RUNS_NOT) -> None:
        super().__init__(text)


class Told(NamedTuple):
    """One thing that who follows a gateway is told: what it is, and its JSON."""

    event: Literal["record", "tick"]
    data: bytes


class Following(Protocol):
    """What one caller is told of a gateway, until it ends or the caller does."""

    def __aiter__(self) -> AsyncIterator[Told]:
        """All that happens from now on."""

    def end(self) -> None:
        """Tell no more; may be called more than once."""


class Left(NamedTuple):
    """How a limit stands that is one count for all: in all, what is left of that, and when it is whole again (µs).

    Amounts are as in `Limit`; None is what isn't known.
    """

    amount: int
    left: int | None = None
    resets_at: int | None = None


class Came(NamedTuple):
    """What the gateway answered to a call, and how long that took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_ms: float


class Setting(NamedTuple):
    """A setting of the process: its variable, whether that is written, and its value, which no secret shows."""

    variable: str
    is_set: bool
    is_secret: bool
    value: str | None
    description: str


class Finding(NamedTuple):
    """What `exeat doctor` looked at, how it is, and a sentence that says what to do where it isn't fine."""

    name: str
    state: str
    sentence: str


class Tested(NamedTuple):
    """What came of a call to an upstream: the status (None: no answer), whether that is good, and what it means."""

    method: str
    path: str
    status: int | None
    accepted: bool
    meaning: str
    duration_ms: float


def _follow_nobody(_query: Query) -> Following:
    raise NotRunningError


async def _call_nobody(_key: Secret, _call: bytes) -> Came:
    raise NotRunningError


def _test_nothing(_upstream: str, _path: str | None) -> Tested | None:
    raise NotRunningError


@dataclass(frozen=True, slots=True)
class Running:
    """What a gateway can be asked; NotRunningError where none runs.

    `follow` is None where too many follow it already. `limits` are those of the configuration in force. `left` says of
    limits, by their ids, how they stand. `events` are what operators were told of, the newest first. `call` sends an
    envelope to the gateway with a key. `test` calls an upstream as the gateway would, on a path, None for its usual
    one; it is None if there is no such upstream.
    """

    follow: Callable[[Query], Following | None] = _follow_nobody
    limits: Callable[[], Iterable[Limit]] = tuple
    left: Callable[[Sequence[Limit]], Mapping[str, Left]] = lambda _limits: {}
    events: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    call: Callable[[Secret, bytes], Awaitable[Came]] = _call_nobody
    settings: Callable[[], Sequence[Setting]] = tuple
    examine: Callable[[int], Sequence[Finding]] = lambda _days: ()
    test: Callable[[str, str | None], Tested | None] = _test_nothing


NOTHING = Running()
