"""Put a credential on an outgoing request: compiled once per snapshot, attached last, only to the origins it may go to."""

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
            return _field("bearer", "Authorization", f"Bearer {secret.reveal()}", (secret.reveal(),), origins)
        case Basic(username, password):
            pair = f"{username.reveal()}:{password.reveal()}"
            token = base64.b64encode(pair.encode()).decode()
            return _field("basic", "Authorization", f"Basic {token}", (username.reveal(), password.reveal()), origins)
        case Header(name, secret, prefix):
            return _field("header", name, prefix + secret.reveal(), (secret.reveal(),), origins)
        case Query(name, secret):
            pair = f"{quote(name, safe='')}={quote(secret.reveal(), safe='')}"
            return Injection(
                "query",
                None,
                None,
                name.encode(),
                Secret(pair),
                _needles((secret.reveal(),)),
                False,
                None,
                origins,
            )
        case Caller():
            return Injection("caller", None, None, None, None, (), True, None, origins)  # noqa: FBT003
        case Nothing():
            return Injection("none", None, None, None, None, (), False, None, origins)  # noqa: FBT003
        case Unavailable(reason):
            return Injection("unavailable", None, None, None, None, (), False, reason, origins)  # noqa: FBT003


def _field(kind: str, name: str, value: str, secrets: tuple[str, ...], origins: frozenset[Origin]) -> Injection:
    line = Secret(f"{name}: {value}")
    return Injection(kind, name.lower().encode(), line, None, None, _needles((*secrets, value)), False, None, origins)  # noqa: FBT003


def _needles(secrets: tuple[str, ...]) -> tuple[Secret, ...]:
    """The spellings in which an upstream could echo a secret: as it is, percent-encoded, base64 in both alphabets."""
    found: dict[str, None] = {}
    for secret in secrets:
        for text in (secret, secret.rpartition(" ")[2]):
            plain = base64.b64encode(text.encode()).decode().rstrip("=")
            for spelling in (text, quote(text, safe=""), plain, plain.replace("+", "-").replace("/", "_")):
                if len(spelling) >= NEEDLE_LIMIT:
                    found[spelling] = None
    return tuple(Secret(text) for text in sorted(found, key=len, reverse=True))
