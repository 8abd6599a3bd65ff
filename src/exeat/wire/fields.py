"""Field lines: which names mean something to an intermediary, and how each one is treated.

Rule 1: a field that isn't in the tables below is the caller's or the upstream's own: it is passed on as it is.
Rule 2: a field that frames, routes or authenticates may be sent once; twice is refused, not merged.
Rule 3: a field is kept as the line that will be forwarded (`name: value` with CRLF), written from its parsed parts.
Rule 4: a line that was judged once is judged the same when it comes again, so short lines that aren't secret are
remembered when they come twice: most fields of most requests repeat, and a look-up costs a tenth of a judgement.
"""

import re
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.vendors import FIELDS as LIMIT_FIELDS

# How a field is treated. Plain numbers: an Enum's members cost more to compare than a field may cost in all.
PASS = 0  # not known: forwarded as it is
ONCE = 1  # read here, not forwarded as it is; twice is refused
LIST = 2  # read here, not forwarded; lines are joined
ONCE_KEPT = 3  # read here and forwarded; twice is refused
LIST_KEPT = 4  # read here and forwarded
DROP = 5  # never forwarded, not read
COOKIES = 6  # forwarded without the cookie of Exeat's own control listener
FORWARDED = frozenset({PASS, ONCE_KEPT, LIST_KEPT, COOKIES})
NOT_READ = frozenset({PASS, DROP, COOKIES})

# Requests. RFC 9110 §7.6.1 for what is hop-by-hop; identity and topology fields are removed because an upstream is
# a third party (1-product §3: no trace of the internal network).
REQUEST: dict[bytes, int] = {
    b"host": ONCE,
    b"content-length": ONCE,
    b"transfer-encoding": ONCE,
    b"authorization": ONCE,
    b"proxy-authorization": ONCE,
    b"expect": ONCE,
    b"max-forwards": ONCE,
    b"exeat-key": ONCE,
    b"exeat-target": ONCE,
    b"exeat-timeout": ONCE,
    b"exeat-priority": ONCE,
    b"exeat-ratelimit": ONCE,
    b"exeat-debug": ONCE,
    b"x-api-key": ONCE_KEPT,
    b"cookie": COOKIES,
    b"origin": ONCE_KEPT,
    b"traceparent": LIST_KEPT,
    b"access-control-request-method": ONCE_KEPT,
    b"access-control-request-headers": LIST_KEPT,
    b"connection": LIST,
    b"te": LIST,
    b"via": LIST,
    b"x-forwarded-for": LIST,
    b"x-forwarded-proto": LIST,
    b"forwarded": DROP,
    b"x-real-ip": DROP,
    b"keep-alive": DROP,
    b"proxy-connection": DROP,
    b"proxy-authenticate": DROP,
    b"proxy-authentication-info": DROP,
    b"upgrade": DROP,
    b"http2-settings": DROP,
}

