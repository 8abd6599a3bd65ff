"""A refresh token that all instances use in turn, and that its upstream may replace each time it is used.

Rule 1: nothing is asked without the turn, and what has come is put down before the turn ends: whoever comes next finds
the refresh token that counts. An upstream that sees an old one may take back all of them (RFC 9700 §4.14.2).
Rule 2: an access token that another instance has fetched is as good as one's own.
"""

import asyncio
import contextlib
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sqlalchemy import Engine

from exeat.model.secret import Secret
from exeat.model.token import token_print
from exeat.model.token_source import RefreshToken, TokenSource
from exeat.store.configuration.upstream_tokens import (
    KeptTokens,
    Turn,
    access_context,
    end_turn,
    keep_tokens,
    read_tokens,
    refresh_context,
    take_turn,
)
from exeat.store.failure import StoreError
from exeat.vault.keyring import KeyringError
from exeat.vault.seal import Sealer, SealError
from exeat.vault.tokens import Fetched, TokenError

TURN_S = 60.0  # longer than a request takes, with all that is written after it
LOOK_S = 0.25
LONGEST_WAIT_S = 2 * TURN_S
SPARE_S = 60.0
SPARE_SHARE = 0.2
MICRO = 1_000_000

T = TypeVar("T")


class Asking(Protocol):
    """Does something with the database, in a thread for that."""

    def __call__(self, work: Callable[[Engine], T], /) -> Awaitable[T]: ...


def grant_id(source: TokenSource, grant: RefreshToken) -> str:
    """What tells grants apart: endpoint, client, and the refresh token of the document; whatever else may change."""
    parts = [str(source.target.origin), source.target.path.decode("latin-1"), grant.client.id, grant.token.reveal()]
    return hashlib.sha256(json.dumps(["refresh token", *parts]).encode()).hexdigest()[:32]


def asked_of(grant: RefreshToken) -> str:
    """What tells apart the access tokens of one grant: what they are for."""
    parameters = [[name, value.reveal()] for name, value in grant.parameters]
    return hashlib.sha256(json.dumps([grant.scope, parameters]).encode()).hexdigest()[:32]


class SharedGrant:
    """One source whose refresh token is in the database; `clock` is the time (s since 1970).

    `is_busy` says that it has the turn, or is about to: it mustn't be cancelled then, for an answer holds what counts
    next. `is_unkept` says that what has come last isn't in the database yet: `keep` tries again.
    """

    def __init__(
        self,
        source: TokenSource,
        grant: RefreshToken,
        *,
        instance: str,
        database: Asking,
        sealer: Callable[[], Sealer],
        clock: Callable[[], float],
    ) -> None:
        self._id = grant_id(source, grant)
        self._asked = asked_of(grant)
        self._label = source.label
        self._holder = f"{instance} {secrets.token_hex(4)}"  # the same grant may be written twice, and changed
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._version = 0  # of the access token that this instance has
        self._unkept: KeptTokens | None = None
        self.is_busy = False

    async def fetch(self, refused: str | None, ask: Callable[[Secret | None], Awaitable[Fetched]]) -> Fetched:
        """An access token that isn't the `refused` one; TokenError if there is none.

        `ask` makes a request to the endpoint.
        """
        try:
            await self.keep()
            return await self._fetch(refused, ask)
        except StoreError as error:
            raise TokenError(f"The refresh token can't be had: {error}", is_passing=True) from error
        except KeyringError as error:
            raise TokenError(f"The refresh token can't be kept sealed: {error}", is_passing=False) from error

    async def _fetch(self, refused: str | None, ask: Callable[[Secret | None], Awaitable[Fetched]]) -> Fetched:
        ends_at = self._clock() + LONGEST_WAIT_S
        while self._clock() < ends_at:
            kept = await self._database(lambda engine: read_tokens(engine, self._id))
            if (shared := self._shared(kept, refused)) is not None:
                return shared
            self.is_busy = True
            try:
                turn = await self._database(self._take_turn)
                if turn.is_mine:
                    return await self._use_turn(turn.kept, refused, ask)
            finally:
                self.is_busy = False
            await asyncio.sleep(LOOK_S)
        raise TokenError("Another instance holds the refresh token.", is_passing=True)

    def _take_turn(self, engine: Engine) -> Turn:
        now = self._micro(self._clock())
        until = now + self._micro(TURN_S)
        return take_turn(engine, self._id, self._holder, label=self._label, now=now, until=until)

    def _shared(self, kept: KeptTokens, refused: str | None) -> Fetched | None:
        """The access token that somebody else has fetched, if it is new here, and good for a while."""
        if kept.version <= self._version or kept.access is None or kept.asked != self._asked:
            return None
        left_s = None
        if kept.ends_at is not None:
            left_s = kept.ends_at / MICRO - self._clock()
            if left_s <= min(SPARE_S, SPARE_SHARE * (kept.ends_at - kept.fetched_at) / MICRO):
                return None
        try:
            token = Secret(self._sealer().open(kept.access, access_context(self._id)).decode())
        except SealError:
            return None  # its master key is gone: another one is fetched
        if token_print(token) == refused:
            return None
        self._version = kept.version
        return Fetched(token, left_s)

    async def _use_turn(
        self, kept: KeptTokens, refused: str | None, ask: Callable[[Secret | None], Awaitable[Fetched]]
    ) -> Fetched:
        """Ask, unless somebody just has, and put down what has come of it."""
        shared = None
        try:
            shared = self._shared(kept, refused)
            fetched = shared or await ask(self._open(kept))
        except BaseException:
            await self._end_turn()
            raise
        if shared is not None:
            await self._end_turn()
            return shared
        self._unkept = self._seal(kept, fetched)
        self._version = self._unkept.version
        with contextlib.suppress(StoreError):
            await self.keep()
        return fetched

    async def _end_turn(self) -> None:
        with contextlib.suppress(StoreError):  # it ends by itself, too
            await self._database(lambda engine: end_turn(engine, self._id, self._holder))

    def _open(self, kept: KeptTokens) -> Secret | None:
        sealer = self._sealer()  # also where nothing is sealed yet: what comes has to be
        if kept.refresh is None:
            return None
        try:
            return Secret(sealer.open(kept.refresh, refresh_context(self._id)).decode())
        except SealError as error:
            reason = f"The refresh token that is kept in the database doesn't open: {error}"
            raise TokenError(reason, is_passing=False) from error

    def _seal(self, kept: KeptTokens, fetched: Fetched) -> KeptTokens:
        sealer, now, new = self._sealer(), self._clock(), fetched.refresh_token
        return KeptTokens(
            kept.version + 1,
            kept.refresh if new is None else sealer.seal(new.octets, refresh_context(self._id)),
            sealer.seal(fetched.token.octets, access_context(self._id)),
            self._asked,
            None if fetched.expires_in_s is None else self._micro(now + fetched.expires_in_s),
            self._micro(now),
        )

    async def keep(self) -> None:
        """Put down what has come, if it isn't yet; StoreError if that can't be done now."""
        unkept = self._unkept
        if unkept is not None:
            await self._database(lambda engine: keep_tokens(engine, self._id, self._holder, unkept))
            self._unkept = None

    @property
    def is_unkept(self) -> bool:
        """Whether what has come last isn't in the database yet."""
        return self._unkept is not None

    @staticmethod
    def _micro(seconds: float) -> int:
        return round(seconds * MICRO)
