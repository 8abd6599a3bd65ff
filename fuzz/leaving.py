"""What leaves for an upstream means what came: the same request, framed in one way, with one credential and no key."""

import re
from functools import partial
from urllib.parse import parse_qsl

from exeat.errors import Code
from exeat.model.credential import Bearer, Header, Injection, Query
from exeat.model.key import Presented, is_well_formed
from exeat.model.origin import Origin
from exeat.model.secret import Secret
from exeat.policy.authenticate import present
from exeat.policy.forward import render_request
from exeat.policy.inject import prepare
from exeat.wire.fields import name_of
from exeat.wire.http1 import RequestHead, parse_request
from fuzz.refusals import value_of
from tests.support.values import KEY

HOST = b"api.test"
VIA = b"exeat"
SECRET = "the-upstream's-secret"  # noqa: S105 - it opens nothing
ORIGINS = frozenset({Origin("https", "api.test", 443)})
CREDENTIALS: tuple[Injection | None, ...] = (
    None,
    prepare(Bearer(Secret(SECRET)), ORIGINS),
    prepare(Header("X-Api-Key", Secret(SECRET), ""), ORIGINS),
    prepare(Header("Private-Token", Secret(SECRET), "token "), ORIGINS),
    prepare(Query("key", Secret(SECRET)), ORIGINS),
)
ELSEWHERE = Presented(KEY, frozenset(), None)  # the key stood in none of the places that could leave
NO_ONE_KEY = {Code.KEY_MISSING, Code.KEY_MALFORMED}
FRAMING = (b"content-length", b"transfer-encoding")
# Hop-by-hop (RFC 9110 §7.6.1), of the caller's network, or the gateway's own.
STAYS_HERE = re.compile(
    rb"keep-alive|proxy-(?:connection|authenticate|authentication-info|authorization)|upgrade|http2-settings|max-forwards"
    rb"|forwarded|x-real-ip|x[-_]forwarded[-_].*|exeat[-_].*"
)
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def check_leaving(head: RequestHead, path: bytes, query: bytes | None) -> None:
    """Write the request for an upstream of every kind, and read it again."""
    for injection in CREDENTIALS:
        slot, parameter = (None, None) if injection is None else (injection.slot, injection.parameter)
        presented = value_of(partial(present, head, slot, parameter, query), NO_ONE_KEY) or ELSEWHERE
        raw = value_of(
            partial(
                render_request,
                head,
                host=HOST,
                path=path,
                query=query,
                presented=presented,
                injection=injection,
                via=VIA,
            ),
            {Code.MALFORMED_REQUEST},  # the key stands in the path, or in a field that isn't for it
        )
        if raw is None:
            _check_refusal(head, path, query, presented)
            continue
        _check_octets(raw, head, presented)
        again = parse_request(raw.removesuffix(b"\r\n\r\n"))
        _check_meaning(again, head, presented, injection)
        _check_target(again.target, path, query, presented, injection)


def _check_refusal(head: RequestHead, path: bytes, query: bytes | None, presented: Presented) -> None:
    """A request isn't refused for a key that stands only where keys belong."""
    if is_well_formed(presented.key):
        elsewhere = [line for line in head.fields if name_of(line) not in presented.fields]
        elsewhere += [value for name, value in head.known.items() if name not in presented.fields]
        assert presented.key in b"\n".join([head.method, path, query or b"", *elsewhere]), (
            "refused though no key leaves"
        )


def _check_octets(raw: bytes, head: RequestHead, presented: Presented) -> None:
    """Judge the bytes themselves, without the parser that read the request."""
    assert raw.endswith(b"\r\n\r\n")
    lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert not any(CONTROL.search(line.replace(b"\t", b"")) for line in lines), "a control character leaves"
    if is_well_formed(presented.key):  # no other is known to a gateway; one of a single letter would be anywhere
        assert presented.key not in raw, "the key leaves"
    names = [line.partition(b":")[0].lower() for line in lines[1:]]
    framings = [name for name in names if name in FRAMING]
    assert len(framings) == (head.chunked or head.length is not None), "the framing isn't the one that came"
    assert names.count(b"host") == 1
    assert names.count(b"authorization") <= 1
    assert not any(STAYS_HERE.fullmatch(name) for name in names), "a field leaves that has to stay here"


def _check_meaning(again: RequestHead, head: RequestHead, presented: Presented, injection: Injection | None) -> None:
    assert again.method == head.method
    assert (again.length, again.chunked, again.has_body) == (head.length, head.chunked, head.has_body)
    assert (again.is_1_1, again.known[b"host"]) == (True, HOST)
    dropped = set(presented.fields)
    credential: list[bytes] = []
    if injection is not None and injection.lines is not None and injection.slot is not None:
        dropped.add(injection.slot)
        if injection.slot == b"authorization":  # it is read, not passed on
            assert again.known[injection.slot] == b"Bearer " + SECRET.encode()
        else:
            credential = [injection.lines.octets]
    elif injection is not None:
        assert b"authorization" not in again.known, "the caller's Authorization leaves beside the credential"
    kept = [line for line in head.fields if line and name_of(line) not in dropped]
    assert [line for line in again.fields if line] == kept + credential


def _check_target(
    target: bytes, path: bytes, query: bytes | None, presented: Presented, injection: Injection | None
) -> None:
    sent, mark, parameters = target.partition(b"?")
    assert sent == path
    if injection is not None and injection.parameter is not None and injection.pairs:
        name = injection.parameter.decode()
        mine = [pair for pair in _pairs(parameters) if pair[0] == name]
        assert mine == [(name, SECRET)], "the query holds another credential beside the upstream's"
        assert _others(parameters, name) == _others(query or b"", name)
    elif presented.parameter is None:
        assert (parameters if mark else None) == query


def _others(query: bytes, name: str) -> list[tuple[str, str]]:
    return [pair for pair in _pairs(query) if pair[0] != name]


def _pairs(query: bytes) -> list[tuple[str, str]]:
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
