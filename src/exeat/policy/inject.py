"""A credential made ready for the wire: compiled once per snapshot, bound to the origins it may go to."""

import base64
from urllib.parse import quote

from exeat.model.credential import (
    NEVER_FORWARDED,
    Basic,
    Bearer,
    Caller,
    Cookie,
    Header,
    Injection,
    Kind,
    Member,
    Nothing,
    Pool,
    Query,
    Segment,
    Single,
    Together,
    Token,
    Unavailable,
)
from exeat.model.mark import tell_apart
from exeat.model.origin import Origin
from exeat.model.secret import Secret
from exeat.model.signing import AwsSignature, BodyField, HmacSignature

NEEDLE_LIMIT = 6  # a shorter secret would be "found" in ordinary text


def prepare(kind: Kind, origins: frozenset[Origin]) -> Injection:
    """Make a credential ready for the wire, bound to `origins`."""
    if isinstance(kind, Pool):
        return _prepare_pool(kind, origins)
    return _prepare(kind, origins)


def _prepare_pool(pool: Pool, origins: frozenset[Origin]) -> Injection:
    """Several of which each call shows one; a key is looked for in the place of the first."""
    members = tuple(
        Member(share.name, share.weight, _prepare(share.kind, origins), tell_apart(share.kind)) for share in pool.shares
    )
    first = members[0].injection
    return Injection(
        "pool",
        origins,
        slot=first.slot,
        prefix=first.prefix,
        parameter=first.parameter,
        segment=first.segment,
        before=first.before,
        cookies=first.cookies,
        needles=tuple(dict.fromkeys(needle for one in members for needle in one.injection.needles)),
        members=members,
    )


def show_token(injection: Injection, token: Secret) -> Injection:
    """The credential with its token, ready to be shown; `injection` is one that waits for it."""
    wanted = injection.token
    assert wanted is not None  # noqa: S101 - nothing else is asked for one
    secret = token.reveal()
    return _field(injection.kind, wanted.name, wanted.prefix, secret, _needles(secret), injection.origins)


def _prepare(kind: Single, origins: frozenset[Origin]) -> Injection:
    match kind:
        case Bearer() | Basic() | Header() | Query() | Segment() | Cookie():
            return _prepare_static(kind, origins)
        case Together(kinds):
            return _together([_prepare(one, origins) for one in kinds], origins)
        case Token() | AwsSignature() | HmacSignature() | BodyField():
            return _prepare_later(kind, origins)
        case Caller():
            return Injection("caller", origins, passes_caller=True)
        case Nothing():
            return Injection("none", origins)
        case Unavailable(reason):
            return Injection("unavailable", origins, unavailable=reason)


def _prepare_later(kind: Token | AwsSignature | HmacSignature | BodyField, origins: frozenset[Origin]) -> Injection:
    """What takes another step for each call."""
    match kind:
        case Token():
            slot, prefix = kind.name.lower().encode(), _as_looked_for(kind.prefix)
            slots = frozenset({slot}) - NEVER_FORWARDED
            return Injection(kind.label, origins, slot=slot, prefix=prefix, slots=slots, token=kind)
        case AwsSignature():
            needles = _needles(kind.secret_key.reveal())
            if kind.session_token is not None:
                needles += _needles(kind.session_token.reveal())
            return Injection("aws-sigv4", origins, slot=b"authorization", needles=needles, signing=kind)
        case HmacSignature():
            slots = frozenset(name.lower().encode() for name, _ in kind.fields)
            needles = _needles(kind.key.reveal())
            return Injection("hmac", origins, slots=slots - NEVER_FORWARDED, needles=needles, signing=kind)
        case BodyField(_, secret):
            return Injection("body", origins, needles=_needles(secret.reveal()), filling=kind)


