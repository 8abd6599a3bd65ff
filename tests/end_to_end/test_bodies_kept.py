"""Bodies that an upstream has kept: sealed, redacted, bounded, opened by `exeat audit body`, and plain nowhere."""

import gzip
import hashlib
import json
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from exeat.policy.redact import CODED, HIDDEN, NO_JSON, TOO_LARGE
from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller
from tests.support.recorded import database_of, edit, run_here, wait_for_records

PLAIN = MARKERS.make("plain content of a body")  # what is in a body stands in no file, as no secret does
TOKEN = MARKERS.make("secret of the upstream")
FILLED = {"kind": "body", "name": "key", "secret": TOKEN}
REDACT = ["$.token", "$..password"]


def behave(peer: Peer, request: Request) -> None:  # noqa: C901 - one answer after the other
    """Answer with what the path says of what was sent."""
    body = peer.read_body(request)
    path = request.target.partition("?")[0]
    match path:
        case "/gzip":
            peer.answer(gzip.compress(body), "Content-Encoding: gzip", "Content-Type: application/json")
        case "/br":
            peer.answer(body, "Content-Encoding: br")
        case "/both":
            peer.answer(gzip.compress(body), "Content-Encoding: br", "Content-Encoding: gzip")
        case "/chunked":
            chunks = b"".join(
                b"%x\r\n%b\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)
            )
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        case "/events":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            for number in range(3):
                peer.send(b"data: %d %b\n\n" % (number, PLAIN.encode()))
            peer.drop()
        case "/broken":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + PLAIN.encode())
            peer.drop()
        case "/redirect":
            peer.answer(b"moved: " + PLAIN.encode(), "Location: /echo", status="302 Found")
        case "/secret":
            peer.answer(json.dumps({"seen": request.values("authorization")}).encode())
        case "/nothing":
            peer.answer(status="204 No Content")
        case _:
            peer.answer(body or PLAIN.encode(), "Content-Type: application/json")


class Place(NamedTuple):
    """A gateway whose upstream `kept` has bodies kept, `short` few bytes of them, `json` with paths; `bare` none."""

    gateway: Gateway
    key: MadeKey

    def call(self, target: str, body: bytes = b"", *lines: str, method: str = "POST") -> str:
        """Make a call; the id of its exchange."""
        return str(self.answer(target, body, *lines, method=method).field("exeat-request-id"))

    def answer(self, target: str, body: bytes = b"", *lines: str, method: str = "POST") -> Answer:
        """Make a call."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, target, f"Exeat-Key: {self.key.key}", *lines, body=body)

    def kept(self, identifier: str, side: str) -> tuple[JsonObject, bytes]:
        """What `exeat audit body` prints of one: what is known of it, and its content."""
        code, errors, content = self.body(identifier, side)
        assert code == 0, errors
        about = json.loads(errors)
        assert about["side"] == side
        return about, content

    def body(self, identifier: str, side: str) -> tuple[int, str, bytes]:
        """Run `exeat audit body`, when the record is in the database; its exit code, errors and output."""
        wait_for_records(self.gateway.folder, identifier)
        return show(self.gateway.folder, identifier, side)

    def record(self, identifier: str) -> JsonObject:
        """The record of an exchange."""
        records = wait_for_records(self.gateway.folder, identifier)
        return next(record for record in records if record["id"] == identifier)


def show(folder: Path, identifier: str, side: str) -> tuple[int, str, bytes]:
    """Run `exeat audit body`; its content may hold what mustn't be in a file."""
    result = run_here(folder, "audit", "body", identifier, "--side", side, opens=True)
    return result.returncode, result.stderr, result.stdout.encode("utf-8", "surrogateescape")


@contextmanager
def running() -> Iterator[Place]:
    """A running gateway."""
    key = make_key()
    with Origin(behave) as origin:
        credential = {"kind": "bearer", "secret": TOKEN}
        sizes = {"request": "4KiB", "response": "4KiB"}
        document = {
            "upstreams": {
                "kept": origin.entry(credential=credential, follow_redirects=2, bodies=sizes),
                "json": origin.entry(credential=credential, hosts=["json.test"], bodies={**sizes, "redact": REDACT}),
                "deep": origin.entry(hosts=["deep.test"], bodies={**sizes, "redact": ["$.token"]}),
                "filled": origin.entry(hosts=["filled.test"], credential=FILLED, bodies=sizes),
                "short": origin.entry(hosts=["short.test"], bodies={"response": 100}),
                "bare": origin.entry(hosts=["bare.test"]),
            },
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document) as gateway:
            yield Place(gateway, key)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A running gateway."""
    with running() as place:
        yield place


def test_a_credential_in_the_body(place: Place) -> None:
    """What is kept of a request is what the caller sent; the credential that left in it isn't there, nor its echo."""
    sent = json.dumps({"text": PLAIN, "key": "mine"}).encode()
    identifier = place.call("/filled/echo", sent, "Content-Type: application/json")
    assert place.kept(identifier, "request")[1] == sent
    assert TOKEN.encode() not in place.kept(identifier, "response")[1]


