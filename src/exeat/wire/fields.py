"""Field names that mean something to an intermediary, and how each one is treated.

Rule 1: a field that isn't in the tables below is the caller's or the upstream's own: it is passed on as it is.
Rule 2: a field that frames, routes or authenticates may be sent once; twice is refused, not merged.
Rule 3: names are looked up in the case they came in (case variants are learnt), so a known name costs one look-up.
"""

from enum import IntEnum
from typing import NamedTuple

Field = tuple[bytes, bytes]


class Treatment(IntEnum):
    """What happens to a field that is read here: kept among the fields to forward or not, once or as a list."""

    PASS = 0  # not known: forwarded as it is
    ONCE = 1  # read here, not forwarded as it is; twice is refused
    LIST = 2  # read here, not forwarded; lines are joined
    ONCE_KEPT = 3  # read here and forwarded; twice is refused
    LIST_KEPT = 4  # read here and forwarded
    DROP = 5  # never forwarded, not read


class Named(NamedTuple):
    """A name in lower case and how it is treated."""

    name: bytes
    treatment: Treatment


# Requests. RFC 9110 §7.6.1 for what is hop-by-hop; identity and topology fields are removed because an upstream is
# a third party (1-product §3: no trace of the internal network).
REQUEST: dict[bytes, Treatment] = {
    b"host": Treatment.ONCE,
    b"content-length": Treatment.ONCE,
    b"transfer-encoding": Treatment.ONCE,
    b"authorization": Treatment.ONCE,
    b"proxy-authorization": Treatment.ONCE,
    b"expect": Treatment.ONCE,
    b"max-forwards": Treatment.ONCE,
    b"exeat-key": Treatment.ONCE,
    b"exeat-target": Treatment.ONCE,
    b"exeat-timeout": Treatment.ONCE,
    b"x-api-key": Treatment.ONCE_KEPT,
    b"origin": Treatment.ONCE_KEPT,
    b"access-control-request-method": Treatment.ONCE_KEPT,
    b"access-control-request-headers": Treatment.LIST_KEPT,
    b"connection": Treatment.LIST,
    b"te": Treatment.LIST,
    b"via": Treatment.LIST,
    b"x-forwarded-for": Treatment.LIST,
    b"x-forwarded-proto": Treatment.LIST,
    b"forwarded": Treatment.DROP,
    b"x-real-ip": Treatment.DROP,
    b"keep-alive": Treatment.DROP,
    b"proxy-connection": Treatment.DROP,
    b"proxy-authenticate": Treatment.DROP,
    b"proxy-authentication-info": Treatment.DROP,
    b"upgrade": Treatment.DROP,
    b"http2-settings": Treatment.DROP,
}

RESPONSE: dict[bytes, Treatment] = {
    b"content-length": Treatment.ONCE,
    b"transfer-encoding": Treatment.ONCE,
    b"connection": Treatment.LIST,
    b"content-type": Treatment.LIST_KEPT,
    b"date": Treatment.LIST_KEPT,
    b"location": Treatment.LIST_KEPT,
    b"content-location": Treatment.LIST_KEPT,
    b"link": Treatment.LIST_KEPT,
    b"vary": Treatment.LIST_KEPT,
    b"keep-alive": Treatment.DROP,
    b"proxy-connection": Treatment.DROP,
    b"proxy-authenticate": Treatment.DROP,
    b"proxy-authentication-info": Treatment.DROP,
    b"upgrade": Treatment.DROP,
    b"te": Treatment.DROP,
}

# Fields that a Connection option may not nominate: removing them would change what the request means or whom it
# speaks for (CVE-2026-6338, CVE-2026-26365).
NOT_NOMINABLE = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"authorization", b"cookie", b"exeat-key", b"exeat-target"}
)

# Fields that may not come as trailers (RFC 9110 §6.5.1): framing, routing, authentication, request modifiers,
# response control.
NOT_IN_TRAILERS = frozenset(REQUEST) | frozenset(RESPONSE) | frozenset(
    {
        b"age", b"cache-control", b"content-encoding", b"content-range", b"cookie", b"expires", b"if-match",
        b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since", b"pragma", b"range",
        b"retry-after", b"set-cookie", b"trailer", b"www-authenticate",
    }
)  # fmt: skip

KNOWN_LIMIT = 4096  # spellings that one worker remembers, so that a hostile caller can't grow the table


def learn(name: bytes, table: dict[bytes, Treatment], seen: dict[bytes, Named]) -> Named:
    """Find how a spelling of a name is treated, and remember it in `seen`."""
    lower = name.lower()
    treatment = table.get(lower)
    if treatment is None:
        dashed = lower.replace(b"_", b"-")  # CGI-style servers read x_y as x-y: a look-alike is treated as the name
        own = dashed.startswith((b"exeat-", b"x-forwarded-"))
        treatment = Treatment.DROP if own else Treatment.PASS
    named = Named(lower, treatment)
    if len(seen) < KNOWN_LIMIT:
        seen[name] = named
    return named


def options(value: bytes) -> list[bytes]:
    """The members of a comma-separated list, lower-case, empty ones left out (RFC 9110 §5.6.1)."""
    return [option for part in value.split(b",") if (option := part.strip(b" \t").lower())]
