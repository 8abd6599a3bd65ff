"""What a credential that isn't ready takes for each call: a token, a choice among several, the request's own body.

Nothing here is asked for a credential that is the same for every call.
"""

from collections.abc import Callable
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.credential import Injection
from exeat.model.signing import AwsSignature
from exeat.policy.authorize import Permit
from exeat.policy.credential_pool import NO_TOKEN
from exeat.policy.fill import check_place, fill
from exeat.policy.forward import compose
from exeat.policy.sign import needs_body, sign
from exeat.policy.sign.aws import seed_of
from exeat.policy.sign.aws_chunks import Resigner
from exeat.proxy.exchange import Exchange
from exeat.proxy.gathering import gather
from exeat.proxy.pools import Pools
from exeat.proxy.tokens import Tokens
from exeat.wire.outgoing import Outgoing, render

BODY_LIMIT_BYTES: Final = 10 * 1024 * 1024
REFUSED: Final = frozenset({401})  # the credential, rather than the call


@final
class Presenting:
    """The credentials of one worker that take a step of their own; `wall` is seconds since the epoch."""

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float], pools: Pools) -> None:
        self.tokens = Tokens(clock)
        self._pools = pools
        self._clock = clock
        self._wall = wall

    async def ready(self, exchange: Exchange, permit: Permit) -> Injection:
        """What is shown in the next attempt: all of it is there but what is made of the request itself.

        GatewayError where there is no token, or the body that has to be signed is too large.
        """
        injection = exchange.presenting = permit.credential
        assert injection is not None  # noqa: S101 - what has none isn't asked for
        if injection.members:
            injection = await self._choose(exchange, permit)
        elif injection.token is not None:
            injection = await self.tokens.ready(exchange, injection)
        if injection.filling is not None:
            head = exchange.head_or_raise
            check_place(head.method, has_body=head.has_body)
            await gather(exchange, BODY_LIMIT_BYTES, self._clock(), why="The upstream wants a credential in the body")
        elif injection.signing is not None and needs_body(exchange.head_or_raise, injection.signing):
            await gather(exchange, BODY_LIMIT_BYTES, self._clock(), why="The upstream wants the body signed")
        exchange.shown = injection
        return injection

    async def _choose(self, exchange: Exchange, permit: Permit) -> Injection:
        """The credential of a pool that is shown, with its token; one that there is no token for is passed over."""
        upstream = permit.upstream
        assert upstream is not None  # noqa: S101 - nothing else has a credential
        while True:
            before, injection = exchange.member, self._pools.choose(exchange, upstream)
            if exchange.member is not before:
                exchange.was_renewed = False
            exchange.presenting = injection
            if injection.token is None:
                return injection
            try:
                return await self.tokens.ready(exchange, injection)
            except GatewayError as error:
                if error.code != Code.CREDENTIAL_UNAVAILABLE:
                    raise
                self._pools.refuse(exchange, NO_TOKEN)
                if not self._pools.goes_on(exchange, upstream):
                    raise

    def refused(self, exchange: Exchange, permit: Permit, status: int, *, may_repeat: bool) -> bool:
        """An upstream refuses what was shown: whether the call goes on with another one.

        At most once with another token, and once with each other credential of a pool.
        """
        injection, shown, upstream = exchange.presenting, exchange.shown, permit.upstream
        if injection is None or shown is None:
            return False
        if status in REFUSED and injection.token is not None:
            renewable = self.tokens.refuse(injection, shown)
            if renewable and not exchange.was_renewed:
                exchange.was_renewed = may_repeat
                return may_repeat
            self._pools.refuse(exchange, status)
        if upstream is None or not may_repeat:
            return False
        return self._pools.goes_on(exchange, upstream)

    def render(
        self, exchange: Exchange, injection: Injection, *, host: bytes, base: bytes, path: bytes, via: bytes | None
    ) -> tuple[bytes, bytes | None]:
        """The head that leaves, with what is made of the request itself, and the body where it is here as a whole."""
        presented, resolved = exchange.presented, exchange.resolved
        assert presented is not None and resolved is not None  # noqa: S101, PT018 - phases 1 to 3
        outgoing = compose(
            exchange.head_or_raise,
            host=host,
            base=base,
            path=path,
            query=resolved.query,
            presented=presented,
            injection=injection,
            via=via,
            body=exchange.gathered,
        )
        outgoing = self._finish(outgoing, injection)
        exchange.resigner = _resigner(exchange, outgoing, injection)
        return render(outgoing), outgoing.body

    def _finish(self, outgoing: Outgoing, injection: Injection) -> Outgoing:
        if injection.filling is not None:
            outgoing = fill(outgoing, injection.filling)
        if injection.signing is not None:
            return sign(outgoing, injection.signing, self._wall())
        return outgoing


def _resigner(exchange: Exchange, outgoing: Outgoing, injection: Injection) -> Resigner | None:
    """What signs the body's chunks anew; None for a body that isn't in such."""
    write = seed_of(outgoing, injection.signing) if isinstance(injection.signing, AwsSignature) else None
    if write is None:
        return None
    if exchange.seed is None:
        raise GatewayError(
            Code.MALFORMED_REQUEST,
            "The body's chunks are signed with a secret that Exeat doesn't know.",
            hint="Have the client sign with the pair of its Exeat key, or send the body unsigned.",
            untouched=True,
        )
    return Resigner(exchange.seed, write)
