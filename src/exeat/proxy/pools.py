"""Which credential of a pool a call shows, and what its answer says of it.

Rule 1: what is known of a credential lives under its name, which changes with it: a new configuration changes weights,
not what was learnt, and a credential in the place of another one begins as if it had never been shown.
Rule 2: a call keeps its credential, unless that was refused: what may have been done under one isn't done under
another.
Rule 3: each credential has limits of its own, and spends from these alone.
"""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.credential import Injection
from exeat.model.decision import deny
from exeat.model.limit import SECOND_NS
from exeat.model.mark import name_credential
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Upstream
from exeat.policy.balance import NOBODY
from exeat.policy.credential_pool import NO_TOKEN, REFUSED, has_ready, ready_at, shares
from exeat.policy.provider import PAUSE_NS, Allowance, learn
from exeat.policy.retry import IDEMPOTENT, TOO_MANY
from exeat.proxy.cooling import WHOLE, Cooling, pause_of
from exeat.proxy.exchange import Attempt, Exchange
from exeat.proxy.members import MemberState, PoolCell, PoolState, Shown
from exeat.state.cells import NEVER, Cell
from exeat.state.ledger import Pause, Rest
from exeat.wire.http1 import ResponseHead

# Nothing of the request was sent.
UNSENT: Final = frozenset(
    {Code.DNS_FAILED, Code.CONNECT_FAILED, Code.CONNECT_TIMEOUT, Code.TLS_FAILED, Code.ADDRESS_BLOCKED}
)
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
FIRST_FAILURE: Final = 500
OnChange = Callable[[MemberState, int, float], None]


