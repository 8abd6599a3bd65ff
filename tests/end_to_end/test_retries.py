"""Upstreams that fail now and then, over real sockets and TLS: callers don't see it, and nothing is counted twice."""

import concurrent.futures
import threading
import time
from collections import Counter

import pytest

from tests.end_to_end.test_limits import Place, limited
from tests.support.access import attempts_of
from tests.support.certificates import Authority
from tests.support.origins import Behaviour, Peer, Request
from tests.support.raw_caller import RawCaller

QUICK: dict[str, object] = {"backoff": "10ms", "backoff_limit": "20ms"}
BODY = bytes(range(256)) * 256  # 64 KiB, as much as is kept


class Moody:
    """Fails each call once, in one of the ways that there are, and then answers with its body."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seen: Counter[str] = Counter()

    def __call__(self, peer: Peer, request: Request) -> None:
        """Fail the first call of a path."""
        with self._lock:
            self.seen[request.target] += 1
            is_first = self.seen[request.target] == 1
        if not is_first:
            peer.answer(peer.read_body(request))
            return
        match request.target.split("/")[1]:
            case "busy":
                peer.read_body(request)
                peer.answer(b"not now", status="503 Service Unavailable")
            case "late":
                peer.read_body(request)
                peer.answer(b"not now", "Retry-After: 1", status="429 Too Many Requests")
            case "closed":
                peer.read_body(request)
                peer.close()
            case "reset":
                peer.reset()
            case "early":
                peer.answer(b"not now", status="503 Service Unavailable")  # its body isn't read
                peer.drop()
            case _:
                peer.read_exactly(1000)
                peer.drop()


def call(place: Place, target: str, body: bytes, method: str = "PUT") -> tuple[int, bytes]:
    """A call on a connection of its own."""
    with RawCaller(place.gateway.port) as caller:
        answer = caller.call(method, target, f"Exeat-Key: {place.key.key}", body=body)
        return answer.status, answer.body


@pytest.mark.parametrize("way", ["busy", "late", "closed", "reset", "early", "halfway"])
def test_calls_that_fail_at_first(authority: Authority, way: str) -> None:
    """Whatever way each first attempt fails in, the caller has the answer to the second, with the whole of its body."""
    moody = Moody()
    # A pause that is asked for concerns all calls unless it is ignored; here each call is to meet it.
    upstream: dict[str, object] = {"retries": QUICK, "circuit": "off", "provider": {"mode": "ignore"}}
    with limited(authority, [], upstream=upstream) as place, place.origin.doing(moody):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda n: call(place, f"/api/{way}/{n}", BODY), range(20)))
        assert answers == [(200, BODY)] * 20
        assert set(moody.seen.values()) == {2}
        lines = place.gateway.access_lines(20)
        retries = [[one["retry"] for one in attempts_of(line)] for line in lines]
        for *before, last in retries:  # more than one before it, where a kept connection had been closed
            assert last is None
            assert before
            assert all(str(reason).startswith("again ") for reason in before)
        assert {line["bytes_in"] for line in lines} == {len(BODY)}


def test_a_post_without_a_key_is_sent_once(authority: Authority) -> None:
    """What may do something twice reaches the upstream once, and the caller has its answer."""
    moody = Moody()
    with limited(authority, [], upstream={"retries": QUICK}) as place, place.origin.doing(moody):
        assert call(place, "/api/busy/1", BODY, "POST") == (503, b"not now")
        assert moody.seen["/busy/1"] == 1


def test_a_post_with_a_key(authority: Authority) -> None:
    """Where the upstream honours a key, a POST is sent twice with the same one."""
    retries = {**QUICK, "idempotency_key": True}
    with limited(authority, [], upstream={"retries": retries}) as place, place.origin.doing(Moody()):
        assert call(place, "/api/closed/1", BODY, "POST") == (200, BODY)
        keys = [request.values("idempotency-key") for request in place.origin.requests]
        assert keys[0] == keys[1]
        assert len(keys[0]) == 1


def test_a_call_is_counted_once(authority: Authority) -> None:
    """However often a call was tried, it is one of a quota, and has its price once."""
    limits: list[dict[str, object]] = [{"quota": "100/day"}, {"budget": "100 USD/day", "price": "1 USD"}]
    upstream: dict[str, object] = {"retries": QUICK, "circuit": "off"}
    with limited(authority, limits, upstream=upstream) as place, place.origin.doing(Moody()):
        for number in range(5):
            assert call(place, f"/api/busy/{number}", b"x") == (200, b"x")
        quota, budget = place.whoami()
        assert quota["remaining"] == 95
        assert str(budget["remaining"]).startswith("95")


def close_after_one(peer: Peer, request: Request) -> None:
    """Answer, and close the connection without saying so, as a server does that restarts."""
    peer.answer(peer.read_body(request))
    time.sleep(0.002)  # so that another call may have taken the connection
    peer.drop()


def test_kept_connections_that_die(authority: Authority) -> None:
    """An upstream that closes kept connections at any moment costs no idempotent call."""
    behaviour: Behaviour = close_after_one
    with limited(authority, [], upstream={"retries": QUICK, "circuit": "off"}) as place, place.origin.doing(behaviour):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: call(place, f"/api/{n}", b"x"), range(200)))
        assert answers == [(200, b"x")] * 200


def fail(peer: Peer, request: Request) -> None:
    """Never answer anything but 503."""
    peer.read_body(request)
    peer.answer(b"", status="503 Service Unavailable")


def test_what_fails_is_not_hit_harder(authority: Authority) -> None:
    """Where every call fails, retries stay within the budget: a fifth of the calls, or 3 a second."""
    with limited(authority, [], upstream={"retries": QUICK, "circuit": "off"}) as place, place.origin.doing(fail):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: call(place, f"/api/{n}", b"")[0], range(300)))
        assert answers == [503] * 300
        assert 300 < len(place.origin.requests) <= 300 + 60
        reasons = {str(attempts_of(line)[-1]["retry"]) for line in place.gateway.access_lines(300)}
        assert "not again: the retry budget is spent" in reasons
