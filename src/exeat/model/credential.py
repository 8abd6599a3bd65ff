"""What Exeat shows an upstream: a kind, a secret, and the origins it may go to."""

from dataclasses import dataclass, field
from typing import NamedTuple

from exeat.model.origin import Origin
from exeat.model.secret import Secret
from exeat.model.signing import AwsSignature, BodyField, HmacSignature

NEVER_FORWARDED = frozenset({b"exeat-key", b"authorization", b"proxy-authorization"})  # whatever stands there


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


class Segment(NamedTuple):
    """`<prefix><secret>` in the path, before the caller's own path; percent-encoded. `prefix` begins with a slash."""

    secret: Secret
    prefix: str


class Cookie(NamedTuple):
    """`Cookie: <name>=<secret>` beside the cookies of the caller (RFC 6265); one of the same name is replaced."""

    name: str
    secret: Secret


class Token(NamedTuple):
    """A token that the broker fetches, shown as `<name>: <prefix><token>`; `source` is the id of its source."""

    source: str
    label: str
    name: str = "Authorization"
    prefix: str = "Bearer "


class Caller(NamedTuple):
    """The caller's own Authorization goes upstream; Exeat adds nothing."""


class Nothing(NamedTuple):
    """No credential at all; the caller's Authorization doesn't go upstream either."""


class Unavailable(NamedTuple):
    """A credential whose secret has disappeared: every use answers `credential-unavailable`."""

    reason: str


class Together(NamedTuple):
    """Several kinds that are shown at once, each in a place of its own; where a key is looked for is the first's."""

    kinds: tuple[Bearer | Basic | Header | Query | Segment | Cookie | BodyField | HmacSignature, ...]


Single = (
    Bearer
    | Basic
    | Header
    | Query
    | Segment
    | Cookie
    | Token
    | AwsSignature
    | HmacSignature
    | BodyField
    | Caller
    | Nothing
    | Unavailable
    | Together
)


class Share(NamedTuple):
    """One credential of a pool, the calls it gets beside the others', and its name (`1`, `2`, or as written)."""

    kind: Single
    weight: int
    name: str


class Pool(NamedTuple):
    """Several credentials of which each call shows one."""

    shares: tuple[Share, ...]


Kind = Single | Pool


@dataclass(frozen=True, slots=True)
class Injection:
    """A credential made ready for the wire; built once per snapshot by policy/inject.py.

    `slot` is the lower-case name of the field that it fills, and in which a key of Exeat is looked for; `prefix` is
    what stands before the secret there, in lower case, without the space at its end. `lines` are all fields that it
    fills, each as `name: value` with CRLF, `slots` their names (without those that are never forwarded). `parameter`
    and `pairs` are that for query parameters, `segment` for the path: what stands before the caller's own, `before`
    its part that isn't secret. `cookies` are `name=value` each. `needles` are the spellings of the secret that are
    looked for in what the upstream answers. `origins` are the only places it may go to.

    What isn't ready (`is_ready`) takes another step for each call: a `token` to be had from its source, a `signing`
    or a `filling` of the request itself, or the choice among `members`.
    """

    kind: str
    origins: frozenset[Origin]
    slot: bytes | None = None
    prefix: bytes = b""
    lines: Secret | None = None
    slots: frozenset[bytes] = frozenset()
    parameter: bytes | None = None
    pairs: tuple[tuple[bytes, Secret], ...] = ()
    segment: Secret | None = None
    before: bytes = b""
    cookies: tuple[Secret, ...] = ()
    needles: tuple[Secret, ...] = ()
    passes_caller: bool = False
    unavailable: str | None = None
    token: Token | None = None
    signing: AwsSignature | HmacSignature | None = None
    filling: BodyField | None = None
    members: tuple["Member", ...] = ()
    is_ready: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        """Note whether anything is left to be done for a call."""
        ready = self.token is None and self.signing is None and self.filling is None and not self.members
        object.__setattr__(self, "is_ready", ready)


@dataclass(frozen=True, slots=True)
class Member:
    """One credential of a pool: its name within it, its share of the calls, and itself.

    `mark` stands for the credential where its secret can't: it is another one when that changes.
    """

    name: str
    weight: int
    injection: Injection
    mark: str
