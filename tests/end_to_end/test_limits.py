"""Limits as a caller meets them: what passes, what is refused and how it is told, what standing in line does."""

import concurrent.futures
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exeat.errors import Code
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import Answer, RawCaller


class Place:
    """A gateway with limits, and the key of a consumer of it."""

    def __init__(self, gateway: Gateway, origin: Origin, key: MadeKey, document: dict[str, Any]) -> None:
        self.gateway = gateway
        self.origin = origin
        self.key = key
        self.document = document

    def call(self, target: str = "/api/x", *fields: str, method: str = "GET") -> Answer:
        """One call on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, target, f"Exeat-Key: {self.key.key}", *fields)

    def whoami(self) -> list[dict[str, object]]:
        """What is left of the limits."""
        found: list[dict[str, object]] = json.loads(self.call("/-/whoami").body)["limits"]
        return found


def behave(peer: Peer, request: Request) -> None:
    """Answer by path: after a while, with a price in a field or in the body."""
    target = request.target
    if target == "/slow":
        time.sleep(0.3)  # so long does one run: the others meet it
        peer.answer(b"slow")
    elif target == "/priced":
        peer.answer(b"{}", "X-Cost: 0.25")
    elif target == "/garbage":
        peer.answer(b"{}", "X-Cost: a lot")
    else:
        peer.answer(b"fine", "X-RateLimit-Remaining: 7")


@contextmanager
def limited(
    authority: Authority, limits: list[dict[str, object]], *, upstream: dict[str, object] | None = None, **more: object
) -> Iterator[Place]:
    """A gateway whose consumer has these limits."""
    key = make_key()
    with Origin(behave, authority.server_context()) as origin:
        document: dict[str, Any] = {
            "upstreams": {"api": origin.entry(authority.file) | (upstream or {})},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"], "limits": limits}},
            **more,
        }
        with Gateway(document) as gateway:
            yield Place(gateway, origin, key, document)


def test_a_rate_is_told_and_kept(authority: Authority) -> None:
    """What is left is told with every answer; what is over the rate is refused, untouched, with the time to wait."""
    with limited(authority, [{"rate": "3/minute"}]) as place:
        answers = [place.call() for _ in range(3)]
        assert [answer.status for answer in answers] == [200] * 3
        assert answers[0].field("RateLimit-Policy") == '"rate";q=3;w=60;qu="requests"'
        assert str(answers[0].field("RateLimit")).startswith('"rate";r=2;t=')
        assert answers[0].field("X-RateLimit-Remaining") == "7"
        refused = place.call()
        problem = check_problem(refused, Code.RATE_LIMITED, "api")
        assert 1 <= int(refused.field("Retry-After") or 0) <= 20
        assert problem["retry_after"] == int(refused.field("Retry-After") or 0)
        assert str(refused.field("RateLimit")).startswith('"rate";r=0;t=')
        assert len(place.origin.requests) == 3
        (left,) = place.whoami()
        assert (left["name"], left["limit"], left["remaining"], left["window_s"]) == ("rate", 3, 0, 60)
        line = place.gateway.access_line(str(problem["request_id"]))
        assert (line["status"], line["error"], line["decision"]) == (429, "rate-limited", "deny")
        assert line["attempts"] == []
        legacy = place.call("/api/x", "Exeat-RateLimit: legacy")
        assert legacy.field("X-RateLimit-Limit") == "3"


def test_limits_of_others_are_not_told(authority: Authority) -> None:
    """What a whole upstream has left says what others do: a refusal says when to come again, and nothing else."""
    with limited(authority, [], upstream={"limits": [{"rate": "1/minute"}]}) as place:
        first, second = place.call(), place.call()
        assert first.status == 200
        assert first.field("RateLimit") is None
        check_problem(second, Code.RATE_LIMITED, "api")
        assert second.field("RateLimit") is None
        assert place.whoami() == []


def test_calls_stand_in_line(authority: Authority) -> None:
    """With `wait`, as many run at once as may, and nobody is refused who can be served in time."""
    with limited(authority, [{"concurrency": 2, "wait": "5s", "queue": 5}]) as place:
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            answers = list(pool.map(lambda _: place.call("/api/slow"), range(9)))
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [*[200] * 7, 429, 429]
        full = next(answer for answer in answers if answer.status == 429)
        check_problem(full, Code.QUEUE_FULL, "api")
    with limited(authority, [{"concurrency": 1, "wait": "200ms"}]) as place:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: place.call("/api/slow"), range(2)))
        late = next(answer for answer in answers if answer.status != 200)
        check_problem(late, Code.QUEUE_TIMEOUT, "api")


def test_report_mode_refuses_nothing(authority: Authority) -> None:
    """What would have been refused is in the record."""
    with limited(authority, [{"rate": "1/minute", "mode": "report"}]) as place:
        answers = [place.call() for _ in range(3)]
        assert [answer.status for answer in answers] == [200] * 3
        lines = [place.gateway.access_line(answer.field("Exeat-Request-Id")) for answer in answers]
        assert [line["decision"] for line in lines] == ["allow", "report", "report"]


def test_what_a_call_costs_is_recorded(authority: Authority) -> None:
    """A price that is known before, one that the answer says, and the reservation where it says nothing usable."""
    price = {"field": "X-Cost", "currency": "USD", "reserve": "0.5 USD"}
    with limited(authority, [], upstream={"price": price}) as place:
        for path, amount in (("/api/priced", "0.25"), ("/api/garbage", "0.5"), ("/api/x", "0.5")):
            line = place.gateway.access_line(place.call(path).field("Exeat-Request-Id"))
            assert line["cost"] == {"amount": amount, "currency": "USD"}
    with limited(authority, [], upstream={"price": "0.005 USD"}) as place:
        line = place.gateway.access_line(place.call().field("Exeat-Request-Id"))
        assert line["cost"] == {"amount": "0.005", "currency": "USD"}


def test_a_change_of_the_document_keeps_what_was_counted(authority: Authority) -> None:
    """A reload resets nothing."""
    with limited(authority, [{"rate": "3/hour"}]) as place:
        assert [place.call().status for _ in range(4)] == [200, 200, 200, 429]
        place.document["consumers"]["web"]["limits"] = [{"rate": "4/hour"}]
        place.gateway.reload(place.document)
        assert place.call().status == 429


def test_an_upstream_that_asks_for_a_pause_gets_one(authority: Authority) -> None:
    """What it would refuse isn't sent: callers are told when to come again, and it goes on by itself."""
    refusing = [True]

    def busy(peer: Peer, request: Request) -> None:
        if refusing[0] and request.target == "/x":
            peer.answer(b"no", "Retry-After: 2", status="429 Too Many Requests")
        else:
            peer.answer(b"fine")

    with limited(authority, [], upstream={"retries": 0}) as place, place.origin.doing(busy):
        first = place.call()
        assert (first.status, first.field("Exeat-Origin")) == (429, "upstream")
        refusing[0] = False
        refused = place.call()
        check_problem(refused, Code.UPSTREAM_COOLING_DOWN, "api")
        assert refused.field("Retry-After") in {"1", "2"}
        assert len(place.origin.requests) == 1
        time.sleep(2.1)  # the pause that the upstream asked for
        assert place.call().status == 200
        refusing[0] = True
    with limited(authority, [], upstream={"retries": 0, "provider": {"wait": "5s"}}) as place, place.origin.doing(busy):
        assert place.call().status == 429
        refusing[0] = False
        began = time.monotonic()
        assert place.call().status == 200
        assert time.monotonic() - began > 1.0
        refusing[0] = True
    with (
        limited(authority, [], upstream={"retries": 0, "provider": {"mode": "ignore"}}) as place,
        place.origin.doing(busy),
    ):
        assert [place.call().field("Exeat-Origin") for _ in range(2)] == ["upstream"] * 2


def test_few_calls_that_are_left_are_not_exceeded(authority: Authority) -> None:
    """As many calls as the upstream says remain are sent, however many come at once."""

    def counting(peer: Peer, request: Request) -> None:
        time.sleep(0.2 if request.target == "/slow" else 0)  # so long is a call under way
        peer.answer(b"fine", "X-RateLimit-Limit: 100", "X-RateLimit-Remaining: 3", "X-RateLimit-Reset: 60")

    with limited(authority, []) as place, place.origin.doing(counting):
        assert place.call().status == 200
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: place.call("/api/slow"), range(8)))
        assert sorted(answer.status for answer in answers) == [*[200] * 3, *[429] * 5]
