"""Upstreams that fail and then don't: what another attempt makes good, and what has to be left as it is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.stand import Act, Stand, ask
from tests.faults.table import QUICK_S, RECOVERING, Recovery
from tests.support.certificates import Authority
from tests.support.forge import issue, server, write
from tests.support.gateway import Gateway, JsonObject, make_key
from tests.support.origins import Behaviour, Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.programs import free_port
from tests.support.raw_caller import Answer, RawCaller

KEPT = b"k" * 20_000
TOO_LARGE = b"l" * 200_000
PRIVATE = {"network": {"private": ["127.0.0.0/8"]}}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def fine(peer: Peer, request: Request) -> None:
    """Answer with what came."""
    peer.answer(peer.read_body(request))


def closes(peer: Peer, request: Request) -> None:
    """Take it all, and go."""
    peer.read_body(request)
    peer.close()


def resets(peer: Peer, request: Request) -> None:
    """Take it all, and go rudely."""
    peer.read_body(request)
    peer.reset()


def silent(peer: Peer, request: Request) -> None:
    """Never answer."""
    del request
    assert peer.has_ended()


def fails_with(status: str, *lines: str) -> Behaviour:
    """Answer that something is wrong."""

    def behave(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        peer.answer(b"not now", *lines, status=status)

    return behave


class Once:
    """Do something wrong the first time, and nothing after."""

    def __init__(self, wrong: Callable[..., None], then: Callable[..., None]) -> None:
        self._wrong = wrong
        self._then = then
        self._had = threading.Event()

    def __call__(self, *arguments: object) -> None:
        """Behave."""
        if self._had.is_set():
            self._then(*arguments)
        else:
            self._had.set()
            self._wrong(*arguments)


def closes_when_reused() -> Behaviour:
    """Answer the first request of a connection, and close at its second."""
    served: set[int] = set()

    def behave(peer: Peer, request: Request) -> None:
        (closes if id(peer) in served else fine)(peer, request)
        served.add(id(peer))

    return behave


def method(name: str, *lines: str, body: bytes = b"") -> Act:
    """Call with another method, and see that the upstream got the body."""

    def act(caller: RawCaller, target: str, line: str) -> Answer:
        answer = caller.call(name, target, line, *lines, body=body)
        assert answer.body == body or answer.status != 200
        return answer

    return act


def after_another(act: Act) -> Act:
    """Call once before, so that there is a connection to use again."""

    def again(caller: RawCaller, target: str, line: str) -> Answer | None:
        assert caller.call("GET", target, line).status == 200
        return act(caller, target, line)

    return again


class Ways:
    """The upstreams of the document, and how each is called."""

    def __init__(self, folder: Path, origins: ExitStack) -> None:
        self._origins = origins
        self._authority = Authority(folder)
        self._context = self._authority.server_context()
        unknown = issue("stranger", by=None, names=["127.0.0.1"])
        self._forged = server(write(unknown, folder / "stranger.pem"))
        self.upstreams: dict[str, JsonObject] = {}
        self.acts: dict[str, Act] = {}

    def origin(self, behaviour: Behaviour, **more: Callable[[Peer], None]) -> str:
        """The URL of a server."""
        return self._origins.enter_context(Origin(behaviour, self._context, **more)).url

    def untrusted(self) -> str:
        """The URL of a server whose certificate says nothing."""
        return self._origins.enter_context(Origin(fine, self._forged)).url

    def add(self, name: str, *urls: str, act: Act = ask, **more: object) -> None:
        """An upstream with endpoints, the first of which goes first."""
        endpoints = [{"url": url, "priority": place} for place, url in enumerate(urls)]
        tls = {"ca": str(self._authority.file)}
        self.upstreams[name] = {
            "endpoints": endpoints,
            "tls": tls,
            "circuit": "off",
            "retries": {"limit": 2, "backoff": "10ms"},
            **PRIVATE,
            **more,
        }
        self.acts[name] = act


def nobody() -> str:
    """The URL of a port where nobody listens."""
    return f"https://127.0.0.1:{free_port()}"


def ways_of(folder: Path, origins: ExitStack) -> Ways:
    """How each row is brought about."""
    ways = Ways(folder, origins)
    once, origin = Once, ways.origin
    ways.add("closes-once", origin(once(closes, fine)))
    ways.add("resets-once", origin(once(resets, fine)))
    ways.add("unavailable-once", origin(once(fails_with("503 Service Unavailable"), fine)))
    ways.add("busy-once", origin(once(fails_with("429 Too Many Requests", "Retry-After: 0"), fine)))
    ways.add("busy", origin(fails_with("429 Too Many Requests")))
    ways.add("unwilling", origin(fails_with("503 Service Unavailable", "x-should-retry: false")))
    ways.add("post-closes-once", origin(once(closes, fine)), act=method("POST", body=b"an order"))
    keyed = method("POST", "Idempotency-Key: 1", body=b"an order")
    ways.add("post-with-key", origin(once(closes, fine)), act=keyed)
    ways.add("put-kept", origin(once(closes, fine)), act=method("PUT", body=KEPT))
    ways.add("put-too-large", origin(once(closes, fine)), act=method("PUT", body=TOO_LARGE))
    ways.add("reused-closes", origin(closes_when_reused()), act=after_another(ask))
    reposted = after_another(method("POST", body=b"an order"))
    ways.add("reused-closes-post", origin(closes_when_reused()), act=reposted)
    ways.add("first-refuses", nobody(), origin(fine))
    ways.add("first-untrusted", ways.untrusted(), origin(fine))
    ways.add("first-silent", origin(silent), origin(fine), timeout={"response": f"{QUICK_S:g}s"})
    ways.add("post-elsewhere", nobody(), origin(fine), act=method("POST", body=b"an order"))
    ways.add("never-there", nobody())
    ways.add("variously", nobody(), origin(closes), retries={"limit": 1, "backoff": "10ms"})
    return ways


class Place(NamedTuple):
    """A running gateway, and how its upstreams are called."""

    stand: Stand
    acts: dict[str, Act]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One gateway for all of it."""
    key = make_key()
    with ExitStack() as origins:
        ways = ways_of(Path(tmp_path_factory.mktemp("recovering")), origins)
        web = {"keys": [{"sha256": key.sha256}], "grants": ["*"]}
        with Gateway({"upstreams": ways.upstreams, "consumers": {"web": web}}) as gateway:
            stand = Stand(gateway, key.key)
            yield Place(stand, ways.acts)
            stand.lines.close()


@pytest.mark.parametrize("row", RECOVERING, ids=lambda row: row.name)
def test_recovers(place: Place, row: Recovery) -> None:
    """The attempts of the record are those of the table, and the caller gets what the last of them brought."""
    call = place.stand.call(row.name, place.acts[row.name])
    assert tuple(str(one["error"] or one["status"]) for one in call.attempts) == row.attempts
    assert call.answer is not None
    if row.code is not None:
        check_problem(call.answer, row.code, row.name)
    else:
        assert call.answer.complete
        assert (str(call.answer.status), call.answer.field("exeat-origin")) == (row.attempts[-1], "upstream")
    assert (call.record["error"], call.record["status"]) == (row.code, call.answer.status)
