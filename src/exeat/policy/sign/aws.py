"""Signature Version 4 of AWS for what leaves: the fields that say who calls, when, and for which body.

Rule 1: what is signed is what leaves: the host, the type of the body, every `x-amz-*` field, path and query.
Rule 2: what the caller said of the body's hash is believed only where AWS itself compares the two.
Rule 3: a body that is signed in chunks is signed anew chunk by chunk; the chain of signatures begins here.
"""

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from exeat.errors import Code, GatewayError
from exeat.model.signing import AwsSignature
from exeat.policy.sign.aws_chunks import Seed
from exeat.policy.sign.aws_hosts import find_scope
from exeat.policy.sign.canonical import (
    ALGORITHM,
    EMPTY,
    SIGNED_CHUNKS,
    UNSIGNED,
    UNSIGNED_CHUNKS,
    Scope,
    canonical_path,
    canonical_query,
    canonical_request,
    canonical_value,
    signature_of,
    signing_key,
    text_to_sign,
)
from exeat.wire.fields import name_of, render_field, split_field
from exeat.wire.http1 import RequestHead
from exeat.wire.outgoing import Outgoing

HASH: Final = b"x-amz-content-sha256"
DIGEST: Final = re.compile(rb"[0-9a-f]{64}")
_OWN: Final = frozenset({b"authorization", b"x-amz-date", b"x-amz-security-token", HASH})
_SAID: Final = frozenset({b"X-Amz-Content-Sha256", b"X-Amz-Date", b"Authorization"})  # as they are written here
_CHUNKS: Final = SIGNED_CHUNKS | {UNSIGNED_CHUNKS}
_SIGNED: Final = frozenset({b"content-type", b"content-md5"})
_key_of: Final = lru_cache(256)(signing_key)  # the same for a day
_NOTHING: Final = frozenset({b"", b"Content-Length: 0\r\n"})


def sign_aws(outgoing: Outgoing, signing: AwsSignature, now: float) -> Outgoing:
    """The request with its signature; `now` is in seconds since 1970. A body that isn't here has to be signed by hash.

    GatewayError where region or service are nowhere, or where the body can't be signed.
    """
    region, service = scope_of(outgoing.host, signing)
    time = render_time(now)
    scope = Scope(time[:8], region, service)
    declared = next((split_field(line)[1] for line in outgoing.lines if name_of(line) == HASH), None)
    payload = _payload(outgoing, signing, declared)
    lines = [line for line in outgoing.lines if name_of(line) not in _OWN]
    lines += [render_field(b"X-Amz-Date", time), render_field(b"X-Amz-Content-Sha256", payload)]
    if signing.session_token is not None:
        lines.append(render_field(b"X-Amz-Security-Token", signing.session_token.octets))
    fields = _signed_fields(outgoing.host, lines)
    path, query = canonical_path(outgoing.path, service), canonical_query(outgoing.query)
    canonical = canonical_request(outgoing.method, path, query, fields.items(), payload)
    signature = signature_of(_key_of(signing.secret_key.octets, scope), text_to_sign(canonical, time, scope))
    value = b"%b Credential=%b/%b, SignedHeaders=%b, Signature=%b" % (
        ALGORITHM, signing.access_key.encode(), bytes(scope), b";".join(fields), signature,
    )  # fmt: skip
    lines.append(render_field(b"Authorization", value))
    return outgoing._replace(lines=lines)


def render_time(now: float) -> bytes:
    """A time as it is signed: `20260131T120000Z`."""
    at = datetime.fromtimestamp(now, UTC)
    return b"%04d%02d%02dT%02d%02d%02dZ" % (at.year, at.month, at.day, at.hour, at.minute, at.second)


def needs_body_aws(head: RequestHead, signing: AwsSignature) -> bool:
    """Whether the whole body has to be here before the head can be signed."""
    if not head.has_body or signing.unsigned_payload:
        return False
    declared = next((split_field(line)[1] for line in head.fields if name_of(line) == HASH), b"")
    return declared != UNSIGNED and declared not in _CHUNKS and DIGEST.fullmatch(declared) is None


def seed_of(outgoing: Outgoing, signing: AwsSignature) -> Seed | None:
    """What the signatures of the body's chunks follow in a request that was signed; None where it isn't in chunks."""
    said = {name: value for name, value in map(split_field, outgoing.lines) if name in _SAID}
    if said[b"X-Amz-Content-Sha256"] not in SIGNED_CHUNKS:
        return None
    region, service = scope_of(outgoing.host, signing)
    time, signature = said[b"X-Amz-Date"], said[b"Authorization"].rpartition(b"=")[2]
    scope = Scope(time[:8], region, service)
    return Seed(_key_of(signing.secret_key.octets, scope), time, scope, signature)


def scope_of(host: bytes, signing: AwsSignature) -> tuple[bytes, bytes]:
    """Region and service: as the document says, else as the host's name does; GatewayError where neither does."""
    region, service = signing.region, signing.service
    if region is None or service is None:
        found = find_scope(host.decode("latin-1"))
        region, service = region or found.region, service or found.service
    if region is None or service is None:
        raise GatewayError(
            Code.CREDENTIAL_UNAVAILABLE,
            "The host's name doesn't say which region and service of AWS it is.",
            hint="Have 'region' and 'service' written in the upstream's credential.",
            untouched=True,
        )
    return region.encode(), service.encode()


def _payload(outgoing: Outgoing, signing: AwsSignature, declared: bytes | None) -> bytes:
    """What is signed for the body: its hash, or a word that says why there is none."""
    body = outgoing.body
    if declared is not None and declared in _CHUNKS:
        return declared  # the body is framed in chunks of AWS, and stays so
    if body is None and outgoing.framing in _NOTHING:
        return EMPTY
    if body is None and declared is not None and DIGEST.fullmatch(declared):
        return declared  # AWS compares the two
    if signing.unsigned_payload or (body is None and declared == UNSIGNED):
        return UNSIGNED
    if body is not None:
        return hashlib.sha256(body).hexdigest().encode()
    raise GatewayError(Code.INTERNAL, "A body that has to be signed isn't here.", untouched=True)


def _signed_fields(host: bytes, lines: list[bytes]) -> dict[bytes, bytes]:
    """The canonical fields that are signed, sorted by name; those sent more than once are one list."""
    fields: dict[bytes, bytes] = {b"host": host}
    for line in lines:
        name = name_of(line)
        if name.startswith(b"x-amz-") or name in _SIGNED:
            value = canonical_value(split_field(line)[1])
            fields[name] = b"%b,%b" % (fields[name], value) if name in fields else value
    return dict(sorted(fields.items()))
