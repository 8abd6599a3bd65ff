"""The credentials of the pools of one worker: what is known of each, which one a call shows, and who waits for one."""

from dataclasses import replace
from typing import Final, final

from exeat.model.credential import Member
from exeat.model.limit import Limit
from exeat.policy.balance import Turns
from exeat.policy.credential_pool import Acceptance, Candidate, ready_at
from exeat.proxy.cooling import Cooling
from exeat.state.cells import NEVER, Cell


@final
class MemberState:
    """What is known of one credential by one worker; `limit` is how its own limits are heeded, None is not at all."""

    __slots__ = ("acceptance", "id", "label", "limit", "upstream")

    def __init__(self, name: str, upstream: str) -> None:
        self.id: Final = name
        self.upstream: Final = upstream
        self.acceptance: Final = Acceptance()
        self.label = ""
        self.limit: Limit | None = None

    def follow(self, member: Member, provider: Limit | None) -> None:
        """Go by what the document says of it now."""
        self.label = label_of(member)
        self.limit = None if provider is None else replace(provider, id=f"{provider.id}/{self.id}", owner=self.id)


def label_of(member: Member) -> str:
    """What records and operators are told of a credential, such as `bearer 2`."""
    return f"{member.injection.kind} {member.name}"


@final
class Shown:
    """The credential of a pool that a call shows, and what it spends of its limits, until the call has ended.

    `refused` are the places of those that were refused in this call, and `is_refused` says that this one was. `since`
    is when it was chosen (monotonic ns). `tries` says that the call shows whether it is accepted again.
    """

    __slots__ = ("cells", "injection", "is_refused", "name", "place", "refused", "since", "state", "tries")

    def __init__(self, state: MemberState, member: Member, place: int, refused: tuple[int, ...]) -> None:
        self.state: Final = state
        self.injection: Final = member.injection
        self.name: Final = label_of(member)
        self.place: Final = place
        self.refused: Final = refused
        self.cells: list[Cell] = []
        self.since = 0
        self.tries = False
        self.is_refused = False


@final
class PoolState:
    """One pool: its credentials in the document's order, whose turn it is, and by part of the upstream, who waits."""

    __slots__ = ("cells", "members", "states", "turns", "upstream")

    def __init__(self, upstream: str, members: tuple[Member, ...], states: list[MemberState]) -> None:
        self.upstream: Final = upstream
        self.members: Final = members
        self.states: Final = states
        self.turns = Turns(len(states))
        self.cells: dict[bytes, PoolCell] = {}

    @property
    def names(self) -> list[str]:
        """The names of its credentials."""
        return [state.id for state in self.states]

    def candidates(self, cooling: Cooling, part: bytes, now: int) -> list[Candidate]:
        """Every credential as it is now, for a call of a part of the upstream."""
        return [
            Candidate(
                member.weight,
                state.acceptance,
                max((cell.ready_at(now, 1) for cell in cooling.cells(state.id, part)), default=0),
            )
            for member, state in zip(self.members, self.states, strict=True)
        ]

    def waits(self, cooling: Cooling) -> bool:
        """Whether any of its credentials has limits that have to be heeded."""
        return any(cooling.knows(state.id) for state in self.states)


@final
class PoolCell(Cell):
    """All credentials of a pool, as a limit that a call may stand in line for: it passes when one of them is free."""

    def __init__(self, limit: Limit, pool: PoolState, cooling: Cooling, part: bytes) -> None:
        super().__init__(limit, part.decode("latin-1"))
        self._pool = pool
        self._cooling = cooling
        self._part = part

    def ready_at(self, now: int, cost: int) -> int:  # noqa: ARG002 - every call shows one
        """When a call can show one of them."""
        return ready_at(self._pool.candidates(self._cooling, self._part, now), now)

    def spend(self, now: int, cost: int) -> None:
        """Nothing: the credential that is chosen in the same turn is what is spent from."""

    def give_back(self, now: int, cost: int, began: int = NEVER) -> None:
        """Nothing: that credential takes it back."""

    def remaining(self, now: int) -> int:
        """Whether a call passes."""
        return int(self.ready_at(now, 1) <= now)

    def whole_in(self, now: int) -> int:
        """Until a call passes."""
        return max(0, self.ready_at(now, 1) - now)

    def is_idle(self, now: int) -> bool:  # noqa: ARG002 - the credentials' own cells know
        """Whether nobody waits, and nothing has to be heeded."""
        return not self.waiting and not self._pool.waits(self._cooling)