RESPONSE: dict[bytes, int] = {
    b"content-length": ONCE,
    b"transfer-encoding": ONCE,
    b"connection": LIST,
    b"content-type": LIST_KEPT,
    b"date": LIST_KEPT,
    b"location": LIST_KEPT,
    b"content-location": LIST_KEPT,
    b"link": LIST_KEPT,
    b"vary": LIST_KEPT,
    **dict.fromkeys(LIMIT_FIELDS, LIST_KEPT),
    b"keep-alive": DROP,
    b"proxy-connection": DROP,
    b"proxy-authenticate": DROP,
    b"proxy-authentication-info": DROP,
    b"upgrade": DROP,
    b"te": DROP,
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

# Never remembered: what stands in them is secret.
SECRET = frozenset(
    {
        b"authorization", b"proxy-authorization", b"exeat-key", b"exeat-debug", b"x-api-key", b"cookie",
        b"set-cookie",
    }
)  # fmt: skip

# A session of the control listener: cookies don't know ports, so a browser that has one sends it to the gateway too.
OWN_COOKIE = b"exeat_session"

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_NAME = re.compile(_TOKEN + rb"++")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
CONTROL = "The head holds a control character, or a CR or LF on its own."
LINES_LIMIT = 4096
LINE_LIMIT_BYTES = 256
NAMES_LIMIT = 1024
NAME_LIMIT_BYTES = 64
ONCE_PLACES: Final = 1024

# A line: its name where it is read here (else None), its value, what is forwarded in its place, and whether it may come
# once only.
Judged = tuple[bytes | None, bytes, bytes, bool]


@final
class Named:
    """What holds for all fields of a name; `read_as` is the lower-case name where they are read here."""

    __slots__ = ("is_once", "is_secret", "read_as", "treatment", "valid")

    def __init__(self, lower: bytes, treatment: int, valid: re.Pattern[bytes] | None) -> None:
        self.read_as: Final = None if treatment in NOT_READ else lower
        self.treatment: Final = treatment
        self.is_once: Final = treatment in {ONCE, ONCE_KEPT}
        self.is_secret: Final = lower in SECRET
        self.valid: Final = valid


class FieldTable:
    """Reads field lines of one direction, and remembers them within a bound, so that nobody can grow it."""

    __slots__ = ("_judged", "_names", "_once", "_passing", "_treatments", "_valid")

    def __init__(self, treatments: dict[bytes, int], valid: dict[bytes, re.Pattern[bytes]]) -> None:
        self._treatments = treatments
        self._valid = valid
        self._names: dict[bytes, Named] = {}
        self._passing: dict[bytes, bytes] = {}
        self._judged: dict[bytes, Judged] = {}
        self._once = [0] * ONCE_PLACES  # hashes of lines that came once, or of those that came after them

    def read(self, lines: list[bytes]) -> tuple[list[bytes], dict[bytes, bytes]]:
        """The lines to forward, and what is read here by lower-case name. GatewayError names what is wrong.

        Where a line isn't forwarded, an empty one stands in its place.
        """
        forwarded = list(map(self._passing.get, lines))
        known: dict[bytes, bytes] = {}
        place = -1
        for _ in range(forwarded.count(None)):
            place = forwarded.index(None, place + 1)
            raw = lines[place]
            name, value, forwarded[place], once = self._judged.get(raw) or self._judge(raw)
            if name is not None:
                if name in known:
                    if once:
                        raise malformed(f"The field {name.decode()} was sent more than once.")
                    value = known[name] + b", " + value
                known[name] = value
        return forwarded, known  # type: ignore[return-value]  # every None has been replaced

    def _judge(self, raw: bytes) -> Judged:
        """Parse a line, find how its name is treated, and remember it if it may be remembered."""
        end = raw.find(b":")
        name = raw[: max(end, 0)]
        named = self._names.get(name) or self._named(name, raw)
        if _VALUE.fullmatch(raw, end + 1) is None:
            raise _refusal(raw)
        value = raw[end + 1 :].strip(b" \t")
        if named.valid is not None and named.valid.fullmatch(value) is None:
            raise malformed(f"The value of {name.lower().decode()} isn't valid.")
        treatment = named.treatment
        line = render_field(name, value) if treatment in FORWARDED else b""
        if treatment == COOKIES and OWN_COOKIE in value:
            line = _without_own_cookie(name, value)
        judged = (named.read_as, value, line, named.is_once)
        if len(raw) <= LINE_LIMIT_BYTES and not named.is_secret:
            self._remember(raw, judged, passes=treatment == PASS)
        return judged

    def _named(self, name: bytes, raw: bytes) -> Named:
        """What holds for a name; GatewayError if the line doesn't begin with one."""
        if _NAME.fullmatch(name) is None:
            raise _refusal(raw)
        lower = name.lower()
        named = Named(lower, self._treatment(lower), self._valid.get(lower))
        if len(name) <= NAME_LIMIT_BYTES:
            if len(self._names) >= NAMES_LIMIT:
                self._names.clear()
            self._names[name] = named
        return named

    def _treatment(self, lower: bytes) -> int:
        treatment = self._treatments.get(lower)
        if treatment is None:
            dashed = lower.replace(b"_", b"-")  # CGI-style servers read x_y as x-y: a look-alike is treated as the name
            treatment = DROP if dashed.startswith((b"exeat-", b"x-forwarded-")) else PASS
        return treatment

    def _remember(self, raw: bytes, judged: Judged, *, passes: bool) -> None:
        """Remember a line that comes again: those that never do would only push others out."""
        seen = hash(raw)
        place = seen % ONCE_PLACES
        if self._once[place] != seen:
            self._once[place] = seen
            return
        if len(self._passing) + len(self._judged) >= LINES_LIMIT:
            self._passing.clear()
            self._judged.clear()
        if passes:
            self._passing[raw] = judged[2]
        else:
            self._judged[raw] = judged


def render_field(name: bytes, value: bytes) -> bytes:
    """A field line."""
    return b"%b: %b\r\n" % (name, value)


def split_field(line: bytes) -> tuple[bytes, bytes]:
    """Name (as sent) and value of a field line."""
    name, _, value = line[:-2].partition(b": ")
    return name, value


def name_of(line: bytes) -> bytes:
    """The lower-case name of a field line."""
    return line.partition(b":")[0].lower()


def options(value: bytes) -> list[bytes]:
    """The members of a comma-separated list, lower-case, empty ones left out (RFC 9110 §5.6.1)."""
    return [option for part in value.split(b",") if (option := part.strip(b" \t").lower())]


def _without_own_cookie(name: bytes, value: bytes) -> bytes:
    """A Cookie field (RFC 6265 §4.2.1) without Exeat's own cookie; nothing if it has no other."""
    pairs = value.split(b";")
    others = [pair for pair in pairs if pair.partition(b"=")[0].strip(b" \t") != OWN_COOKIE]
    kept = b";".join(others).strip(b" \t")
    return render_field(name, kept) if kept else b""


def _refusal(raw: bytes) -> GatewayError:
    """Name what is wrong with a line that the grammar refused."""
    if raw[:1] in {b" ", b"\t"}:
        return malformed("A field line begins with white space (obsolete line folding).")
    if _CONTROL.search(raw):
        return malformed("A field line holds a control character, or a CR or LF on its own.")
    return malformed("A field line isn't 'name: value' with a valid name.")


def malformed(detail: str) -> GatewayError:
    """The error for a message whose framing is in doubt."""
    return GatewayError(Code.MALFORMED_REQUEST, detail, closes=True)
