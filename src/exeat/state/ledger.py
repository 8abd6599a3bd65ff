"""Questions to the ledger, which holds the state that several workers share, and its answers: plain values.

Every process that asks is a holder, known by a number. Times are nanoseconds: `now` is monotonic, `wall` since the
epoch.
"""

from abc import ABC, abstractmethod
from typing import Final, NamedTuple

RATE: Final = "r"
WINDOW: Final = "w"
PERMITS: Final = "p"
SLICE_NS: Final = 50_000_000  # how long a part of a rate may be kept


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


class Give(NamedTuple):
    """What was taken and isn't used; 0 says that nothing lies idle."""

    name: str
    kind: str
    amount: int


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


class Answer(NamedTuple):
    """What a wish brought: `granted`, how much `remaining` there is, in how long (ns) `least` may be there.

    `held` says that others may have some that they don't need: it is worth to ask again soon. What was granted of a
    rate may be used within `life` (ns) of the question.
    """

    granted: int
    remaining: int
    again_in: int
    held: bool
    life: int


Question = Take | Give | Charge | Hold
Answers = list[Answer | None]  # to each Take, in their order; None where it can't be known


class Recall(NamedTuple):
    """Word to a holder that others need what lies idle with it."""

    holder: int
    name: str
    kind: str


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

    @abstractmethod
    async def answer(self, asked: list[tuple[int, list[Question]]], now: int, wall: int) -> list[Answers]:
        """Answer what holders ask, all of it at once and in this order."""

    @abstractmethod
    def recalls(self) -> list[Recall]:
        """Who has to be told, since this was asked last, that others need what lies idle."""

    def crossings(self) -> list[Crossing]:
        """Which windows have passed a mark since this was asked last; none, where the ledger doesn't tell."""
        return []

    async def share(self, pauses: list[Pause]) -> None:  # noqa: B027 - there may be nobody to tell
        """Tell other instances what upstreams said; nobody, where the ledger is this instance's alone."""

    def heard(self) -> list[Pause]:
        """What other instances have told since this was asked last."""
        return []

    @abstractmethod
    def leave(self, holder: int) -> None:
        """A holder is gone: its permits are free, what else it held is spent."""

    @abstractmethod
    def tend(self, now: int, wall: int) -> None:
        """Forget what has ended; called every second."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it keeps open."""