def test_both_sides(place: Place) -> None:
    """Request and response are kept as they were, with type and size; the record has the SHA-256 of what is kept."""
    sent = json.dumps({"text": PLAIN, "ä": 1}).encode()
    identifier = place.call("/kept/echo", sent, "Content-Type: application/json")
    for side in ("request", "response"):
        about, content = place.kept(identifier, side)
        assert content == sent
        kind = "application/json"
        assert about == {"side": side, "type": kind, "size": len(sent), "cut": False, "omitted": None}
    bodies = place.record(identifier)["bodies"]
    assert isinstance(bodies, dict)
    with closing(sqlite3.connect(database_of(place.gateway.folder))) as connection:
        rows = connection.execute("SELECT side, sealed FROM bodies WHERE id = ?", [identifier]).fetchall()
    assert {side: hashlib.sha256(sealed).hexdigest() for side, sealed in rows} == bodies
    assert set(bodies) == {"request", "response"}


@pytest.mark.parametrize("way", ["/chunked", "/gzip", "/echo"])
@pytest.mark.parametrize("chunked", [False, True])
def test_however_it_is_framed_or_coded(place: Place, way: str, chunked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Chunks leave no trace in what is kept, and gzip is undone."""
    sent = json.dumps([PLAIN] * 20).encode()
    if chunked:
        with RawCaller(place.gateway.port) as caller:
            head = f"POST /kept{way} HTTP/1.1\r\nHost: gateway\r\nExeat-Key: {place.key.key}\r\n"
            caller.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(sent), 100):
                part = sent[at : at + 100]
                caller.send(b"%x\r\n%b\r\n" % (len(part), part))
            caller.send(b"0\r\n\r\n")
            identifier = str(caller.read().field("exeat-request-id"))
    else:
        identifier = place.call(f"/kept{way}", sent)
    assert place.kept(identifier, "request")[1] == sent
    about, content = place.kept(identifier, "response")
    assert content == sent
    assert (about["cut"], about["omitted"]) == (False, None)
    assert about["size"] == (len(gzip.compress(sent)) if way == "/gzip" else len(sent))


@pytest.mark.parametrize("way", ["/br", "/both"])
def test_a_coding_that_cannot_be_undone(place: Place, way: str) -> None:
    """A body in an unknown coding, or in two, isn't kept, and why not is."""
    identifier = place.call(f"/kept{way}", b"content")
    about, content = place.kept(identifier, "response")
    assert (content, about["omitted"]) == (b"", CODED)


def test_what_is_listed_is_taken_out(place: Place) -> None:
    """What stands at a listed path is in neither side."""
    sent = {"token": PLAIN, "user": {"password": PLAIN, "name": "ada"}, "list": [{"password": [PLAIN]}]}
    identifier = place.call("/json/echo", json.dumps(sent).encode())
    left = {
        "token": "[redacted]",
        "user": {"password": "[redacted]", "name": "ada"},
        "list": [{"password": "[redacted]"}],
    }
    assert json.loads(place.kept(identifier, "request")[1]) == left
    assert json.loads(place.kept(identifier, "response")[1]) == left


def test_json_too_deep_to_be_looked_into(place: Place) -> None:
    """An answer that nobody can look into is relayed and recorded all the same, and not kept."""
    sent = b'{"a":' + b"[" * 600 + b"]" * 600 + b"}"
    answer = place.answer("/deep/echo", sent)
    assert answer.body == sent
    about, content = place.kept(str(answer.field("exeat-request-id")), "response")
    assert (content, about["omitted"]) == (b"", NO_JSON)


def test_more_than_the_limit(place: Place) -> None:
    """A body beyond the limit is cut; with paths to take out it is left out, and the caller has all of it."""
    sent = json.dumps([PLAIN] * 1000).encode()
    answer = place.answer("/kept/echo", sent)
    assert answer.body == sent
    about, content = place.kept(str(answer.field("exeat-request-id")), "response")
    assert (about["size"], about["cut"], about["omitted"]) == (len(sent), True, None)
    assert sent.startswith(content)
    assert 3500 < len(content) <= 4096
    about, content = place.kept(place.call("/json/echo", sent), "response")
    assert (about["cut"], about["omitted"], content) == (True, TOO_LARGE, b"")
    identifier = place.call("/short/echo", sent)
    assert len(place.kept(identifier, "response")[1]) <= 100
    assert place.body(identifier, "request")[0] == 2


def test_streams_and_answers_that_break_off(place: Place) -> None:
    """Of a stream, and of an answer that breaks off, what came is kept."""
    stream = place.answer("/kept/events", method="GET")
    about, content = place.kept(str(stream.field("exeat-request-id")), "response")
    assert content == b"".join(b"data: %d %b\n\n" % (number, PLAIN.encode()) for number in range(3))
    assert about["type"] == "text/event-stream"
    broken = place.answer("/kept/broken", method="GET")
    assert not broken.complete
    assert place.kept(str(broken.field("exeat-request-id")), "response")[1] == PLAIN.encode()
    assert place.record(str(broken.field("exeat-request-id")))["outcome"] == "failed"


def test_a_redirect_that_is_followed(place: Place) -> None:
    """Of an exchange that followed a redirect, the last answer is kept: the redirect's own content isn't."""
    identifier = place.call("/kept/redirect", method="GET")
    assert place.kept(identifier, "response")[1] == PLAIN.encode()


def test_the_envelope(place: Place) -> None:
    """The calls of an envelope are kept as the upstream saw them."""
    call = {"upstream": "kept", "method": "POST", "path": "/echo", "json": {"text": PLAIN}}
    answer = json.loads(place.answer("/-/call", json.dumps(call).encode()).body)
    identifier = answer["meta"]["request_id"]
    assert json.loads(place.kept(identifier, "request")[1]) == {"text": PLAIN}
    assert json.loads(place.kept(identifier, "response")[1]) == {"text": PLAIN}


def test_secrets_and_keys(place: Place) -> None:
    """What the upstream says of its own secret, or a caller of a key, is taken out of what is kept."""
    identifier = place.call("/kept/secret", method="GET")
    assert place.kept(identifier, "response")[1] == b'{"seen": ["Bearer [redacted]"]}'
    key = place.key.key
    identifier = place.call("/kept/echo", f"my key is {key}.".encode())
    assert place.kept(identifier, "request")[1] == b"my key is exeat_?."
    identifier = place.call("/kept/echo", f"my key is {key.encode().hex()}".encode())
    about, content = place.kept(identifier, "response")
    assert (about["omitted"], content) == (HIDDEN, b"")


def test_nothing_to_keep(place: Place) -> None:
    """No body, no bodies wanted, or an answer of the gateway's own: then nothing is kept, and that is said."""
    own = place.answer("/kept/a", b"x", "Exeat-Timeout: never")
    cases = [(place.call("/kept/nothing", method="GET"), "request"), (place.call("/bare/echo", b"x"), "response")]
    for identifier, side in [*cases, (str(own.field("exeat-request-id")), "response")]:
        assert place.record(identifier)["bodies"] is None
        code, errors, content = place.body(identifier, side)
        assert (code, content) == (2, b"")
        assert errors == f"exeat: no {side} body of {identifier} was kept; an upstream's `bodies` say what is\n"


def test_a_body_that_is_gone_or_changed(place: Place, tmp_path: Path) -> None:
    """A body whose time is over, that was exchanged, or whose keyring is lost: one sentence each, and no content."""
    first, second = (place.call("/kept/echo", f"{PLAIN} {name}".encode()) for name in ("one", "two"))
    wait_for_records(place.gateway.folder, first, second)
    data = place.gateway.folder / "exeat-data"
    shutil.copytree(data, tmp_path / "exeat-data", ignore=shutil.ignore_patterns("journal", "*.sock"))
    database = database_of(tmp_path)
    (tmp_path / "exeat-data" / "keyring").rename(tmp_path / "keyring")
    code, errors, content = show(tmp_path, first, "response")
    assert (code, content) == (1, b"")
    assert errors.startswith(f"exeat: There is no keyring in {tmp_path / 'exeat-data'} yet")
    (tmp_path / "keyring").rename(tmp_path / "exeat-data" / "keyring")
    exchange = "UPDATE bodies SET sealed = (SELECT sealed FROM bodies WHERE id = ? AND side = 'response') WHERE id = ?"
    edit(database, exchange, second, first)
    code, errors, content = show(tmp_path, first, "response")
    assert (code, content) == (1, b"")
    assert errors == f"exeat: the response body of {first} isn't the one that was recorded: it was exchanged\n"
    edit(database, "DELETE FROM bodies WHERE id = ?", second)
    code, errors, content = show(tmp_path, second, "response")
    assert (code, content) == (2, b"")
    assert errors == f"exeat: the response body of {second} is gone: the time for which it was kept is over\n"
    code, errors, content = show(tmp_path, secrets.token_hex(8), "response")
    assert (code, content) == (2, b"")
    assert run_here(tmp_path, "audit", "verify").returncode == 0


def test_nothing_is_captured_unless_it_is_wanted() -> None:
    """Without `bodies` no keyring is made and no body is written."""
    key = make_key()
    with Origin(behave) as origin:
        document = {
            "upstreams": {"api": origin.entry()},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with Gateway(document) as gateway:
            identifier = Place(gateway, key).call("/api/echo", b"content")
            [record] = [one for one in wait_for_records(gateway.folder, identifier) if one["id"] == identifier]
            assert record["bodies"] is None
            assert not (gateway.folder / "exeat-data" / "keyring").exists()
            with closing(sqlite3.connect(database_of(gateway.folder))) as connection:
                assert connection.execute("SELECT count(*) FROM bodies").fetchone() == (0,)
