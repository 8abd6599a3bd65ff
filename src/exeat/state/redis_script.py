"""The script that runs in Redis: its text, how questions are written for it, and how its replies are read."""

from hashlib import blake2b, sha1
from pathlib import Path
from typing import Any, Final, NamedTuple, final

import orjson

from exeat.state.ledger import PERMITS, RATE, SLICE_NS, WINDOW, Answer, Charge, Crossing, Give, Hold, Question, Take
from exeat.state.memory import GRACE_NS, PLENTY, SHORT_LIFE_NS

TEXT: Final = Path(__file__).with_name("ledger.lua").read_text("utf-8")
SHA: Final = sha1(TEXT.encode(), usedforsecurity=False).hexdigest()  # what Redis calls it
REGISTER: Final = "exeat:{instances}"
CHANNEL: Final = "exeat:recall:"
PAUSES: Final = "exeat:pauses"  # the channel on which instances tell each other what upstreams said
_BASE: Final = 10**9  # of pairs
_MS: Final = 1_000_000

Row = list[Any]  # a question; its second place is for the number of its key


class Register(NamedTuple):
    """How many instances there are, and when the first of them began to be noted."""

    instances: int
    began: tuple[int, int]


class Replies(NamedTuple):
    """What a call brings: the time there (ns), and for each question a list; None where the entry can't be read."""

    now: int
    each: list[list[Any] | None]


class Entry(NamedTuple):
    """A question in a call: who asked, what, and the place of its answer; None where it is our own."""

    holder: int
    question: Question | None
    place: tuple[int, int] | None


@final
class Batch:
    """One call: questions about keys of one slot."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.rows: list[Row] = []
        self.entries: list[Entry] = []

    def add(self, key: str, row: Row, entry: Entry) -> None:
        """Add a question."""
        row[1] = self.keys.setdefault(key, len(self.keys) + 1)
        self.rows.append(row)
        self.entries.append(entry)


def key_of(name: str, kind: str) -> str:
    """The key of an entry: all that is known of a name is on one server of a cluster, and nothing of it can be read."""
    return f"exeat:{{{blake2b(name.encode(), digest_size=16).hexdigest()}}}:{kind}"


def row_of(holder: str, question: Question, wall: int) -> Row:
    """A question as the script reads it."""
    match question:
        case Take():
            return _row_of_take(holder, question, wall)
        case Give():
            return [f"g{question.kind}", 0, holder, *_pair(question.amount), question.serial]
        case Charge():
            return ["c", 0, holder, *_pair(question.amount), _life_ms(question.ends_at, wall)]
        case Hold():
            return ["h", 0, holder, *_pair(question.amount)]


def kind_of(question: Question) -> str:
    """The kind of entry that a question is about."""
    if isinstance(question, Take | Give):
        return question.kind
    return WINDOW if isinstance(question, Charge) else PERMITS


def row_of_instance(instance: str) -> Row:
    """Word that an instance is there."""
    return ["i", 0, instance]


def _row_of_take(holder: str, take: Take, wall: int) -> Row:
    row = [take.kind, 0, holder, *_pair(take.need), *_pair(take.least), *_pair(take.want)]
    if take.kind == RATE:
        return [*row, take.amount, *_pair(take.span), life_of(take)]
    if take.kind == WINDOW:
        return [*row, *_pair(take.amount), _life_ms(take.span, wall)]
    return [*row, *_pair(take.amount)]


def life_of(take: Take) -> int:
    """How long (ns) a part of a rate may be kept."""
    life = min(SLICE_NS, take.amount * take.span // PLENTY)
    return 0 if life < SHORT_LIFE_NS else life


def _life_ms(ends_at: int, wall: int) -> int:
    """How long the entry of a window is kept: by this machine's clock, which has named the window."""
    return (max(0, ends_at - wall) + GRACE_NS) // _MS


def _pair(number: int) -> tuple[int, int]:
    return divmod(number, _BASE)


def render(rows: list[Row]) -> bytes:
    """The argument of a call."""
    return orjson.dumps(rows)


def parse(text: bytes) -> Replies:
    """What a call has brought."""
    seconds, microseconds, each = orjson.loads(text)
    return Replies(seconds * _BASE + microseconds * 1000, each)


def answer_of(take: Take, reply: list[Any], wall: int) -> tuple[Answer, list[str]]:
    """The answer to a wish, and who may have more than it needs: each a holder, and what it was granted last."""
    granted, remaining, again_in = (reply[at] * _BASE + reply[at + 1] for at in (0, 2, 4))
    if take.kind == WINDOW:
        again_in = max(0, take.span - wall)
    life = life_of(take) if take.kind == RATE else 0
    others = [one for one in reply[6:] if isinstance(one, str)]
    return Answer(granted, remaining, again_in, bool(others), life), others


def crossings_of(question: Question, reply: list[Any]) -> list[Crossing]:
    """The marks that a window has passed with a question."""
    if not isinstance(question, Take | Charge):
        return []
    ends_at = question.span if isinstance(question, Take) else question.ends_at
    return [
        Crossing(question.name, one[0], one[1] * _BASE + one[2], one[3] * _BASE + one[4], ends_at)
        for one in reply
        if isinstance(one, list)
    ]


def register_of(reply: list[Any]) -> Register:
    """What the word of an instance has brought."""
    return Register(reply[0], (reply[1], reply[2]))
