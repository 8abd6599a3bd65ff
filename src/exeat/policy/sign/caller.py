"""Requests that a caller signed by AWS Signature Version 4, with the pair of its Exeat key: read and verified.

Rule 1: only an access key of Exeat's own counts; anything else stays the caller's.
Rule 2: a signature holds for a few minutes around its time, or as long as a presigned URL says.
Rule 3: what isn't signed isn't believed: the host, Exeat-Target and every `x-amz-*` field have to be covered.
Rule 4: none of the signature's fields and parameters leaves.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from exeat.errors import Code, GatewayError
from exeat.model.aws_pair import ACCESS_KEY_PREFIX
from exeat.model.secret import Secret
from exeat.policy.sign.aws_chunks import Seed
from exeat.policy.sign.canonical import (
    ALGORITHM,
    PLAIN_PATHS,
    SIGNED_CHUNKS,
    STREAMING,
    UNSIGNED,
    UNSIGNED_CHUNKS,
    Scope,
    canonical_path,
    canonical_query,
    canonical_request,
    canonical_value,
    join_pairs,
    signature_of,
    signing_key,
    text_to_sign,
)
from exeat.wire.fields import name_of, split_field
from exeat.wire.http1 import RequestHead

SKEW_S: Final = 300
LONGEST_S: Final = 604_800  # what AWS allows a presigned URL
OWN_FIELDS: Final = frozenset({b"authorization", b"x-amz-date", b"x-amz-security-token"})
_OWN_PARAMETERS: Final = frozenset(
    {
        b"x-amz-algorithm",
        b"x-amz-credential",
        b"x-amz-date",
        b"x-amz-expires",
        b"x-amz-signedheaders",
        b"x-amz-signature",
        b"x-amz-security-token",
    }
)
_SIGNATURE: Final = b"x-amz-signature"
_IN_FIELD: Final = ALGORITHM + b" "
_CREDENTIAL: Final = re.compile(
    rb"(" + ACCESS_KEY_PREFIX + rb"[0-9A-Za-z]{1,64})/([0-9]{8})/([A-Za-z0-9-]{1,64})/([A-Za-z0-9-]{1,64})/aws4_request"
)
_PARTS: Final = re.compile(rb"Credential=([^,\s]+)\s*,\s*SignedHeaders=([^,\s]+)\s*,\s*Signature=([0-9a-f]{64})")
_STARTS: Final = (b"Credential=" + ACCESS_KEY_PREFIX, b"X-Amz-Credential=" + ACCESS_KEY_PREFIX)
_NAMES: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+(?:;[!#$%&'*+\-.^_`|~0-9a-z]+)*")
_TIME: Final = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_NUMBER: Final = re.compile(rb"[0-9]{1,6}")
_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")
_UNSIGNED_HINT: Final = "Have the client send the body unsigned, or signed as a whole."
_HINT: Final = (
    "Use both values that 'exeat key aws' prints, sign for the host and path as they are sent to the gateway, and keep"
    " the clock right."
)


class Signed(NamedTuple):
    """What a caller's signature says of itself.

    `time` is when it was made and `ends` until when it holds (s since 1970), `names` the fields that it covers,
    `payload` what it says of the body: a hash, a word, or None where the hash has to be worked out. `query` is the
    query without the signature's own parameters, `text` the time as it is signed.
    """

    access_key: bytes
    scope: Scope
    text: bytes
    time: float
    ends: float
    names: tuple[bytes, ...]
    signature: bytes
    payload: bytes | None
    query: bytes | None
    is_presigned: bool

    def __repr__(self) -> str:
        """Without the signature, by which a presigned URL can be used."""
        return f"Signed({self.access_key.decode()}, {bytes(self.scope).decode()})"

    @property
    def is_in_chunks(self) -> bool:
        """Whether the body comes in chunks that are signed one by one; GatewayError where that is in another way."""
        payload = self.payload
        if payload is None or not payload.startswith(STREAMING) or payload == UNSIGNED_CHUNKS:
            return False
        if payload not in SIGNED_CHUNKS:
            detail = "The body comes in chunks that are signed in a way that Exeat doesn't know."
            raise GatewayError(Code.MALFORMED_REQUEST, detail, hint=_UNSIGNED_HINT)
        return True

    @property
    def digest(self) -> bytes | None:
        """The body's hash, where the signature covers one that it says itself."""
        return self.payload if self.payload is not None and _DIGEST.fullmatch(self.payload) else None


