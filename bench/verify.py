"""Checks, once for each peer before it is measured, that it does the work that the others do."""

import json
from collections.abc import Iterator

from calls import get
from peers import Peer
from processes import RunFailed, wait_until
from testbed import BODIES, LOADED, Route, Testbed, random_word
from upstream import TLS_CIPHER, TLS_VERSION

_OK = 200
_REFUSED = (401, 403)
_BAD_GATEWAY = (502, 503)


def verify(testbed: Testbed, peer: Peer) -> None:
    """RunFailed with every promise that the peer breaks."""
    broken = [
        *_credential_swapped_under_load(testbed, peer),
        *_key_gone_from_whole_head(testbed, peer),
        *_wrong_key_refused(testbed, peer),
        *_false_upstreams_refused(testbed, peer),
        *_line_written(testbed, peer),
    ]
    if broken:
        raise RunFailed(f"{peer.name} does not do the same work:\n  " + "\n  ".join(broken))


def _credential_swapped_under_load(testbed: Testbed, peer: Peer) -> Iterator[str]:
    """On the very routes that are measured, as the upstream saw it."""
    for route in LOADED:
        answer = get(testbed, peer.target(route), "/seen", testbed.key)
        if answer.status != _OK:
            yield f"{route}: status {answer.status}: {answer.body[:300]!r}"
            continue
        expected = {
            "authorization": f"Bearer {testbed.credential}",
            "host": f"localhost:{testbed.upstream_ports[route]}",
            "id": "one-call",
            "tls": f"{TLS_VERSION} {TLS_CIPHER}" if route == "tls" else " ",
        }
        seen = json.loads(answer.body)
        yield from (
            f"{route}: upstream saw {name} = {seen[name]!r}, not {value!r}"
            for name, value in expected.items()
            if seen[name] != value
        )


def _key_gone_from_whole_head(testbed: Testbed, peer: Peer) -> Iterator[str]:
    for route in BODIES:
        answer = get(testbed, peer.target(route), "/echo", testbed.key)
        head = answer.body.decode("latin-1")
        if answer.status != _OK or head.count(testbed.credential) != 1 or testbed.key in head:
            yield f"{route}: status {answer.status}, upstream saw {head!r}"


def _wrong_key_refused(testbed: Testbed, peer: Peer) -> Iterator[str]:
    # Another letter, not the same in another case: nginx's map can't tell those apart.
    other = testbed.key[:-1] + ("A" if testbed.key[-1] not in "aA" else "B")
    answer = get(testbed, peer.target("plain"), "/v1/items/1", other)
    if answer.status not in _REFUSED:
        yield f"a wrong key got {answer.status}"


def _false_upstreams_refused(testbed: Testbed, peer: Peer) -> Iterator[str]:
    routes: tuple[Route, ...] = ("wrong-name", "wrong-issuer")
    for route in routes:
        answer = get(testbed, peer.target(route), "/v1/items/1", testbed.key)
        if answer.status not in _BAD_GATEWAY:
            yield f"an upstream with {route} got through: {answer.status}"


def _line_written(testbed: Testbed, peer: Peer) -> Iterator[str]:
    path = f"/v1/items/{random_word(12)}"
    get(testbed, peer.target("tls"), path, testbed.key)
    wait_until(f"{peer.name}: an access line", lambda: _line_with(peer, path) is not None)
    line = _line_with(peer, path) or ""
    if peer.ok_mark.decode() not in line or not isinstance(json.loads(line), dict):
        yield f"the access line is not JSON with a status of 200: {line!r}"
    if testbed.key in line or testbed.credential in line:
        yield f"a secret is in the access line: {line!r}"


def _line_with(peer: Peer, path: str) -> str | None:
    lines = peer.access_log.read_text().splitlines(keepends=True)
    return next((line for line in lines if path in line and line.endswith("\n")), None)
