"""What Exeat shows an upstream: a kind, a secret, and the origins it may go to."""

from dataclasses import dataclass
from typing import NamedTuple

from exeat.model.origin import Origin
from exeat.model.secret import Secret


class Bearer(NamedTuple):
    """`Authorization: Bearer <secret>` (RFC 6750)."""

    secret: Secret


class Basic(NamedTuple):
    """`Authorization: Basic base64(username:password)` (RFC 7617); the password may be empty."""

    username: Secret
    password: Secret


class Header(NamedTuple):
    """`<name>: <prefix><secret>`."""

    name: str
    secret: Secret
    prefix: str


class Query(NamedTuple):
    """`?<name>=<secret>`, percent-encoded."""

    name: str
    secret: Secret


class Caller(NamedTuple):
    """The caller's own Authorization goes upstream; Exeat adds nothing."""


class Nothing(NamedTuple):
    """No credential at all; the caller's Authorization doesn't go upstream either."""


class Unavailable(NamedTuple):
    """A credential whose secret has disappeared: every use answers `credential-unavailable`."""

    reason: str


Kind = Bearer | Basic | Header | Query | Caller | Nothing | Unavailable


@dataclass(frozen=True, slots=True)
class Injection:
    """A credential made ready for the wire; built once per snapshot by policy/inject.py.

    `slot` is the lower-case name of the field that it fills, `line` that field as `name: value` with CRLF. `parameter`
    is the query parameter that it fills, `pair` that parameter as `name=value`. `needles` are the spellings of the
    secret that are looked for in what the upstream answers. `origins` are the only places it may go to.
    """

    kind: str
    origins: frozenset[Origin]
    slot: bytes | None = None
    line: Secret | None = None
    parameter: bytes | None = None
    pair: Secret | None = None
    needles: tuple[Secret, ...] = ()
    passes_caller: bool = False
    unavailable: str | None = None