def is_signed(head: RequestHead, query: bytes | None) -> bool:
    """Whether a request is signed with an access key of Exeat's, in a field or in its query."""
    in_field, in_query = _STARTS
    authorization = head.known.get(b"authorization")
    if authorization is not None and authorization.startswith(_IN_FIELD) and in_field in authorization:
        return True
    return query is not None and query.find(in_query) >= 0  # `in` costs three times as much: it tries a number first


def read_signed(head: RequestHead, query: bytes | None) -> Signed:
    """What the signature of a request says; GatewayError `key-malformed` where it can't be read."""
    authorization = head.known.get(b"authorization")
    in_field = authorization is not None and authorization.startswith(_IN_FIELD)
    in_query = query is not None and _STARTS[1] in query
    if in_field and in_query:
        raise _refusal("The request is signed twice: in Authorization, and in its query.")
    return _read_field(head, authorization or b"", query) if in_field else _read_query(head, query or b"")


def check_time(signed: Signed, now: float) -> None:
    """Refuse a signature outside of its time; `now` is in seconds since 1970."""
    if signed.time - SKEW_S <= now <= signed.ends:
        return
    if signed.is_presigned and now > signed.ends:
        raise GatewayError(Code.KEY_EXPIRED, "The presigned URL has expired.", hint="Have a new one made.")
    raise _refusal(f"The signature's time, {signed.text.decode()}, is more than 5 minutes off the gateway's.")


def check_covers(head: RequestHead, signed: Signed) -> None:
    """Refuse a signature that leaves out where the request goes, or a field of AWS that was sent."""
    covered = {b"host", *(name for line in head.fields if (name := name_of(line)).startswith(b"x-amz-"))}
    if b"exeat-target" in head.known:
        covered.add(b"exeat-target")
    if missing := sorted(covered.difference(signed.names)):
        raise _refusal(f"The signature doesn't cover {b', '.join(missing).decode('latin-1')}.")


def needs_body(head: RequestHead, signed: Signed) -> bool:
    """Whether the whole body has to be there before the signature can be judged: the caller doesn't say its hash."""
    return head.has_body and signed.payload is None


def verify(head: RequestHead, signed: Signed, body_hash: bytes, secrets: Iterable[Secret]) -> Seed:
    """Refuse a signature that none of the secrets made; `body_hash` is used where the caller says none.

    What the signatures of the body's chunks follow, where it comes in such.
    """
    path, _, query = head.target.partition(b"?")
    fields = _fields(head, signed.names)
    payload = signed.payload or body_hash
    keys = [signing_key(secret.octets, signed.scope) for secret in secrets]
    queries = _queries(query if not signed.is_presigned else _without(query, {_SIGNATURE}))
    good: Seed | None = None
    for each_path, each_query in product(_paths(path, signed.scope.service), queries):
        canonical = canonical_request(head.method, each_path, each_query, fields, payload)
        text = text_to_sign(canonical, signed.text, signed.scope)
        for key in keys:
            if hmac.compare_digest(signature_of(key, text), signed.signature):
                good = Seed(key, signed.text, signed.scope, signed.signature)
    if good is None:
        raise _refusal("The signature isn't the one that this request has with the key's secret.")
    return good


def _read_field(head: RequestHead, value: bytes, query: bytes | None) -> Signed:
    match = _PARTS.fullmatch(value.removeprefix(_IN_FIELD).strip(b" "))
    if match is None:
        raise _refusal("Authorization isn't 'AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…'.")
    credential, names, signature = match.groups()
    access_key, scope = _read_credential(credential)
    text = _only(head, b"x-amz-date")
    if text is None:
        raise _refusal("A signed request needs an X-Amz-Date field.")
    time = _read_time(text, scope)
    payload = _only(head, b"x-amz-content-sha256")
    covered = _read_names(names)
    return Signed(
        access_key, scope, text, time, time + SKEW_S, covered, signature, payload, query, is_presigned=False
    )  # fmt: skip


