"""Who is calling: where a key may stand in a request, and whose key it is.

Rule 1: only a value that begins like an Exeat key counts; anything else in these places stays the caller's.
Rule 2: every place that held a key is named in the result, and nothing from there leaves.
Rule 3: all places are read: two different keys in one request are refused.
"""

import binascii
import hashlib
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from exeat.errors import Code, GatewayError
from exeat.model.aws_pair import ACCESS_KEY_PREFIX
from exeat.model.consumer import Key
from exeat.model.credential import Injection
from exeat.model.key import PREFIX, SHAPE, Presented, is_well_formed
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.wire.cookies import value_in
from exeat.wire.fields import name_of, split_field
from exeat.wire.http1 import RequestHead

NOWHERE: Final[frozenset[bytes]] = frozenset()
_STANDARD = frozenset({b"exeat-key", b"proxy-authorization", b"authorization", b"x-api-key"})
_STANDARD_OR_NONE = _STANDARD | {None}
_OTHERS = _STANDARD - {b"authorization"}
_IN_AUTHORIZATION = frozenset({b"authorization"})
_BEARER = b"Bearer " + PREFIX
_AWS = b"AWS4-HMAC-SHA256 "
_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")


def present(
    head: RequestHead,
    slot: bytes | None,
    parameter: bytes | None,
    query: bytes | None,
    elsewhere: frozenset[bytes] = NOWHERE,
    prefix: bytes = b"",
) -> Presented:
    """Find the key in a request; `slot` and `parameter` are where the upstream expects its own secret.

    `elsewhere` are the keys that stood in its path or a cookie, for an upstream that expects its secret there. `prefix`
    is what it expects before its secret in `slot`, as in `Injection`.
    """
    known = head.known
    authorization = known.get(b"authorization")
    usual = slot in _STANDARD_OR_NONE and parameter is None and not elsewhere
    if usual and authorization is not None and _OTHERS.isdisjoint(known) and authorization.startswith(_BEARER):
        return Presented(authorization[7:], _IN_AUTHORIZATION, None)
    found = list(_in_fields(head, slot, prefix))
    in_query = set(_in_query(query, parameter)) if parameter and query else set()
    keys = {key for _, key in found} | in_query | elsewhere
    if len(keys) == 1:
        return Presented(keys.pop(), frozenset({name for name, _ in found}), parameter if in_query else None)
    if keys:
        raise GatewayError(Code.KEY_MALFORMED, "Two different Exeat keys were sent.")
    if authorization is not None and authorization.startswith(_AWS):
        is_own = b"Credential=" + ACCESS_KEY_PREFIX in authorization
        raise GatewayError(
            Code.KEY_MISSING,
            "Signatures are taken for calls to upstreams, and not for Exeat's own paths."
            if is_own
            else "The request is signed for AWS with an access key that isn't Exeat's.",
            hint="Use the access key and the secret that 'exeat key aws' prints, or send the key as Exeat-Key.",
        )
    raise GatewayError(Code.KEY_MISSING, "No place where Exeat looks for a key holds one.")


def in_native_place(
    head: RequestHead, path: bytes, bases: Iterable[bytes], credential: Injection
) -> tuple[frozenset[bytes], bytes]:
    """The keys in the path or the cookies where an upstream expects its secret, and the path without that.

    A secret stands in the path behind one of `bases` and the text that comes before it.
    """
    found = _in_cookies(head, credential.cookies)
    if credential.segment is not None:
        for base in bases:
            before = base + credential.before
            if path.startswith(before + PREFIX):
                key, slash, rest = path[len(before) :].partition(b"/")
                return found | {key}, base + slash + rest or b"/"
    return found, path


def _in_cookies(head: RequestHead, cookies: tuple[Secret, ...]) -> frozenset[bytes]:
    names = [cookie.octets.partition(b"=")[0] for cookie in cookies]
    return frozenset(value for name in names for value in value_in(head.fields, name) if value.startswith(PREFIX))


def _in_fields(head: RequestHead, slot: bytes | None, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every field that holds a key, with the key."""
    known = head.known
    if b"exeat-key" in known:
        yield b"exeat-key", known[b"exeat-key"]
    for name in (b"proxy-authorization", b"authorization"):
        if name in known and (key := _in_authorization(known[name])):
            yield name, key
    if known.get(b"x-api-key", b"").startswith(PREFIX):
        yield b"x-api-key", known[b"x-api-key"]
    if slot is not None:
        for value in _values(head, slot):
            if key := _behind_prefix(value, prefix):
                yield slot, key


def identify(key: bytes, snapshot: Snapshot, now: float) -> Key:
    """Whose key it is; `now` in seconds since the epoch."""
    known = snapshot.keys.get(hashlib.sha256(key).digest())
    if known is None:
        if is_well_formed(key):
            raise GatewayError(Code.KEY_UNKNOWN, "This gateway doesn't know the key.")
        raise GatewayError(Code.KEY_MALFORMED, "The key's length, alphabet or check is wrong.")
    check_key(known, now)
    return known


def check_key(key: Key, now: float) -> None:
    """Refuse a key that holds no more; `now` in seconds since the epoch."""
    if key.revoked:
        raise GatewayError(Code.KEY_REVOKED, "The key was revoked.")
    if key.expires_at is not None and now >= key.expires_at:
        raise GatewayError(Code.KEY_EXPIRED, "The key has expired.")


def key_id(key: bytes) -> str | None:
    """The public part of a key, for logs; None if it isn't shaped like one."""
    match = SHAPE.fullmatch(key)
    return match[1].decode() if match else None


def _in_authorization(value: bytes) -> bytes | None:
    """The key in `Bearer <key>`, `token <key>`, Basic user or password, or on its own."""
    scheme, _, rest = value.partition(b" ")
    rest = rest.strip(b" ")
    if rest.startswith(PREFIX):
        return rest
    if scheme.startswith(PREFIX):
        return scheme
    if scheme.lower() != b"basic":
        return None
    try:
        user, _, password = _decode_base64(rest).partition(b":")
    except binascii.Error:
        return None
    keys = {part for part in (user, password) if part.startswith(PREFIX)}
    if len(keys) > 1:
        raise GatewayError(Code.KEY_MALFORMED, "Two different Exeat keys were sent.")
    return keys.pop() if keys else None


def _decode_base64(text: bytes) -> bytes:
    """What base64 holds, read as leniently as any server might: in either alphabet, with or without padding."""
    return binascii.a2b_base64(text.translate(_ONE_ALPHABET) + b"==")


def _values(head: RequestHead, name: bytes) -> list[bytes]:
    """The values of every line of a field; those of the usual places stand in one line, which isn't forwarded."""
    if name in _STANDARD:
        return [head.known[name]] if name in head.known else []
    return [split_field(line)[1] for line in head.fields if name_of(line) == name]


def _behind_prefix(value: bytes, prefix: bytes) -> bytes | None:
    """The key behind what an upstream expects before its secret (in any case), or behind any other word."""
    if prefix and value[: len(prefix)].lower() == prefix:
        bare = value[len(prefix) :].lstrip(b" ")
        if bare.startswith(PREFIX):
            return bare
    bare = value.rpartition(b" ")[2]
    return bare if bare.startswith(PREFIX) else None


def _in_query(query: bytes, parameter: bytes) -> Iterator[bytes]:
    """The keys in every parameter of a name."""
    for name, value in parameters(query):
        if name == parameter and value.startswith(PREFIX):
            yield value


def parameters(query: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The decoded names and values of a query."""
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        yield unquote_to_bytes(name), unquote_to_bytes(value)
