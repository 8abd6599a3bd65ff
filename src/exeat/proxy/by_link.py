"""Signed links at work: URLs in an answer are signed for the key that asked, and who calls one is taken for that key.

Rule 1: only what leads to the upstream that answered is signed, and never in an answer to a call that came by a link.
Rule 2: a key that a request shows counts; its link counts where it shows none.
"""

from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.consumer import Key
from exeat.model.key import Presented
from exeat.model.links import SignedLinks
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.policy.authenticate import NOWHERE, check_key
from exeat.policy.authorize import Permit
from exeat.policy.resolve import URL_STARTS, Resolved, resolve
from exeat.policy.signed_links import (
    Holder,
    Place,
    check_link,
    make_link,
    may_have_link,
    read_link,
    take_out,
    with_link,
)
from exeat.proxy.exchange import Exchange
from exeat.proxy.signed import Signers
from exeat.wire.http1 import RequestHead


def without_link(resolved: Resolved) -> tuple[Resolved, list[bytes]]:
    """Where a request goes, with no link in its query, and the links that were there."""
    query, values = take_out(resolved.query)
    return (resolved.asking(query) if values else resolved), values


def recognise_by_link(
    exchange: Exchange, head: RequestHead, resolved: Resolved, values: list[bytes], signers: Signers
) -> Key:
    """Find out whose link a request shows instead of a key; GatewayError unless it is good for just this request."""
    link = read_link(values)
    exchange.key_id = link.holder.key_id
    key = signers.find(link.holder.key_id, exchange.snapshot)
    if key is None:
        raise GatewayError(Code.KEY_UNKNOWN, "This gateway doesn't know the key that the link was made for.")
    place, consumer, now = _place_of(resolved, head.method), key.consumer.name, exchange.began_at
    try:
        check_link(link, place, consumer, signers.link_secrets(), now)
    except GatewayError as error:
        if error.code != Code.KEY_MALFORMED:
            raise
        check_link(link, place, consumer, signers.fresh_link_secrets(), now)  # the keyring may have been rotated
    check_key(key, now)
    exchange.key = key
    exchange.presented = Presented(link.value, NOWHERE, None)
    exchange.is_by_link = True
    return key


def link_maker(exchange: Exchange, permit: Permit, signers: Signers, now: float) -> "LinkMaker | None":
    """What signs the URLs of an answer; None where none are signed. `now` is in seconds since 1970."""
    if exchange.is_by_link or exchange.key is None:
        return None
    secrets = signers.link_secrets()
    return LinkMaker(exchange, permit, secrets[0], now) if secrets else None


@final
class LinkMaker:
    """Signs the URLs of one answer, in the name of the key that made the call."""

    def __init__(self, exchange: Exchange, permit: Permit, secret: Secret, now: float) -> None:
        key, asked, upstream = exchange.key, exchange.asked or exchange.resolved, permit.upstream
        assert key is not None and asked is not None and upstream is not None  # noqa: S101, PT018 - phases 2 to 4
        self._key: Final = key
        self._upstream: Final = upstream.name
        self._gateway: Final = exchange.caller.gateway
        self._secret: Final = secret
        self._now: Final = now
        self._snapshot: Final[Snapshot] = exchange.snapshot
        known = exchange.head_or_raise.known
        self._dynamic: Final = known.get(b"exeat-target") if asked.mode == "header" else None

    def sign(self, url: bytes, rule: SignedLinks) -> bytes:
        """A URL in the caller's form, signed; as it is where it leads elsewhere, or is a template."""
        url, mark, fragment = url.partition(b"#")
        target = self._target(url)
        if target is None or b"{" in target or may_have_link(target):
            return url + mark + fragment
        method = rule.method
        try:
            resolved = resolve(self._head(method, target), self._snapshot)
        except GatewayError:
            return url + mark + fragment
        if all(upstream.name != self._upstream for upstream in resolved.upstreams):
            return url + mark + fragment
        holder = Holder(self._key.id, int(self._now + rule.lasts_s))
        value = make_link(_place_of(resolved, method), holder, self._key.consumer.name, self._secret)
        return with_link(self._gateway + target, value) + mark + fragment

    def _target(self, url: bytes) -> bytes | None:
        """What a request for a URL begins with; None for one that leads away from the gateway."""
        if url.startswith(b"/"):
            return None if url.startswith(b"//") else url
        return url[len(self._gateway) :] if url.startswith(self._gateway + b"/") else None

    def _head(self, method: bytes, target: bytes) -> RequestHead:
        """The request that follows a URL."""
        known = {b"host": self._gateway.partition(b"://")[2]}
        if self._dynamic is not None and not target.startswith(URL_STARTS):
            known[b"exeat-target"] = self._dynamic
        return RequestHead(method, target, True, [], known, None, False)  # noqa: FBT003 - as its other fields


def _place_of(resolved: Resolved, method: bytes) -> Place:
    """What a link for a request says of it; HEAD is GET without the content."""
    target = resolved.target
    if target is not None:
        where = str(target.origin).encode()
    else:
        where = b"".join(one.name.encode() + one.mark for one in resolved.upstreams)
    method = b"GET" if method == b"HEAD" else method
    return Place(method, resolved.mode.encode(), where, resolved.path, resolved.query)
