"""Questions to the ledger, which holds the state that several workers share, and its answers: plain values.

Every process that asks is a holder, known by a number. Times are nanoseconds: `now` is monotonic, `wall` since the
epoch.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, NamedTuple

RATE: Final = "r"
WINDOW: Final = "w"
PERMITS: Final = "p"
SLICE_NS: Final = 50_000_000  # how long a part of a rate may be kept
RECALL_NS: Final = 500_000_000  # how long somebody waits for what may lie idle with others
SOON_NS: Final = 10_000_000  # a rate that has more so soon isn't called back from others


class Take(NamedTuple):
    """A wish for at least `need`, and up to `want` where there is plenty; less than `least` is of no use.

    Of a rate, `amount` is the burst and `span` the interval; a window has `amount` in all, and ends at `span` (wall);
    of permits there are `amount`.
    """

    name: str
    kind: str
    amount: int
    span: int
    need: int
    least: int
    want: int


class Stand(NamedTuple):
    """Who stands in line for a limit, in their order, in place of what the holder has said before; nobody, if empty.

    Each is a priority (the lowest goes first), since when they have been waiting (monotonic), and what they need.
    `amount` and `span` are those of a Take.
    """

    name: str
    kind: str
    amount: int
    span: int
    line: Sequence[Sequence[int]]


class Give(NamedTuple):
    """What was taken and isn't used. The answer to a recall repeats its `serial`: then nothing lies idle any more."""

    name: str
    kind: str
    amount: int
    serial: int = 0


class Charge(NamedTuple):
    """What was spent of a window without asking, because it was known too late: it may go beyond the amount."""

    name: str
    ends_at: int
    amount: int


class Hold(NamedTuple):
    """Permits that are in use, said to a ledger that has lost its memory."""

    name: str
    amount: int


class Pause(NamedTuple):
    """What an upstream (`owner`), or a part of it, said of its own limits, for all other workers; in ns from now."""

    owner: str
    part: str
    remaining: int | None
    limit: int | None
    resets_in: int | None
    stop_in: int | None


class Rest(NamedTuple):
    """That an endpoint rests from now on, for how long (ns), and why; 0 says that it is well again.

    For all other workers, and those that start later.
    """

    endpoint: str
    for_ns: int
    reason: str


class Answer(NamedTuple):
    """What a wish brought: `granted`, how much `remaining` there is, in how long (ns) `least` may be there.

    `held` says that others may have some that they don't need: they are asked for it, and a Grant follows. What was
    granted of a rate may be used within `life` (ns) of the question.
    """

    granted: int
    remaining: int
    again_in: int
    held: bool
    life: int


Question = Take | Give | Charge | Hold
Said = Question | Stand  # by workers; a ledger itself isn't told who stands in line
Learnt = Pause | Rest  # by one worker of an upstream, for all others
Answers = list[Answer | None]  # to each Take, in their order; None where it can't be known


class Recall(NamedTuple):
    """Word to a holder that others need what lies idle with it; `serial` is that of what it was granted last."""

    holder: int
    name: str
    kind: str
    serial: int


class Grant(NamedTuple):
    """Word to a holder, unasked: for who stands in line, or in place of an answer that was `held`.

    `left` is how many still stand in line; of another wish it is what may follow, and 0 is the end of it. The answer
    is None where nothing is known any more.
    """

    name: str
    of_line: bool
    left: int
    answer: Answer | None


class More(NamedTuple):
    """Word to holders that there may be more of what was used up."""

    name: str


class Crossing(NamedTuple):
    """A window has passed `percent` of its amount, or at 100 has too little left for a call; said once for each."""

    name: str
    percent: int
    used: int
    amount: int
    ends_at: int


class Ledger(ABC):
    """The state that is shared by the workers of some `instances` of the gateway."""

    instances: int = 1
    is_reachable: bool = True  # as far as is known
    poll_ns: int = 0  # after which to ask again for who waits; 0 where nothing changes unheard

    @abstractmethod
    async def answer(self, asked: list[tuple[int, list[Question]]], now: int, wall: int) -> list[Answers]:
        """Answer what holders ask, all of it at once and in this order."""

    @abstractmethod
    def recalls(self) -> list[Recall]:
        """Who has to be told, since this was asked last, that others need what lies idle."""

    def more(self) -> list[str]:
        """Of what there may be more since this was asked last, because of other instances."""
        return []

    @abstractmethod
    def give_up(self, name: str, now: int) -> None:
        """Wait no longer for those who were asked RECALL_NS ago for what lies idle, and haven't answered."""

    def crossings(self) -> list[Crossing]:
        """Which windows have passed a mark since this was asked last; none, where the ledger doesn't tell."""
        return []

    async def share(self, words: list[Learnt]) -> None:  # noqa: B027 - there may be nobody to tell
        """Tell other instances what was learnt of upstreams; nobody, where the ledger is this instance's alone."""

    def heard(self) -> list[Learnt]:
        """What other instances have told since this was asked last."""
        return []

    def was_asked(self) -> bool:
        """Whether another instance has begun since this was asked last: it wants to know which endpoints rest."""
        return False

    @abstractmethod
    def leave(self, holder: int) -> None:
        """A holder is gone: its permits are free, what else it held is spent."""

    @abstractmethod
    def tend(self, now: int, wall: int) -> None:
        """Forget what has ended; called every second."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it keeps open."""