def _read_query(head: RequestHead, query: bytes) -> Signed:
    found: dict[bytes, bytes] = {}
    for name, value in _parameters(query):
        if name in _OWN_PARAMETERS:
            if name in found:
                raise _refusal(f"The parameter {name.decode()} is there twice.")
            found[name] = unquote_to_bytes(value)
    missing = _OWN_PARAMETERS.difference(found, {b"x-amz-security-token"})
    if missing:
        raise _refusal(f"A presigned URL needs {b', '.join(sorted(missing)).decode()}.")
    if found[b"x-amz-algorithm"] != ALGORITHM or not _DIGEST.fullmatch(found[_SIGNATURE]):
        raise _refusal("The URL isn't presigned by AWS4-HMAC-SHA256.")
    access_key, scope = _read_credential(found[b"x-amz-credential"])
    text, lasts = found[b"x-amz-date"], found[b"x-amz-expires"]
    time = _read_time(text, scope)
    if not _NUMBER.fullmatch(lasts) or not 0 < int(lasts) <= LONGEST_S:
        raise _refusal(f"X-Amz-Expires isn't a number of seconds from 1 to {LONGEST_S}.")
    names = _read_names(found[b"x-amz-signedheaders"])
    payload = _only(head, b"x-amz-content-sha256")
    if payload is None and scope.service in PLAIN_PATHS:
        payload = UNSIGNED
    rest = _without(query, _OWN_PARAMETERS) or None
    return Signed(
        access_key, scope, text, time, time + int(lasts), names, found[_SIGNATURE], payload, rest, is_presigned=True
    )  # fmt: skip


def _read_names(text: bytes) -> tuple[bytes, ...]:
    if not _NAMES.fullmatch(text):
        raise _refusal("SignedHeaders isn't a list of lower-case names with ';' between them.")
    return tuple(sorted(set(text.split(b";"))))


def _read_credential(credential: bytes) -> tuple[bytes, Scope]:
    match = _CREDENTIAL.fullmatch(credential)
    if match is None:
        raise _refusal("The signature's Credential isn't '<access key>/<day>/<region>/<service>/aws4_request'.")
    access_key, day, region, service = match.groups()
    return access_key, Scope(day, region, service)


def _read_time(text: bytes, scope: Scope) -> float:
    match = _TIME.fullmatch(text)
    if match is None or text[:8] != scope.day:
        raise _refusal("X-Amz-Date isn't a time like 20260131T120000Z on the day of the signature's Credential.")
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError as error:
        raise _refusal("X-Amz-Date isn't a time that there is.") from error


def _fields(head: RequestHead, names: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """The fields that are signed, in order; GatewayError where one of them isn't there."""
    sent: dict[bytes, list[bytes]] = {name: [value] for name, value in head.known.items()}
    lines: dict[bytes, list[bytes]] = {}  # each value as it was signed, where `known` has them joined
    for line in head.fields:
        name, value = split_field(line)
        lines.setdefault(name.lower(), []).append(value)
    sent |= lines
    fields = []
    for name in names:
        if name not in sent:
            raise _refusal(f"The signature covers {name.decode('latin-1')}, which didn't come, or isn't passed on.")
        fields.append((name, b",".join(map(canonical_value, sent[name]))))
    return fields


def _paths(path: bytes, service: bytes) -> list[bytes]:
    """How clients write a path for a signature: most by the rules, some without touching what they send."""
    other = path if service in PLAIN_PATHS else quote(path, safe="/~").encode()
    return list(dict.fromkeys((canonical_path(path, service), other)))


def _queries(query: bytes) -> list[bytes]:
    """How clients write a query for a signature."""
    plain = join_pairs([(name, value) for name, value in _split(query)])
    return list(dict.fromkeys((canonical_query(query), plain)))


def _split(query: bytes) -> Iterator[tuple[bytes, bytes]]:
    for part in query.split(b"&") if query else ():
        name, _, value = part.partition(b"=")
        yield name, value


def _parameters(query: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Parameters by lower-case decoded name, their values as they were sent."""
    for name, value in _split(query):
        yield unquote_to_bytes(name).lower(), value


def _without(query: bytes, names: Iterable[bytes]) -> bytes:
    parts = query.split(b"&")
    return b"&".join(part for part in parts if unquote_to_bytes(part.partition(b"=")[0]).lower() not in names)


def _only(head: RequestHead, name: bytes) -> bytes | None:
    """The value of a field that may come once."""
    values = [split_field(line)[1] for line in head.fields if name_of(line) == name]
    if len(values) > 1:
        raise _refusal(f"The field {name.decode()} was sent more than once.")
    return values[0] if values else None


def _refusal(detail: str) -> GatewayError:
    return GatewayError(Code.KEY_MALFORMED, detail, hint=_HINT)


__all__ = [
    "OWN_FIELDS", "SKEW_S", "UNSIGNED_CHUNKS", "Signed", "check_covers", "check_time", "is_signed", "needs_body",
    "read_signed", "verify",
]  # fmt: skip
