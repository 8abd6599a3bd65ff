"""How limits stand that are one count for all, as the process of the counters knows it, or the one worker there is.

Rule 1: nothing is taken by asking: it is a wish for nothing, whose answer says what is left.
"""

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence

from exeat.admin.running import Left
from exeat.model.limit import SECOND_NS, Kind, Limit
from exeat.policy import calendar
from exeat.state.ledger import PERMITS, RATE, WINDOW, Answers, Take
from exeat.state.messages import Frames, parse_reply, render_questions
from exeat.state.shared import is_shared, zone_of
from exeat.telemetry import metrics
from exeat.telemetry.metrics import Sample

LIMIT_S = 3.0
AT_ONCE = 1000  # questions in one message
US = 1_000  # nanoseconds


class Standings:
    """Asks how limits stand. `counters` is the path of the counters' socket; None where nothing is known of it.

    `gauges` are those of all workers; `wall` is the time, in nanoseconds since 1970.
    """

    def __init__(
        self,
        counters: Callable[[], str | None],
        gauges: Callable[[], Iterable[Sample]],
        wall: Callable[[], int],
        *,
        workers: int,
        has_redis: bool,
    ) -> None:
        self._counters = counters
        self._gauges = gauges
        self._wall = wall
        self._workers = workers
        self._has_redis = has_redis

    def left(self, limits: Sequence[Limit]) -> dict[str, Left]:
        """How each of these stands, by its id."""
        wall = self._wall()
        single = [limit for limit in limits if limit.per is None]
        shared = [limit for limit in single if is_shared(limit, self._workers, has_redis=self._has_redis)]
        found = {limit.id: Left(amount_of(limit, wall), None, _ends_at(limit, wall)) for limit in limits}
        for limit, remaining in zip(shared, self._ask([peek(limit, wall) for limit in shared]), strict=True):
            if remaining is not None:
                found[limit.id] = _judge(limit, remaining, wall)
        own = [limit for limit in single if limit not in shared]
        if own:
            found |= _by_gauges(own, self._gauges(), wall)
        return found

    def _ask(self, wishes: Sequence[Take]) -> list[int | None]:
        """What is left of each; None where nobody says it."""
        path = self._counters()
        remaining: list[int | None] = []
        if wishes and path is not None:
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                    line.settimeout(LIMIT_S)
                    line.connect(path)
                    for begin in range(0, len(wishes), AT_ONCE):
                        answers = _exchange(line, wishes[begin : begin + AT_ONCE])
                        remaining += [None if answer is None else answer.remaining for answer in answers]
            except OSError:
                pass  # it isn't there now: the limits are shown without what is left
        return [*remaining, *[None] * (len(wishes) - len(remaining))]


def _exchange(line: socket.socket, wishes: Sequence[Take]) -> Answers:
    """The answers to some wishes; OSError if there are none."""
    line.sendall(render_questions(wishes))
    frames = Frames()
    while data := line.recv(65536):
        for message in frames.feed(data):
            reply = parse_reply(message)
            if isinstance(reply, list):  # else a word to all workers
                return reply
    raise ConnectionResetError


def peek(limit: Limit, wall: int) -> Take:
    """A wish for nothing."""
    name = f"{limit.id}\n"
    match limit.kind:
        case Kind.RATE:
            return Take(name, RATE, limit.burst, limit.interval, 0, 0, 0)
        case Kind.CONCURRENCY:
            return Take(name, PERMITS, limit.amount, 0, 0, 0, 0)
        case _:
            begin, end = calendar.window(limit.unit, zone_of(limit.zone), wall)
            return Take(f"{name}\n{begin // SECOND_NS}", WINDOW, amount_of(limit, wall), end, 0, 0, 0)


def amount_of(limit: Limit, wall: int) -> int:
    """What may be used in all, an increase included."""
    increase = limit.increase
    return increase.amount if increase is not None and wall < increase.until else limit.amount


def _judge(limit: Limit, remaining: int, wall: int) -> Left:
    """How a limit stands of which so much is left."""
    if limit.kind is Kind.RATE:
        missing = max(0, limit.burst - remaining)
        return Left(limit.amount, remaining, (wall + missing * limit.interval) // US if missing else None)
    return Left(amount_of(limit, wall), remaining, _ends_at(limit, wall))


def _ends_at(limit: Limit, wall: int) -> int | None:
    """When the window of a quota or budget ends (µs)."""
    if limit.kind not in {Kind.QUOTA, Kind.BUDGET}:
        return None
    return calendar.window(limit.unit, zone_of(limit.zone), wall).end_ns // US


def _by_gauges(limits: Iterable[Limit], gauges: Iterable[Sample], wall: int) -> Mapping[str, Left]:
    """What the only worker says of limits that it counts by itself; it has nothing to say of those nobody has used."""
    samples = list(gauges)
    if not samples:
        return {}
    said = {labels: value for metric, labels, value in samples if metric == metrics.LIMIT_LEFT.name}
    found = {}
    for limit in limits:
        whole = limit.burst if limit.kind is Kind.RATE else limit.amount
        ratio = said.get((limit.scope.value, limit.owner, limit.name), 1.0)
        found[limit.id] = _judge(limit, whole if isinstance(ratio, list) else round(ratio * whole), wall)
    return found