def _prepare_static(kind: Bearer | Basic | Header | Query | Segment | Cookie, origins: frozenset[Origin]) -> Injection:
    match kind:
        case Bearer(secret):
            return _field("bearer", "Authorization", "Bearer ", secret.reveal(), _needles(secret.reveal()), origins)
        case Basic(username, password):
            token = base64.b64encode(f"{username.reveal()}:{password.reveal()}".encode()).decode()
            whole = token.rstrip("=")
            needles = (*_needles(username.reveal()), *_needles(password.reveal()), *_long(whole, _other(whole)))
            return _field("basic", "Authorization", "Basic ", token, needles, origins)
        case Header(name, secret, prefix):
            return _field("header", name, prefix, secret.reveal(), _needles(secret.reveal()), origins)
        case Query(name, secret):
            pair = Secret(f"{quote(name, safe='')}={quote(secret.reveal(), safe='')}")
            needles, parameter = _needles(secret.reveal()), name.encode()
            return Injection("query", origins, parameter=parameter, pairs=((parameter, pair),), needles=needles)
        case Segment(secret, prefix):
            segment = Secret(prefix + encode_segment(secret.reveal()))
            return Injection(
                "path", origins, segment=segment, before=prefix.encode(), needles=_needles(secret.reveal())
            )
        case Cookie(name, secret):
            cookie = Secret(f"{name}={secret.reveal()}")
            return Injection("cookie", origins, slot=b"cookie", cookies=(cookie,), needles=_needles(secret.reveal()))


def encode_segment(text: str) -> str:
    """Text as a segment of a path, percent-encoded where a segment can't hold it (RFC 3986 §3.3)."""
    return quote(text, safe=":@!$&'()*+,;=~")


def _together(parts: list[Injection], origins: frozenset[Origin]) -> Injection:
    """Several that are shown at once; a key is looked for where the first one of each sort has its place."""
    lines = [part.lines.reveal() for part in parts if part.lines is not None]
    slot, prefix = next(((part.slot, part.prefix) for part in parts if part.slot is not None), (None, b""))
    segments = [part for part in parts if part.segment is not None]
    return Injection(
        "+".join(dict.fromkeys(part.kind for part in parts)),
        origins,
        slot=slot,
        prefix=prefix,
        lines=Secret("".join(lines)) if lines else None,
        slots=frozenset(slot for part in parts for slot in part.slots),
        parameter=next((part.parameter for part in parts if part.parameter is not None), None),
        pairs=tuple(pair for part in parts for pair in part.pairs),
        segment=segments[0].segment if segments else None,
        before=segments[0].before if segments else b"",
        cookies=tuple(cookie for part in parts for cookie in part.cookies),
        needles=tuple(dict.fromkeys(needle for part in parts for needle in part.needles)),
        signing=next((part.signing for part in parts if part.signing is not None), None),
        filling=next((part.filling for part in parts if part.filling is not None), None),
    )


def _field(
    kind: str, name: str, prefix: str, value: str, needles: tuple[Secret, ...], origins: frozenset[Origin]
) -> Injection:
    slot, before = name.lower().encode(), _as_looked_for(prefix)
    lines = Secret(f"{name}: {prefix}{value}\r\n")
    slots = frozenset({slot}) - NEVER_FORWARDED
    return Injection(kind, origins, slot=slot, prefix=before, lines=lines, slots=slots, needles=needles)


def _as_looked_for(prefix: str) -> bytes:
    return prefix.rstrip(" ").lower().encode()


def _needles(secret: str) -> tuple[Secret, ...]:
    """The spellings in which an upstream could echo a secret: as it is, percent-encoded, within something in base64.

    Percent-encoding that encodes more or less than this is undone when answers are searched; a space may be a '+'.
    """
    encoded = [_within_base64(secret.encode(), before) for before in range(3)]
    return _long(secret, quote(secret, safe=""), secret.replace(" ", "+"), *encoded, *map(_other, encoded))


def _within_base64(secret: bytes, before: int) -> str:
    """The characters of base64 that are the secret's alone, where `before` bytes precede it in its group of three."""
    text = base64.b64encode(bytes(before) + secret).decode()
    return text[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]


def _other(text: str) -> str:
    """Base64 in its alphabet for URLs."""
    return text.replace("+", "-").replace("/", "_")


def _long(*spellings: str) -> tuple[Secret, ...]:
    return tuple(Secret(text) for text in dict.fromkeys(spellings) if len(text) >= NEEDLE_LIMIT)
