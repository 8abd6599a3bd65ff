"""Money: what calls cost is held back before they are made, and settled by what their answers say."""

import concurrent.futures
import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from exeat.errors import Code
from tests.end_to_end.test_limits import Place, limited
from tests.support.certificates import Authority
from tests.support.gateway import make_key
from tests.support.origins import Peer, Request
from tests.support.problems import check_problem

TOKENS = {"json": "$.usage.total_tokens", "factor": 0.001, "currency": "USD", "reserve": "1 USD"}
EVENTS = b'data: {"delta":"a"}\n\ndata: {"usage":{"total_tokens":200}}\n\ndata: [DONE]\n\n'


def metered(peer: Peer, request: Request) -> None:
    """Answer by path: with what was used, in one of the ways in which APIs say it."""
    used = json.dumps({"usage": {"total_tokens": 200}}).encode()
    match request.target:
        case "/json":
            peer.answer(used, "Content-Type: application/json")
        case "/gzip":
            peer.answer(gzip.compress(used), "Content-Type: application/json", "Content-Encoding: gzip")
        case "/events":
            peer.answer(EVENTS, "Content-Type: text/event-stream")
        case "/much":
            peer.answer(b'{"usage":{"total_tokens":2500}}', "Content-Type: application/json")
        case "/garbage":
            peer.answer(b'{"usage":{"total_tokens":"many"}}', "Content-Type: application/json")
        case "/field":
            peer.answer(b"", "X-Cost: 0.2")
        case _:
            peer.answer(b"x" * 100_000)


@contextmanager
def budgeted(authority: Authority, budget: dict[str, object]) -> Iterator[Place]:
    with limited(authority, [budget]) as place, place.origin.doing(metered):
        yield place


def left(place: Place) -> str:
    """What remains of the budget, by the gateway's own word."""
    (budget,) = place.whoami()
    return str(budget["remaining"])


def test_calls_made_at_once_cant_spend_more_than_there_is(authority: Authority) -> None:
    """Exactly as many pass as the budget pays for; the others are told when there is more, and never leave."""
    with budgeted(authority, {"budget": "5 USD/day", "price": "1 USD"}) as place:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: place.call(), range(16)))
        assert sorted(answer.status for answer in answers) == [*[200] * 5, *[402] * 11]
        assert len(place.origin.requests) == 5
        refused = next(answer for answer in answers if answer.status == 402)
        problem = check_problem(refused, Code.BUDGET_EXHAUSTED, "api")
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        assert int(refused.field("Retry-After") or 0) == pytest.approx(
            (midnight - datetime.now(UTC)).total_seconds(), abs=30
        )
        assert place.gateway.access_line(str(problem["request_id"]))["cost"] is None
        assert left(place) == "0"


# By path: what a call is said to cost, and what it costs.
PRICED: dict[str, tuple[dict[str, object], str]] = {
    "/api/json": (TOKENS, "0.2"),
    "/api/gzip": (TOKENS, "0.2"),
    "/api/events": (TOKENS, "0.2"),
    "/api/much": (TOKENS, "2.5"),
    "/api/garbage": (TOKENS, "1"),
    "/api/field": ({"field": "X-Cost", "currency": "USD", "reserve": "1 USD"}, "0.2"),
    "/api/long": ({"megabyte": "2 USD", "reserve": "1 USD"}, "0.2"),
    "/api/x": ({"rules": [{"paths": ["/x"], "price": "0.2 USD"}], "otherwise": "3 USD"}, "0.2"),
}


@pytest.fixture(scope="module")
def priced(authority: Authority) -> Iterator[dict[str, Place]]:
    """One gateway, and a consumer with a budget for each path."""
    keys = {path: make_key() for path in PRICED}
    consumers = {
        path.rpartition("/")[2]: {
            "keys": [{"sha256": keys[path].sha256}],
            "grants": ["api"],
            "limits": [{"budget": "10 USD/day", "price": price}],
        }
        for path, (price, _) in PRICED.items()
    }
    with limited(authority, [], consumers=consumers) as place, place.origin.doing(metered):
        yield {path: Place(place.gateway, place.origin, key, place.document) for path, key in keys.items()}


@pytest.mark.parametrize("path", PRICED)
def test_what_a_call_costs_is_settled(priced: dict[str, Place], path: str) -> None:
    """What was held back becomes what the answer says; where it says nothing usable, it stands."""
    place, cost = priced[path], PRICED[path][1]
    answer = place.call(path)
    assert answer.status == 200
    line = place.gateway.access_line(answer.field("Exeat-Request-Id"))
    assert line["cost"] == {"amount": cost, "currency": "USD"}
    assert float(left(place)) == pytest.approx(10 - float(cost))


def test_a_call_of_which_nothing_was_sent_costs_nothing(authority: Authority) -> None:
    """What was held back for it is there again."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nowhere: dict[str, object] = {"url": f"https://127.0.0.1:{unused.getsockname()[1]}", "circuit": "off"}
    with limited(authority, [{"budget": "1 USD/day", "price": "1 USD"}], upstream=nowhere) as place:
        for _ in range(3):
            answer = place.call()
            assert answer.field("Exeat-Error") == "connect-failed"
        assert left(place) == "1"


def test_a_soft_budget_lets_pass_and_says_so(authority: Authority) -> None:
    """Calls beyond it are recorded as what they are, and counted."""
    with budgeted(authority, {"budget": "2 USD/day", "price": "1 USD", "soft": True}) as place:
        answers = [place.call() for _ in range(4)]
        assert [answer.status for answer in answers] == [200] * 4
        lines = [place.gateway.access_line(answer.field("Exeat-Request-Id")) for answer in answers]
        assert [line["decision"] for line in lines] == ["allow", "allow", "report", "report"]
        assert left(place) == "0"


def test_a_budget_is_raised_for_a_time(authority: Authority) -> None:
    """An increase holds until it ends; one that has ended doesn't."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    raised: dict[str, object] = {
        "budget": "2 USD/month",
        "price": "1 USD",
        "increase": {"budget": "3 USD", "until": tomorrow},
    }
    with budgeted(authority, raised) as place:
        assert [place.call().status for _ in range(4)] == [200, 200, 200, 402]
    over: dict[str, object] = raised | {"increase": {"budget": "3 USD", "until": "2026-01-01T00:00:00Z"}}
    with budgeted(authority, over) as place:
        assert [place.call().status for _ in range(3)] == [200, 200, 402]


def test_what_was_spent_survives_the_gateway(authority: Authority) -> None:
    """A restart, orderly or not, gives nothing back."""
    with budgeted(authority, {"budget": "4 USD/month", "price": "1 USD"}) as place:
        assert place.call().status == 200
        place.gateway.stop()
        place.gateway.start()
        assert left(place) == "3"
        assert place.call().status == 200
        place.gateway.kill()
        place.gateway.start()
        assert [place.call().status for _ in range(3)].count(200) <= 2
        assert place.call().status == 402
