"""The tokens of one worker: what the broker has fetched, ready to be shown, and waiting for what isn't there yet.

Rule 1: a token is shown until it ends; one that an upstream has refused is shown no more.
Rule 2: nothing is fetched here: the broker is asked once, however many calls wait.
"""

from collections.abc import Callable
from math import ceil
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.credential import Injection
from exeat.model.secret import Secret
from exeat.model.token import TokenNews, token_print
from exeat.policy.inject import show_token
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Exchange

WAIT_S: Final = 10.0
SPARE_S: Final = 1.0  # a token that ends sooner may end on its way
AFTER_REFUSAL_S: Final = 30.0  # for so long a token that was fetched for a refusal is not asked for again


@final
class Held:
    """One source's token, and the credentials that were made ready with it. Times are of the worker's clock."""

    __slots__ = (
        "asked", "ends_at", "print", "reason", "refused", "renewed_at", "shown", "shown_for", "token", "tries_at",
        "waiting",
    )  # fmt: skip

    def __init__(self) -> None:
        self.token: Secret | None = None
        self.print = ""
        self.ends_at = 0.0
        self.reason: str | None = None
        self.tries_at = 0.0
        self.refused = ""
        self.renewed_at = -AFTER_REFUSAL_S
        self.asked = False
        self.shown: Injection | None = None
        self.shown_for: Injection | None = None
        self.waiting: list[Wait[None]] = []

    def forget(self) -> None:
        """There is no token any more that could be shown."""
        self.token, self.print, self.shown = None, "", None


@final
class Tokens:
    """All tokens of one worker. `ask` tells the broker that one is wanted, and which one was refused (its print)."""

    def __init__(self, clock: Callable[[], float], ask: Callable[[str, str | None], None] | None = None) -> None:
        self.ask: Callable[[str, str | None], None] = ask or _ask_nobody
        self._clock = clock
        self._held: dict[str, Held] = {}

    def take(self, news: TokenNews) -> None:
        """Take what the broker says; who waits for it goes on."""
        held, now = self._of(news.source), self._clock()
        held.asked = False
        held.reason = news.reason
        held.tries_at = now + (news.again_in_s or 0.0)
        if news.token is None:
            held.forget()
        else:
            if token_print(news.token) != held.print:
                held.token, held.print = news.token, token_print(news.token)
                held.shown = None
                if held.refused:  # it may be the same one: then there is no other, and what the upstream says counts
                    held.renewed_at, held.refused = now, ""
            held.ends_at = float("inf") if news.expires_in_s is None else now + news.expires_in_s
        waiting, held.waiting = held.waiting, []
        for wait in waiting:
            wait.set(None)

    async def ready(self, exchange: Exchange, injection: Injection) -> Injection:
        """The credential with its token; waits for one, and GatewayError `credential-unavailable` if there is none."""
        wanted = injection.token
        assert wanted is not None  # noqa: S101 - asked for tokens only
        held = self._of(wanted.source)
        waits_until = self._clock() + WAIT_S
        while not self._is_good(held):
            now = self._clock()
            if held.reason is not None and now < held.tries_at:
                raise self._missing(held, now)
            if now >= waits_until:
                raise self._missing(held, now)
            if not held.asked:
                held.asked = True
                self.ask(wanted.source, held.refused or None)
            wait: Wait[None] = Wait()
            held.waiting.append(wait)
            exchange.enter("token", now, waits_until - now)
            await wait
        token = held.token
        assert token is not None  # noqa: S101 - it is good
        shown = held.shown
        if shown is None or held.shown_for is not injection:
            shown, held.shown_for = show_token(injection, token), injection
            held.shown = shown
        return shown

    def refuse(self, injection: Injection, shown: Injection) -> bool:
        """An upstream has refused a token: whether another one can be had. `shown` is the credential that it was in."""
        wanted = injection.token
        if wanted is None:
            return False
        held, now = self._of(wanted.source), self._clock()
        if held.shown is not shown:
            return True  # another call was refused before, and there is a newer one, or will be
        if now - held.renewed_at < AFTER_REFUSAL_S:
            return False
        held.refused = held.print
        held.forget()
        held.reason = None
        return True

    def _of(self, source: str) -> Held:
        held = self._held.get(source)
        if held is None:
            held = self._held[source] = Held()
        return held

    def _is_good(self, held: Held) -> bool:
        return held.token is not None and held.ends_at - self._clock() > SPARE_S

    def _missing(self, held: Held, now: float) -> GatewayError:
        reason = held.reason or "the broker hasn't answered in time"
        return GatewayError(
            Code.CREDENTIAL_UNAVAILABLE,
            f"There is no token for the upstream: {reason}.",
            untouched=True,
            retry_after=max(1, ceil(held.tries_at - now)),
        )


def _ask_nobody(source: str, refused: str | None) -> None:
    """Without a broker, nobody answers."""
