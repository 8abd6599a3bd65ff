"""Several limits on the same calls as their callers meet them, and all that are somebody's own at `/-/whoami`."""

import json
import time
from collections.abc import Mapping
from typing import Any

from exeat.errors import Code
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import Answer, RawCaller

QUOTA: Mapping[str, object] = {"quota": "3/year"}


def serve(peer: Peer, request: Request) -> None:
    """Answer; `/slow` after a while."""
    time.sleep(0.3 if request.target == "/slow" else 0)  # so long is a call under way
    peer.answer(b"fine")


def call(gateway: Gateway, key: MadeKey, target: str = "/api/x") -> Answer:
    """One call on a connection of its own."""
    with RawCaller(gateway.port) as caller:
        return caller.call("GET", target, f"Exeat-Key: {key.key}")


def document(origin: Origin, key: MadeKey, *limits: Mapping[str, object]) -> dict[str, Any]:
    """One consumer who may call one upstream, and how much of it."""
    return {
        "upstreams": {"api": origin.entry()},
        "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": [{"upstream": "api", "limits": limits}]}},
    }


def test_the_limit_that_holds_longest_is_told() -> None:
    """With a rate and a quota used up, callers aren't sent away for the few seconds of the rate alone."""
    key = make_key()
    with Origin(serve) as origin, Gateway(document(origin, key, {"rate": "3/hour"}, QUOTA)) as gateway:
        assert [call(gateway, key).status for _ in range(3)] == [200] * 3
        for _ in range(2):
            refused = call(gateway, key)
            check_problem(refused, Code.QUOTA_EXHAUSTED, "api")
            left = next(part for part in str(refused.field("RateLimit")).split(", ") if part.startswith('"quota-year"'))
            assert abs(int(str(refused.field("Retry-After"))) - int(left.partition(";t=")[2])) <= 2
        assert len(origin.requests) == 3


def test_nobody_stands_in_line_for_a_quota_that_is_used_up() -> None:
    """Whoever is over it is told at once, and not when a rate's or another call's turn has come."""
    key = make_key()
    lines: tuple[Mapping[str, object], ...] = ({"rate": "3/hour", "wait": "60s"}, {"concurrency": 3, "wait": "60s"})
    for first in lines:
        with Origin(serve) as origin, Gateway(document(origin, key, first, QUOTA)) as gateway:
            assert [call(gateway, key).status for _ in range(3)] == [200] * 3
            began = time.monotonic()
            check_problem(call(gateway, key), Code.QUOTA_EXHAUSTED, "api")
            assert time.monotonic() - began < 30


def test_whoami_lists_all_that_are_the_callers_own() -> None:
    """Limits of grants and those that an upstream or the gateway splits by consumer, each with what it is for."""
    key, other = make_key(), make_key()
    grants = [
        {"upstream": "api", "limits": [{"quota": "50/year"}]},
        {"upstream": "*", "limits": [{"rate": "500/hour", "name": "pace"}]},
        {"destination": "api.example.com", "limits": [{"rate": "7/hour", "per": "ip", "name": "pace"}]},
    ]
    with Origin(serve) as origin:
        configuration = {
            "limits": [
                {"rate": "100/hour", "per": "consumer", "name": "pace"},
                {"rate": "90/hour", "per": "ip", "name": "address"},
                {"concurrency": 9},
            ],
            "upstreams": {
                "api": origin.entry(limits=[{"quota": "20/year", "per": "key"}, {"rate": "900/hour"}]),
                "more": origin.entry(),
                "others": origin.entry(limits=[{"rate": "10/hour", "per": "consumer", "name": "pace"}]),
            },
            "destinations": ["api.example.com"],
            "consumers": {
                "web": {"keys": [{"sha256": key.sha256}], "grants": grants, "limits": [{"quota": "70/year"}]},
                "app": {"keys": [{"sha256": other.sha256}], "grants": ["api"]},
            },
        }
        with Gateway(configuration) as gateway:
            answer = call(gateway, key)
            told = [part.partition(";")[0] for part in str(answer.field("RateLimit-Policy")).split(", ")]
            assert told == ['"pace"', '"quota-year"', '"grant-quota-year"', '"upstream-quota-year"']
            listed = json.loads(call(gateway, key, "/-/whoami").body)
            assert "limits_left_out" not in listed
            shown = [
                (limit["scope"], limit["name"], limit.get("upstream") or limit.get("destination"), limit["remaining"])
                for limit in listed["limits"]
            ]
            assert shown == [
                ("gateway", "pace", None, 99),
                ("consumer", "quota-year", None, 69),
                ("grant", "quota-year", "api", 49),
                ("grant", "pace", "*", 500),
                ("upstream", "quota-year", "api", 19),
                ("upstream", "pace", "others", 10),
                ("grant", "pace", "api.example.com", 7),
            ]
            others = json.loads(call(gateway, other, "/-/whoami").body)["limits"]
            assert [(one["name"], one["remaining"]) for one in others] == [("pace", 100), ("quota-year", 20)]
