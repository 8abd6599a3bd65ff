"""Phase 3 for callers that sign as clients of AWS do: whose signature it is, and that what came is what was signed."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.aws_pair import key_id_of
from exeat.model.consumer import Key
from exeat.model.credential import Injection
from exeat.model.key import Presented
from exeat.model.secret import Secret
from exeat.model.signing import AwsSignature
from exeat.model.snapshot import Snapshot
from exeat.policy.authenticate import NOWHERE, check_key, in_native_place, present
from exeat.policy.resolve import Resolved
from exeat.policy.sign.caller import (
    OWN_FIELDS,
    check_covers,
    check_time,
    needs_body,
    read_signed,
    verify,
)
from exeat.policy.sign.canonical import EMPTY
from exeat.policy.signed_links import may_have_link, take_out
from exeat.proxy.exchange import Exchange
from exeat.proxy.gathering import gather
from exeat.wire.http1 import RequestHead

BODY_LIMIT_BYTES: Final = 10 * 1024 * 1024
SecretsOf = Callable[[str], tuple[Secret, ...]]
LinkSecrets = Callable[[], tuple[Secret, ...]]


def _know_none(_: str) -> tuple[Secret, ...]:
    return ()


def _have_none() -> tuple[Secret, ...]:
    return ()


@final
class Signers:
    """The keys of a snapshot by their ids, and the secrets that belong to them; `secrets_of` gives those of an id.

    `link_secrets` gives those by which links are signed, the one that signs first; `fresh_link_secrets` looks once more
    which these are.
    """

    def __init__(self) -> None:
        self.secrets_of: SecretsOf = _know_none
        self.link_secrets: LinkSecrets = _have_none
        self.fresh_link_secrets: LinkSecrets = _have_none
        self._keys: Mapping[bytes, Key] | None = None
        self._by_id: dict[str, Key] = {}

    def find(self, key_id: str, snapshot: Snapshot) -> Key | None:
        """The key with this id."""
        if self._keys is not snapshot.keys:  # most gateways never need it
            self._keys = snapshot.keys
            self._by_id = {key.id: key for key in snapshot.keys.values()}
        return self._by_id.get(key_id)


async def recognise_signed(
    exchange: Exchange, head: RequestHead, resolved: Resolved, signers: Signers, clock: Callable[[], float]
) -> Resolved:
    """Find out who signed a request; GatewayError unless the signature is right, and the body the one that it covers.

    Where the request goes, without the parameters of a presigned URL.
    """
    signed = read_signed(head, resolved.query)
    key_id = exchange.key_id = key_id_of(signed.access_key)
    is_for_aws = _check_alone(head, resolved)
    check_time(signed, exchange.began_at)
    check_covers(head, signed)
    key = signers.find(key_id, exchange.snapshot)
    secrets = () if key is None else signers.secrets_of(key_id)
    if key is None or not secrets:
        raise GatewayError(Code.KEY_UNKNOWN, "This gateway doesn't know the access key of the signature.")
    body_hash = EMPTY
    if needs_body(head, signed):
        body_hash = await _hash_body(exchange, clock)
    seed = verify(head, signed, body_hash, secrets)
    check_key(key, exchange.began_at)
    if signed.is_presigned and not is_for_aws:  # said to none but who signed it: it tells something of the upstream
        raise GatewayError(Code.KEY_MALFORMED, "Only upstreams whose credential is aws-sigv4 take presigned URLs.")
    is_judged = signed.digest is None or (head.has_body and is_for_aws)
    if not is_judged and signed.digest != await _hash_body(exchange, clock):
        raise GatewayError(Code.MALFORMED_REQUEST, "The body isn't the one whose hash was signed.")
    if signed.is_in_chunks:
        if not is_for_aws:
            raise GatewayError(Code.MALFORMED_REQUEST, "Only upstreams of AWS take bodies in chunks that are signed.")
        exchange.seed = seed
    exchange.key = key
    exchange.presented = Presented(signed.access_key, OWN_FIELDS, None)
    if signed.is_presigned:
        resolved = exchange.resolved = resolved.asking(signed.query)
    if may_have_link(resolved.query):
        resolved = exchange.resolved = resolved.asking(take_out(resolved.query)[0])
    return resolved


def _check_alone(head: RequestHead, resolved: Resolved) -> bool:
    """Refuse a second key beside the signature; whether the upstream is AWS, which compares the body with its hash."""
    credential = resolved.upstreams[0].credential if resolved.upstreams else None
    slot, prefix, parameter, elsewhere = None, b"", None, NOWHERE
    if credential is not None:
        slot, prefix, parameter = credential.slot, credential.prefix, credential.parameter
        elsewhere, _ = in_native_place(head, resolved.path, resolved.bases, credential)
    try:
        present(head, slot, parameter, resolved.query, elsewhere, prefix)
    except GatewayError as error:
        if error.code != Code.KEY_MISSING:
            raise
    else:
        raise GatewayError(Code.KEY_MALFORMED, "A signature and another Exeat key were sent; send one of them.")
    return credential is not None and _is_for_aws(credential)


def _is_for_aws(credential: Injection) -> bool:
    if credential.members:
        return all(_is_for_aws(member.injection) for member in credential.members)
    return isinstance(credential.signing, AwsSignature)


async def _hash_body(exchange: Exchange, clock: Callable[[], float]) -> bytes:
    if not exchange.head_or_raise.has_body:
        return EMPTY
    body = await gather(exchange, BODY_LIMIT_BYTES, clock(), why="The caller's signature covers the body")
    return hashlib.sha256(body).hexdigest().encode()
