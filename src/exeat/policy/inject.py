"""A credential made ready for the wire: compiled once per snapshot, bound to the origins it may go to."""

import base64
from urllib.parse import quote

from exeat.model.credential import Basic, Bearer, Caller, Header, Injection, Kind, Nothing, Query, Unavailable
from exeat.model.origin import Origin
from exeat.model.secret import Secret

NEEDLE_LIMIT = 6  # a shorter secret would be "found" in ordinary text


def prepare(kind: Kind, origins: frozenset[Origin]) -> Injection:
    """Make a credential ready for the wire, bound to `origins`."""
    match kind:
        case Bearer(secret):
            return _field("bearer", "Authorization", f"Bearer {secret.reveal()}", _needles(secret.reveal()), origins)
        case Basic(username, password):
            token = base64.b64encode(f"{username.reveal()}:{password.reveal()}".encode()).decode()
            whole = token.rstrip("=")
            needles = (*_needles(username.reveal()), *_needles(password.reveal()), *_long(whole, _other(whole)))
            return _field("basic", "Authorization", f"Basic {token}", needles, origins)
        case Header(name, secret, prefix):
            return _field("header", name, prefix + secret.reveal(), _needles(secret.reveal()), origins)
        case Query(name, secret):
            pair = Secret(f"{quote(name, safe='')}={quote(secret.reveal(), safe='')}")
            needles = _needles(secret.reveal())
            return Injection("query", origins, parameter=name.encode(), pair=pair, needles=needles)
        case Caller():
            return Injection("caller", origins, passes_caller=True)
        case Nothing():
            return Injection("none", origins)
        case Unavailable(reason):
            return Injection("unavailable", origins, unavailable=reason)


def _field(kind: str, name: str, value: str, needles: tuple[Secret, ...], origins: frozenset[Origin]) -> Injection:
    line = Secret(f"{name}: {value}\r\n")
    return Injection(kind, origins, slot=name.lower().encode(), line=line, needles=needles)


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
