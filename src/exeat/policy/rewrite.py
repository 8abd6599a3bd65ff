"""What comes back: an upstream's URLs in the form the caller used, and no spelling of its secret.

Location, Content-Location and Link are mapped to the gateway, so that paging works and stays inside it. A parameter
that is the credential's own goes: who follows the URL has its own key there. A redirect is passed on, never followed.
"""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from exeat.errors import GatewayError
from exeat.model.origin import Origin, Target
from exeat.model.secret import Secret
from exeat.wire.fields import name_of, render_field, split_field
from exeat.wire.http1 import ResponseHead
from exeat.wire.target import parse_url

NONE: Final[frozenset[bytes]] = frozenset()
REDACTED = b"[redacted]"
ENCODINGS_LIMIT = 4  # layers of percent-encoding that are undone: as it is, and a URL in a URL in a URL
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_LINK_TARGET = re.compile(rb"<([^<>]*)>")
_WITH_SCHEME_OR_HOST = re.compile(rb"//|[A-Za-z][A-Za-z0-9+.-]*:")
_REWRITTEN = (b"location", b"content-location", b"link")


class Other(NamedTuple):
    """A sibling, or what the called one is a sibling of: its origin, and the path that its URLs begin with.

    `prefix` comes before its paths at the gateway; `parameters` are those of a query that its credential fills.
    """

    origin: Origin
    base: bytes
    prefix: bytes
    parameters: frozenset[bytes] = NONE


class Form(NamedTuple):
    """How the caller addresses the upstream: `gateway` (`https://host[:port]`) and `prefix` before the path.

    `bases` are the upstream's own: each origin and the path its URL begins with; `parameters` are those of a query that
    its credential fills.
    """

    gateway: bytes
    prefix: bytes
    bases: tuple[tuple[Origin, bytes], ...]
    others: tuple[Other, ...] = ()
    parameters: frozenset[bytes] = NONE


def names_urls(head: ResponseHead) -> bool:
    """Whether the response has a field that may hold a URL of the upstream."""
    known = head.known
    return b"location" in known or b"link" in known or b"content-location" in known


def rewrite_urls(fields: list[bytes], form: Form) -> list[bytes]:
    """Map the upstream's URLs in Location, Content-Location and Link."""
    return [_rewrite(line, form) if name_of(line) in _REWRITTEN else line for line in fields]


def _rewrite(line: bytes, form: Form) -> bytes:
    name, value = split_field(line)
    if name.lower() == b"link":
        return render_field(name, _LINK_TARGET.sub(lambda match: b"<" + rewrite_url(match[1], form) + b">", value))
    return render_field(name, rewrite_url(value, form))


def rewrite_url(url: bytes, form: Form) -> bytes:
    """Map one URL reference: absolute ones at the upstream, and absolute paths; others lead where they did."""
    if not _WITH_SCHEME_OR_HOST.match(url):
        if form.parameters:
            url = _without(url, form.parameters)
        if not url.startswith(b"/"):
            return url
        base = form.bases[0][1] if form.bases else b""
        if (base and not _is_below(url, base)) or not (form.prefix or base):
            return url
        mapped = _place(form.prefix, url[len(base) :])
        return form.gateway + mapped if mapped.startswith(b"//") else mapped  # '//' would name another host
    bare, mark, fragment = url.partition(b"#")
    try:
        target = parse_url(bare)
    except GatewayError:
        return url
    for origin, base in form.bases:
        if target.origin == origin and _is_below(target.path, base):
            rest = _rest(target, form.parameters) + mark + fragment
            return form.gateway + _place(form.prefix, target.path[len(base) :]) + rest
    for other in form.others:
        if target.origin == other.origin and _is_below(target.path, other.base):
            rest = _rest(target, other.parameters) + mark + fragment
            return form.gateway + _place(other.prefix, target.path[len(other.base) :]) + rest
    return url


def _rest(target: Target, parameters: frozenset[bytes]) -> bytes:
    return b"" if target.query is None else _without(b"?" + target.query, parameters)


