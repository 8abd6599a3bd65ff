"""An upstream whose redirects are followed, over TLS and to another origin, by a real gateway."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from exeat.errors import Code
from tests.support.access import access_line, attempts_of
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import RawCaller

SECRET = "marker-secret-of-the-api"
BAD = {
    "http://169.254.169.254/latest/meta-data/": Code.TARGET_NOT_ALLOWED,
    "http://listed.invalid/": Code.DNS_FAILED,
    "https://localhost/": Code.PORT_NOT_ALLOWED,
    "http://metadata.google.internal/": Code.ADDRESS_BLOCKED,
    "//user@localhost/": Code.UPSTREAM_MALFORMED,
}


class Place(NamedTuple):
    """The gateway, the API that redirects, the file store, and a key."""

    gateway: Gateway
    api: Origin
    files: Origin
    key: MadeKey


@pytest.fixture(scope="module")
def place(authority: Authority) -> Iterator[Place]:
    """An API over TLS that redirects to a file store, which is a destination."""
    key = make_key()

    def redirect(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        where = request.target.removeprefix("/to?")
        target = f"http://localhost:{files.port}/file" if where == "files" else where
        if where == request.target:
            peer.answer(request.raw)
        else:
            peer.answer(b"away", f"Location: {target}", status="302 Found")

    with Origin() as files, Origin(redirect, authority.server_context()) as api:
        private = ["127.0.0.0/8", "::1/128"]
        document = {
            "upstreams": {
                "api": api.entry(authority.file, follow_redirects=2, credential={"kind": "bearer", "secret": SECRET})
            },
            "destinations": [
                {"host": f"localhost:{files.port}", "private": private, "plaintext": True},
                {"host": "listed.invalid", "plaintext": True},
                {"host": "metadata.google.internal", "private": private, "plaintext": True},
            ],
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document) as gateway:
            yield Place(gateway, api, files, key)


def test_to_a_destination(place: Place) -> None:
    """The file store gets the caller's request without the credential, and its answer is the caller's."""
    with RawCaller(place.gateway.port) as caller:
        answer = caller.call("GET", "/api/to?files", f"Exeat-Key: {place.key.key}", "Accept: a/b", "Cookie: a=1")
    assert answer.status == 200
    seen = answer.body.decode()
    assert seen.startswith("GET /file HTTP/1.1\r\n")
    assert "Accept: a/b" in seen
    assert SECRET not in seen
    assert "Cookie" not in seen
    assert place.api.requests[-1].values("authorization") == [f"Bearer {SECRET}"]
    line = access_line(place.gateway, answer.field("exeat-request-id"))
    assert (line["path"], line["upstream"], len(attempts_of(line))) == ("/to", "api", 2)


def test_within_the_upstream(place: Place) -> None:
    """A hop within the upstream goes over TLS and carries the credential."""
    with RawCaller(place.gateway.port) as caller:
        answer = caller.call("GET", "/api/to?/there", f"Exeat-Key: {place.key.key}")
    assert answer.status == 200
    assert place.api.requests[-1].target == "/there"
    assert place.api.requests[-1].values("authorization") == [f"Bearer {SECRET}"]


@pytest.mark.parametrize(("location", "code"), BAD.items())
def test_to_a_bad_place(place: Place, location: str, code: Code) -> None:
    """A redirect to a place that may not be called has the code of such a call."""
    with RawCaller(place.gateway.port) as caller:
        answer = caller.call("GET", f"/api/to?{location}", f"Exeat-Key: {place.key.key}")
    check_problem(answer, code, "api")
    assert access_line(place.gateway, answer.field("exeat-request-id"))["error"] == code


def test_in_an_envelope(place: Place) -> None:
    """The calls of an envelope follow redirects too."""
    body = json.dumps({"upstream": "api", "path": "/to?files"}).encode()
    with RawCaller(place.gateway.port) as caller:
        answer = caller.call("POST", "/-/call", f"Exeat-Key: {place.key.key}", body=body)
    assert json.loads(answer.body)["status"] == 200
    assert place.files.requests[-1].target == "/file"