@final
class Pools:
    """The pools of one worker. `clock` is monotonic nanoseconds; `heed` is called for a cell that may let calls pass.

    `share` tells other workers of a credential's limits. `on_change(state, status, rest_s)` is called for what this
    worker sees by itself: a credential was refused with `status`, and rests; or with 0, it is accepted again.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        cooling: Cooling,
        heed: Callable[[Cell, int], None],
        share: Callable[[Pause], None],
    ) -> None:
        self.on_change: OnChange = _tell_nobody
        self._clock = clock
        self._cooling = cooling
        self._heed = heed
        self._share = share
        self._states: dict[str, MemberState] = {}
        self._pools: dict[str, PoolState] = {}
        self._retired: list[PoolState] = []  # of earlier snapshots, by which calls may still go

    def follow(self, snapshot: Snapshot) -> None:
        """Know the pools of this snapshot, and no others; calls that have begun go on by their own."""
        before, self._pools = self._pools, {}
        states: dict[str, MemberState] = {}
        for upstream in snapshot.upstreams.values():
            members = upstream.credential.members
            if not members:
                continue
            earlier = before.get(upstream.name)
            if earlier is not None and earlier.members is members:
                del before[upstream.name]
                pool = earlier
            else:
                pool = self._make(upstream)
                if earlier is not None and earlier.names == pool.names:
                    pool.turns = earlier.turns
            self._pools[upstream.name] = pool
            for state, member in zip(pool.states, members, strict=True):
                state.follow(member, upstream.provider)
                states[state.id] = state
        self._states = states
        self._retired += before.values()

    def _make(self, upstream: Upstream) -> PoolState:
        states = []
        for member in upstream.credential.members:
            name = name_credential(upstream.name, member.mark)
            state = self._states.get(name)
            if state is None:
                state = MemberState(name, upstream.name)
                state.follow(member, upstream.provider)
            states.append(state)
        return PoolState(upstream.name, upstream.credential.members, states)

    def _pool_of(self, upstream: Upstream) -> PoolState:
        members = upstream.credential.members
        pool = self._pools.get(upstream.name)
        if pool is not None and pool.members is members:
            return pool
        for pool in self._retired:
            if pool.members is members:
                return pool
        pool = self._make(upstream)  # of a snapshot that a call still goes by
        self._retired.append(pool)
        return pool

    # For calls

    def cell(self, upstream: Upstream, path: bytes) -> Cell | None:
        """What a call has to wait for until a credential is free; None where none has limits to be heeded."""
        pool, limit = self._pool_of(upstream), upstream.provider
        if limit is None or not pool.waits(self._cooling):
            return None
        part = self._cooling.part_of(upstream.name, path)
        cell = pool.cells.get(part)
        if cell is None:
            cell = pool.cells[part] = PoolCell(limit, pool, self._cooling, part)
        return cell

    def choose(self, exchange: Exchange, upstream: Upstream) -> Injection:
        """The credential that a call shows next; GatewayError where the limits of all keep it back."""
        shown = exchange.member
        if shown is not None and shown.state.upstream == upstream.name and not shown.is_refused:
            return shown.injection
        refused = self._refused(shown, upstream)
        pool, now = self._pool_of(upstream), self._clock()
        part = self._part(exchange, upstream)
        candidates = pool.candidates(self._cooling, part, now)
        may_try = _can_follow(exchange, upstream)
        place = pool.turns.pick(shares(candidates, refused, now, may_try=may_try))
        if place == NOBODY and refused:
            place = pool.turns.pick(shares(candidates, (), now, may_try=may_try))
        if place == NOBODY:
            if upstream.provider is None or not upstream.provider.report:
                raise _refusal(exchange, upstream, ready_at(candidates, now) - now)
            place = min(range(len(candidates)), key=lambda one: candidates[one].free_at)
        if shown is not None:
            self.leave(exchange)
        state = pool.states[place]
        chosen = Shown(state, pool.members[place], place, refused)
        chosen.since = now
        acceptance = state.acceptance
        if acceptance.status and not acceptance.rests(now) and not acceptance.is_tried:
            acceptance.is_tried = chosen.tries = True
        chosen.cells = self._cooling.cells(state.id, part)
        for cell in chosen.cells:
            cell.spend(now, 1)
        exchange.member = chosen
        return chosen.injection

    def judge(self, exchange: Exchange, response: ResponseHead) -> None:
        """Take what an answer says of the credential that was shown."""
        shown = exchange.member
        if shown is None:
            return
        status, now, state = response.status, self._clock(), shown.state
        is_its_own = status < FIRST_FAILURE and status != UNAUTHORIZED  # that tells the limits of those without any
        asks_for_pause = is_its_own and self._learn(exchange, shown, response, now)
        if status == TOO_MANY or (status == FORBIDDEN and asks_for_pause):
            shown.is_refused = True
        elif status in REFUSED:
            if shown.injection.token is None:
                self.refuse(exchange, status)
        elif status < FIRST_FAILURE and state.acceptance.accept(shown.since):
            shown.tries = False
            self.on_change(state, 0, 0.0)
            self._look_again(state.upstream, now)

    def refuse(self, exchange: Exchange, status: int) -> None:
        """Let the credential that was shown rest: it, and not the call, was refused."""
        shown = exchange.member
        if shown is None:
            return
        shown.is_refused = status != FORBIDDEN  # that may be of the call, as likely as of the credential
        now, acceptance = self._clock(), shown.state.acceptance
        if shown.tries:
            shown.tries = acceptance.is_tried = False
        if acceptance.refuse(status, shown.since, now):
            self.on_change(shown.state, status, (acceptance.until - now) / SECOND_NS)

    def goes_on(self, exchange: Exchange, upstream: Upstream) -> bool:
        """Whether the credential was refused, rather than the call, and another one may be shown at once."""
        shown = exchange.member
        if shown is None or not shown.is_refused:
            return False
        head = exchange.head_or_raise
        if head.method not in IDEMPOTENT and any(map(_may_have_been_done, exchange.attempts[:-1])):
            return False
        now = self._clock()
        candidates = self._pool_of(upstream).candidates(self._cooling, self._part(exchange, upstream), now)
        return has_ready(candidates, self._refused(shown, upstream), now)

    def leave(self, exchange: Exchange) -> None:
        """A call has ended, or goes on with another credential."""
        shown = exchange.member
        if shown is None:
            return
        if shown.tries:
            shown.tries = shown.state.acceptance.is_tried = False
        now, cells = self._clock(), shown.cells
        shown.cells = []
        for cell in cells:
            cell.give_back(now, 1, shown.since)
        if cells:
            self._look_again(shown.state.upstream, now)

    # For what others know

    def hear(self, word: Rest | Pause) -> bool:
        """Take what another worker has seen of a credential; whether it is one of these."""
        name = word.endpoint if isinstance(word, Rest) else word.owner
        state = self._states.get(name)
        if state is None:
            return False
        now = self._clock()
        if isinstance(word, Rest):
            state.acceptance.hear(int(word.reason) if word.reason.isdigit() else 0, word.for_ns, now)
        elif state.limit is not None:
            self._heed(self._cooling.hear(state.limit, word, now), now)
        self._look_again(state.upstream, now)
        return True

    def rests(self) -> Iterator[Rest]:
        """Which credentials rest here because they were refused, and for how long yet."""
        now = self._clock()
        for state in self._states.values():
            acceptance = state.acceptance
            if acceptance.rests(now):
                yield Rest(state.id, acceptance.until - now, str(acceptance.status))

    def report(self) -> Iterator[dict[str, str | int | float | None]]:
        """Every credential that rests, or whose limits let no call pass; `rests_s` is for how long it does yet."""
        now = self._clock()
        for state in self._states.values():
            acceptance, limits = state.acceptance, self._cooling.waits_of(state.id, now)
            said = {"upstream": state.upstream, "credential": state.label}
            if acceptance.status:
                rests_s = max(0, acceptance.until - now) / SECOND_NS
                status = None if acceptance.status == NO_TOKEN else acceptance.status
                yield {**said, "state": "refused", "status": status, "part": None, "rests_s": rests_s}
            for part, wait in limits:
                rests_s = wait / SECOND_NS
                yield {**said, "state": "limited", "status": None, "part": part or None, "rests_s": rests_s}

    def tend(self) -> None:
        """Forget the lines in which nobody stands any more."""
        now = self._clock()
        for pool in (*self._pools.values(), *self._retired):
            if pool.cells:
                pool.cells = {part: cell for part, cell in pool.cells.items() if not cell.is_idle(now)}
        self._retired = [pool for pool in self._retired if any(cell.waiting for cell in pool.cells.values())]

    # Inside

    def _learn(self, exchange: Exchange, shown: Shown, response: ResponseHead, now: int) -> bool:
        """Take what an answer says of the credential's own limits; whether it asks for a pause."""
        limit, permit = shown.state.limit, exchange.permit
        if limit is None or permit is None:
            return False
        allowance = learn(response.status, response.known, exchange.wall_at(now), now)
        if allowance is None:
            if response.status != TOO_MANY:
                return False
            allowance = Allowance(None, None, None, now + PAUSE_NS, WHOLE)
        cell = self._cooling.learn(limit.owner, limit, permit.path, allowance, now)
        if cell is not None:
            self._heed(cell, now)
            self._look_again(shown.state.upstream, now)
            pause = pause_of(limit.owner, allowance, now)
            if pause is not None:
                self._share(pause)
        return allowance.stop_until is not None and allowance.stop_until > now

    def _look_again(self, upstream: str, now: int) -> None:
        """Have those look again who wait for a credential of an upstream."""
        for pool in (*self._pools.values(), *self._retired):
            if pool.upstream == upstream:
                for cell in list(pool.cells.values()):
                    if cell.waiting:
                        self._heed(cell, now)

    def _part(self, exchange: Exchange, upstream: Upstream) -> bytes:
        permit = exchange.permit
        return WHOLE if permit is None else self._cooling.part_of(upstream.name, permit.path)

    def _refused(self, shown: Shown | None, upstream: Upstream) -> tuple[int, ...]:
        """The places of those that were refused in this call."""
        if shown is None or shown.state.upstream != upstream.name:
            return ()
        return (*shown.refused, shown.place) if shown.is_refused else shown.refused


def _can_follow(exchange: Exchange, upstream: Upstream) -> bool:
    """Whether a call that is refused can be sent again with another credential."""
    head = exchange.head_or_raise
    return not head.has_body or exchange.gathered is not None or (head.length or NEVER) <= upstream.retries.body_bytes


def _may_have_been_done(attempt: Attempt) -> bool:
    """Whether the upstream may have done what an attempt asked for; one that was refused or redirected wasn't."""
    status = attempt.status
    if status is None:
        return attempt.error not in UNSENT
    return status not in REFUSED and status != TOO_MANY and not 300 <= status < 400  # noqa: PLR2004 - redirects


def _refusal(exchange: Exchange, upstream: Upstream, wait: int) -> GatewayError:
    detail = f"Every credential of {upstream.name} was asked for a pause."
    exchange.decision = deny(Code.UPSTREAM_COOLING_DOWN, detail)
    after_s = max(1, ceil(wait / SECOND_NS))
    return GatewayError(Code.UPSTREAM_COOLING_DOWN, detail, untouched=True, retry_after=after_s)


def _tell_nobody(state: MemberState, status: int, rest_s: float) -> None:
    """What is called of changes until somebody asks for them."""
