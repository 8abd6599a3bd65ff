"""A Host or a path that names an upstream: it is that upstream's address that is dialled, or nothing."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.addresses import spellings, world
from tests.addresses.entrances import envelope
from tests.addresses.spellings import Spelling
from tests.support.dialled import Asked, StubNames, Watched
from tests.support.transports import run

PLACE = ("93.184.215.14", 80)  # of the upstream that is called `plain`
HOST_FIELD = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")  # RFC 9112 §3.2
DECLARED = {"plain.gateway.example", "plain.gateway.internal", "plain.localhost"}
OTHERS = ("known.gateway.example", "gateway.internal", "evil.plain.gateway.internal", "plain.evil.test", "plain")
PIECES = (
    *("/", "//", "\\", "/\\", "@", ":", ":80", ".", "..", "/..", "/.", ";", "#", "?", "%2f", "%5c", "%2e", "%2e%2e"),
    *("%252e", "%00", "evil.test", "http://evil.test", "169.254.169.254", "[::1]", "p", "\0", "\t", "\n", " ", "é"),
)
paths = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)


def ask(*requests: bytes) -> list[Asked]:
    """What comes of requests, each over a connection of its own."""

    async def converse() -> list[Asked]:
        found = []
        async with Watched(world.snapshot(), None, StubNames({"plain.example.com": [PLACE[:1]]})) as watched:
            for request in requests:
                found.append(await watched.ask(request))
                watched.drop_connections()
        return found

    return run(converse())


@given(
    host=spellings.hosts(st.sampled_from([*DECLARED, *OTHERS])) | spellings.names(st.sampled_from(sorted(DECLARED))),
    port=st.sampled_from([*spellings.GOOD_PORTS, *spellings.BAD_PORTS]),
)
def test_any_host_names_its_upstream_or_none(host: Spelling, port: str) -> None:
    """Only a declared host in ASCII, in any case and at any port, is its upstream; the rest is refused."""
    text = (host.text + port).strip(" \t")
    [asked] = ask(b"GET /p HTTP/1.1\r\nHost: %b\r\n" % text.encode() + world.LINE)
    if not HOST_FIELD.fullmatch(text):
        assert asked.outcome == (400, "malformed-request")
    elif text.partition(":")[0].lower() in DECLARED:
        assert asked.outcome == (200, None)
        assert asked.dialled == [PLACE]
        assert asked.sent == [b"GET /p HTTP/1.1\r\nHost: plain.example.com\r\n\r\n"]
        return
    else:
        assert asked.outcome == (404, "upstream-unknown")
    assert asked.dialled == []


@given(path=paths)
def test_no_path_leads_off_its_upstream(path: str) -> None:
    """Whatever stands in a path, behind an upstream's name or in an envelope, the upstream's own address is dialled."""
    behind, *inside = ask(
        b"GET /plain%b HTTP/1.1\r\nHost: gw.test\r\n" % path.encode() + world.LINE,
        envelope({"upstream": "plain", "path": path}, world.LINE),
        envelope({"upstream": "plain", "path": "/" + path}, world.LINE),
    )
    for asked in (behind, *inside):
        if asked.dialled:
            assert asked.dialled == [PLACE]
            assert re.match(rb"GET /[!-~]* HTTP/1\.1\r\nHost: plain\.example\.com\r\n", asked.sent[0])
            assert asked.outcome == (200, None)
        else:
            assert asked.outcome[1] in {"malformed-request", "malformed-target", "envelope-invalid", "upstream-unknown"}
    assert (behind.outcome[1] == "malformed-request") is bool(re.search(rb"[^!-~]|#", path.encode()))
    assert inside[0].dialled == [] or path.startswith(("/", "?"))
