"""`exeat upstream endpoints`, `trip`, `drain`, `reset` and `restore`: how endpoints are, and what is said by hand."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from exeat.cli.admin.api import Api, path_of, problems_in
from exeat.cli.admin.changes import show_warnings
from exeat.cli.admin.naming import named
from exeat.cli.admin.reach import with_api
from exeat.cli.admin.table import render_table, render_time
from exeat.cli.output import FINE, say, say_json

UPSTREAMS = path_of("upstreams")


class Order(NamedTuple):
    """What is to be done with an endpoint; without one, the only one is meant, or all of them."""

    action: str
    upstream: str
    endpoint: str | None
    length: str | None
    why: str


def list_endpoints(upstream: str, *, as_json: bool) -> int:
    """Print the endpoints of an upstream."""

    def work(api: Api) -> int:
        with named(api, UPSTREAMS, upstream):
            found = api.get(path_of("upstreams", upstream, "endpoints")).body
        if as_json:
            say_json(found["items"])
        else:
            _show(found["items"])
        return FINE

    return with_api(work)


def change_endpoint(order: Order, *, as_json: bool) -> int:
    """Do what is ordered, and print how the endpoints are then."""

    def work(api: Api) -> int:
        body = {"endpoint": order.endpoint} | ({} if order.length is None else {"for": order.length})
        path = path_of("upstreams", order.upstream, "endpoints", order.action)
        with named(api, UPSTREAMS, order.upstream):
            done = api.post(path, body, why=order.why or None).body
        if as_json:
            say_json(done)
            return FINE
        show_warnings(problems_in(done["warnings"]))
        _show(done["items"])
        return FINE

    return with_api(work)


def _show(items: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        (
            one["endpoint"] if one["listed"] else f"{one['endpoint']} (gone)",
            one["state"],
            render_time(one["until"], _without_end(one)),
            _count(one["pending"]),
            _count(one["failures"]),
            _reason(one),
        )
        for one in items
    ]
    say(render_table(("ENDPOINT", "STATE", "UNTIL", "PENDING", "FAILURES", "REASON"), rows))


def _without_end(one: Mapping[str, Any]) -> str:
    return "" if one["by_hand"] is None else "taken back"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _reason(one: Mapping[str, Any]) -> str:
    by_hand = one["by_hand"]
    if by_hand is None:
        return one["reason"] or ""
    return f"{by_hand['by']}: {by_hand['why']}" if by_hand["why"] else str(by_hand["by"])