def _without(url: bytes, parameters: frozenset[bytes]) -> bytes:
    """A URL reference without some parameters of its query, in every spelling; otherwise as it is."""
    bare, mark, fragment = url.partition(b"#")
    place, question, query = bare.partition(b"?")
    kept = [part for part in query.split(b"&") if _name_of(part) not in parameters]
    return place + (question + b"&".join(kept) if kept else b"") + mark + fragment


def _name_of(part: bytes) -> bytes:
    return unquote_to_bytes(part.partition(b"=")[0].replace(b"+", b" "))


def _place(prefix: bytes, below: bytes) -> bytes:
    """A path at the gateway; without a prefix it still begins with a slash."""
    return prefix + below if prefix or below.startswith(b"/") else b"/" + below


def _is_below(path: bytes, base: bytes) -> bool:
    return path.startswith(base) and path[len(base) : len(base) + 1] in {b"/", b"", b"?", b"#"}


def scrub(fields: list[bytes], needles: tuple[Secret, ...]) -> list[bytes]:
    """Replace every spelling of the injected secret in fields (an upstream that echoes it must not leak it).

    A field whose name holds it is left out: a name has no place for `[redacted]`.
    """
    return [_scrub(line, needles) for line in fields if line and not _is_named_after(line, needles)]


def _is_named_after(line: bytes, needles: tuple[Secret, ...]) -> bool:
    name = name_of(line)
    return any(needle.octets.lower() in name for needle in needles)


def _scrub(line: bytes, needles: tuple[Secret, ...]) -> bytes:
    name, value = split_field(line)
    return render_field(name, scrub_text(value, needles))


def scrub_text(text: bytes, needles: tuple[Secret, ...]) -> bytes:
    """Replace every spelling of the injected secret in a field's value or a reason phrase.

    Spellings that overlap (a username that begins the base64 of username and password) are replaced as one: what
    one of them leaves over may be a part of another.
    """
    kept: list[bytes] = []
    end = 0
    for first, last in sorted(_spans(text, needles)):
        if first >= end:
            kept += [text[end:first], REDACTED]
        end = max(end, last)
    return b"".join([*kept, text[end:]])


def _spans(text: bytes, needles: tuple[Secret, ...]) -> list[tuple[int, int]]:
    """Where the spellings of the secret stand in a text, as it is and with its percent-encoding undone."""
    spans: list[tuple[int, int]] = []
    starts = list(range(len(text) + 1))  # in the text, of each byte of what is searched
    for _ in range(ENCODINGS_LIMIT):
        for needle in needles:
            spans += [(starts[first], starts[last]) for first, last in _places(text, needle.octets)]
        if b"%" not in text:
            break
        text, places = _decode(text)
        starts = [starts[place] for place in places]
    return spans


def _places(text: bytes, needle: bytes) -> list[tuple[int, int]]:
    """Every place of a needle in a text, also those that overlap."""
    places = []
    first = text.find(needle)
    while first >= 0:
        places.append((first, first + len(needle)))
        first = text.find(needle, first + 1)
    return places


def _decode(text: bytes) -> tuple[bytes, list[int]]:
    """A text with one layer of percent-encoding undone, and where each of its bytes, and its end, was before."""
    decoded, places = bytearray(), []
    place = 0
    while place < len(text):
        match = _ESCAPE.match(text, place)
        decoded.append(text[place] if match is None else int(match[1], 16))
        places.append(place)
        place += 1 if match is None else 3
    return bytes(decoded), [*places, len(text)]


def echoes(head: bytes, needles: tuple[Secret, ...]) -> bool:
    """Whether a raw head holds a spelling of the secret: a quick look before fields are searched one by one."""
    for needle in needles:
        if head.find(needle.octets) >= 0:  # `in` costs three times as much: it tries a number first
            return True
    return head.find(b"%") >= 0 and _echoes_encoded(head, needles)


def _echoes_encoded(head: bytes, needles: tuple[Secret, ...]) -> bool:
    """Whether a head holds a spelling of the secret within percent-encoding, whichever bytes that encodes."""
    for _ in range(ENCODINGS_LIMIT - 1):
        head = unquote_to_bytes(head)
        if any(needle.octets in head for needle in needles):
            return True
        if b"%" not in head:
            break
    return False
