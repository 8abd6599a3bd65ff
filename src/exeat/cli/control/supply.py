"""The token of one source: fetched at once, renewed early, and tried again with growing pauses where that fails."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

from exeat.cli.control.shared_grant import SharedGrant
from exeat.cli.control.token_request import TokenEndpoint
from exeat.model.secret import Secret
from exeat.model.token import TokenNews, token_print
from exeat.model.token_source import TokenSource
from exeat.store.failure import StoreError
from exeat.telemetry.logs import Log
from exeat.vault.tokens import Fetched, TokenError

KEEP_AGAIN_S = 1.0
SHORTEST_S = 2.0  # what ends sooner may end on its way
REFUSED = "a token can't be fetched; calls that need it are refused"
COUNTS = "a token can't be fetched; the one before counts until it ends"
UNKEPT = "a refresh token can't be kept; it is lost if this process ends before"
MANY_DOUBLINGS = 30
FAULT = "Exeat met a fault of its own, which its log describes"


class Pace(NamedTuple):
    """When tokens are renewed, and what is waited for; seconds.

    A token is renewed when `early` of its life is over, but `spare_s` before its end where it lives twice as long;
    `jitter` is the share of that time that chance takes away. One without an end is renewed after `unknown_s`, as if
    it lived so long. Failures are followed by `first_s`, twice as long each time, `last_s` at most; those that don't
    pass by themselves by the `lasting` ones. A token that was renewed for a refusal stays `after_refusal_s`.
    """

    limit_s: float = 15.0
    early: float = 0.8
    spare_s: float = 60.0
    jitter: float = 0.1
    least_s: float = 1.0
    unknown_s: float = 3600.0
    most_s: float = 7 * 86400.0
    first_s: float = 1.0
    last_s: float = 60.0
    lasting_first_s: float = 30.0
    lasting_last_s: float = 300.0
    after_refusal_s: float = 30.0

    def renew_in_s(self, life_s: float | None, chance: float) -> float:
        """When a token of this life is renewed; `chance` is from 0 to 1."""
        life_s = self.unknown_s if life_s is None else life_s
        in_s = life_s * self.early
        if life_s >= 2 * self.spare_s:
            in_s = min(in_s, life_s - self.spare_s)
        return min(max(in_s * (1 - self.jitter * chance), self.least_s), self.most_s)

    def pause_s(self, failures: int, chance: float, *, is_passing: bool, again_in_s: float | None) -> float:
        """How long to wait after so many failures; no less than the endpoint asks for."""
        first_s, last_s = (self.first_s, self.last_s) if is_passing else (self.lasting_first_s, self.lasting_last_s)
        pause_s = min(first_s * 2.0 ** min(failures - 1, MANY_DOUBLINGS), last_s)
        return max(pause_s, again_in_s or 0.0) + pause_s * self.jitter * chance


DEFAULT_PACE = Pace()


class Supply:
    """One source and its token. `tell` is given what is new of it; times are of the event loop's clock."""

    def __init__(
        self,
        source: TokenSource,
        endpoint: TokenEndpoint,
        grant: SharedGrant | None,
        *,
        tell: Callable[[TokenNews], None],
        log: Log,
        pace: Pace,
        slots: asyncio.Semaphore,
        chance: Callable[[], float],
    ) -> None:
        self._source = source
        self._endpoint = endpoint
        self._grant = grant
        self._tell_news = tell
        self._log = log
        self._pace = pace
        self._slots = slots
        self._chance = chance
        self._clock = asyncio.get_running_loop().time
        self._token: Secret | None = None
        self._ends_at: float | None = None
        self._due_at = 0.0
        self._refused: str | None = None  # the print of the token that is being replaced because of that
        self._renewed_at = float("-inf")  # for a refusal
        self._failures = 0
        self._reason: str | None = None
        self._said: str | None = None
        self._is_fetching = False
        self._is_over = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.TimerHandle | None = None

    # Life

    def begin(self, known: TokenNews | None) -> None:
        """Begin; what is known of a token from before counts."""
        now = self._clock()
        if known is not None and known.token is not None and (known.expires_in_s is None or known.expires_in_s > 0):
            self._take(known.token, known.expires_in_s)
        else:
            self._due_at = now
        self._task = asyncio.get_running_loop().create_task(self._run())

    def end(self) -> asyncio.Task[None] | None:
        """Fetch no more; a request for a shared grant that is under way comes to its end, in the task that is given."""
        self._is_over = True
        if self._ending is not None:
            self._ending.cancel()
        grant = self._grant
        if self._task is not None and (grant is None or not (grant.is_busy or grant.is_unkept)):
            self._task.cancel()
        self._wake.set()
        return self._task

    @property
    def token(self) -> Secret | None:
        """What is shown now, if there is anything."""
        return self._token

    def want(self, refused: str | None) -> None:
        """Answer whoever has no token, or was refused with the one of this print."""
        now = self._clock()
        if self._is_fetching:
            return  # what comes of it is told
        if self._failures:
            self._tell()
        elif self._token is None or (self._ends_at is not None and self._ends_at - now < SHORTEST_S):
            self._hurry()
        elif refused is None or refused != token_print(self._token):
            self._tell()
        elif (wait_s := self._renewed_at + self._pace.after_refusal_s - now) > 0:
            self._tell("the upstream refuses a token that has just been fetched", wait_s)
        else:
            self._refused = refused
            self._hurry()

    def _hurry(self) -> None:
        self._due_at = self._clock()
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wait()
            if self._grant is not None and self._grant.is_unkept:
                await self._keep(self._grant)
            elif self._is_over:
                return
            else:
                await self._fetch()

    async def _wait(self) -> None:
        """Until something is due, or somebody asks."""
        due_at = self._due_at
        if self._grant is not None and self._grant.is_unkept:
            due_at = self._clock() + KEEP_AGAIN_S
        elif self._is_over:
            return
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(due_at):
                await self._wake.wait()

    # Fetching

    async def _fetch(self) -> None:
        self._is_fetching = True
        try:
            async with self._slots:
                fetched = await self._ask()
        except TokenError as error:
            self._is_fetching = False
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - a boundary: a fault here must not end the supply
            self._is_fetching = False
            self._log.bug(error, upstream=self._source.label)
            self._failed(TokenError(FAULT, is_passing=True))
        else:
            self._is_fetching = False
            self._fetched(fetched)

    async def _ask(self) -> Fetched:
        endpoint, limit_s = self._endpoint, self._pace.limit_s
        if self._grant is None:
            return await endpoint.fetch(None, limit_s)
        return await self._grant.fetch(self._refused, lambda stored: endpoint.fetch(stored, limit_s))

    def _fetched(self, fetched: Fetched) -> None:
        if fetched.expires_in_s is not None and fetched.expires_in_s < SHORTEST_S:
            reason = (
                f"The token endpoint gives tokens that live for {fetched.expires_in_s:.3g} s, too short to use one."
            )
            self._failed(TokenError(reason, is_passing=True))
            return
        is_same = self._refused is not None and token_print(fetched.token) == self._refused
        if self._refused is not None:
            self._renewed_at, self._refused = self._clock(), None
        self._failures, self._reason = 0, None
        self._take(fetched.token, fetched.expires_in_s)
        self._say_fetched(fetched)
        if is_same:
            self._tell("the token endpoint gives the token again that the upstream refuses", self._pace.after_refusal_s)
        else:
            self._tell()

    def _take(self, token: Secret, life_s: float | None) -> None:
        now = self._clock()
        self._token, self._ends_at = token, None if life_s is None else now + life_s
        self._due_at = now + self._pace.renew_in_s(life_s, self._chance())
        if self._ending is not None:
            self._ending.cancel()
        self._ending = None
        if self._ends_at is not None:
            self._ending = asyncio.get_running_loop().call_at(self._ends_at, self._expire)

    def _expire(self) -> None:
        """The token has ended, and there is no other."""
        self._token, self._ends_at = None, None
        if self._failures:
            self._say(REFUSED, kind=self._source.grant.kind, reason=self._reason, detail=None)
            self._tell()

    def _failed(self, error: TokenError) -> None:
        self._failures += 1
        self._refused = None
        self._reason = error.reason.rstrip(".")
        pause_s = self._pace.pause_s(
            self._failures, self._chance(), is_passing=error.is_passing, again_in_s=error.again_in_s
        )
        self._due_at = self._clock() + pause_s
        self._say_failed(error, pause_s)
        self._tell()

    async def _keep(self, grant: SharedGrant) -> None:
        """Put down the refresh token that has come while the database was away."""
        try:
            await grant.keep()
        except StoreError as error:
            self._say(UNKEPT, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a boundary: a fault here must not end the supply
            self._log.bug(error, upstream=self._source.label)
        else:
            self._said = None
            self._log.info("a refresh token is kept now", upstream=self._source.label)

    # Telling

    def _tell(self, reason: str | None = None, again_in_s: float | None = None) -> None:
        """Say what there is: a token, and why there is no other, or none."""
        if self._is_over:
            return
        now = self._clock()
        reason = reason or self._reason
        if reason is not None and again_in_s is None:
            again_in_s = max(self._due_at - now, 0.0)
        left_s = None if self._ends_at is None else self._ends_at - now
        self._tell_news(TokenNews(self._source.id, self._token, left_s, reason, again_in_s))

    def _say_fetched(self, fetched: Fetched) -> None:
        facts = {
            "upstream": self._source.label,
            "kind": self._source.grant.kind,
            "life_s": _rounded(fetched.expires_in_s),
        }
        if self._said is None:
            self._log.debug("a token is fetched", **facts)
        else:
            self._said = None
            self._log.info("a token is fetched again", **facts)

    def _say_failed(self, error: TokenError, pause_s: float) -> None:
        left_s = None if self._ends_at is None else _rounded(self._ends_at - self._clock())
        facts = {
            "kind": self._source.grant.kind,
            "reason": self._reason,
            "detail": error.detail or None,
            "again_s": _rounded(pause_s),
        }
        if self._token is None:
            self._say(REFUSED, **facts)
        else:
            self._say(COUNTS, **facts, ends_in_s=left_s)

    def _say(self, message: str, **facts: object) -> None:
        """Log something once, until all is well."""
        said = f"{message}: {facts.get('reason')}"
        loud = self._log.warning if message == COUNTS else self._log.error
        say = self._log.debug if said == self._said else loud
        self._said = said
        say(message, upstream=self._source.label, **{name: fact for name, fact in facts.items() if fact is not None})


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
