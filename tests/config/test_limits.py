"""Limits and prices in the document: every form, what it becomes, and everything that can be wrong with one."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.cli.counts import count
from exeat.config.handover import dumps, loads
from exeat.config.writing import render_yaml
from exeat.model.json_path import parse_json_path
from exeat.model.limit import NANOS, SECOND_NS, Increase, Kind, Limit, Per, Price, Scope
from exeat.model.snapshot import Snapshot
from exeat.model.stored import Stored, StoredKey
from exeat.policy.price import price_before
from tests.config.conftest import Desk

DIGEST = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
MINUTE, HOUR, DAY = 60 * SECOND_NS, 3600 * SECOND_NS, 86400 * SECOND_NS
API = "upstreams: {api: {url: 'https://a.com', price: 0.5 USD}, free: {url: 'https://b.com'}}\n"
EVERYWHERE = f"""
limits: [{{concurrency: 20, wait: 2s}}]
upstreams:
  api: {{url: https://a.com, price: 0.005 USD, limits: [{{rate: 5000/hour}}, {{budget: 200 USD/month}}]}}
  other: {{url: https://b.com}}
destinations: ["*.c.org"]
consumers:
  web:
    priority: 0
    keys: [{{id: one, sha256: {DIGEST}, limits: [{{rate: 1/10s}}]}}]
    grants:
      - {{upstream: api, methods: [GET], limits: [{{rate: 20/minute, per: ip}}]}}
      - {{upstream: api, limits: [{{rate: 5/minute}}]}}
      - other
      - {{destination: "*.c.org", limits: [{{quota: 9/day}}]}}
    limits:
      [{{rate: 100/minute, burst: 20}}, {{quota: 50_000/month}}, {{quota: 9/day, per: key}}, {{quota: 8/day, per: ip}}]
  app: {{grants: [other]}}
  two: {{grants: [other]}}
"""


def one(desk: Desk, entry: str) -> Limit:
    """A consumer's only limit."""
    snapshot = desk.load(f"{API}consumers: {{c: {{grants: ['*'], limits: [{entry}]}}}}\n").snapshot
    (limit,) = snapshot.consumers["c"].limits
    return limit


def everything(snapshot: Snapshot) -> list[Limit]:
    """All limits of a snapshot."""
    consumers = snapshot.consumers.values()
    grants = [grants for one in consumers for index in (one.upstreams, one.destinations) for grants in index.values()]
    lists = [upstream.limits for upstream in snapshot.upstreams.values()]
    lists += [key.limits for key in snapshot.keys.values()]
    lists += [consumer.limits for consumer in consumers] + [grant.limits for each in grants for grant in each]
    return [*snapshot.limits, *(limit for listed in lists for limit in listed)]


def test_wherever_they_stand(desk: Desk) -> None:
    """Limits stand at the gateway, upstreams, consumers, keys and grants, each with its owner and a name of its own."""
    snapshot = desk.load(EVERYWHERE).snapshot
    assert sorted(limit.id for limit in everything(snapshot)) == [
        "consumer/web/quota/quota-day/day-UTC/per-ip",
        "consumer/web/quota/quota-day/day-UTC/per-key",
        "consumer/web/quota/quota-month/month-UTC",
        "consumer/web/rate/rate/60s",
        "gateway//concurrency/concurrency",
        "grant/web:*.c.org/quota/quota-day/day-UTC",
        "grant/web:api/rate/rate/60s",
        "grant/web:api/rate/rate/60s/per-ip",
        "key/one/rate/rate/10s",
        "upstream/api/budget/budget-month/month-UTC/USD",
        "upstream/api/rate/rate/3600s",
    ]
    assert {limit.scope for limit in everything(snapshot)} == set(Scope)
    assert (snapshot.consumers["web"].priority, snapshot.consumers["app"].priority) == (0, 3)
    assert count(snapshot)["limits"] == 11


def test_grants_with_limits_are_not_shared(desk: Desk) -> None:
    """Consumers with the same grants share an index, unless a grant counts; what counts is never passed by."""
    snapshot = desk.load(EVERYWHERE).snapshot
    assert snapshot.consumers["app"].upstreams is snapshot.consumers["two"].upstreams
    assert snapshot.consumers["web"].unlimited == {"other"}
    grants = "grants: [{upstream: api, limits: [{rate: 1/day}]}]"
    found = desk.load(f"{API}consumers: {{a: {{{grants}}}, b: {{{grants}}}}}\n").snapshot.consumers
    assert [found[name].upstreams["api"][0].limits[0].owner for name in "ab"] == ["a:api", "b:api"]


def test_a_handover_carries_them(desk: Desk) -> None:
    """A worker gets the limits and prices that were compiled."""
    snapshot = desk.load(EVERYWHERE).snapshot
    there = loads(dumps(snapshot))
    assert there == snapshot
    assert everything(there) == everything(snapshot)
    assert there.limits[0].kind is Kind.CONCURRENCY
    assert there.upstreams[b"api"].price == Price("USD", 5_000_000)


def test_export_round_trip(desk: Desk) -> None:
    """A document that is written out again, as YAML or JSON, means the same."""
    loaded = desk.load(EVERYWHERE)
    for text in (render_yaml(dict(loaded.document)), json.dumps(dict(loaded.document))):
        again = desk.load(text)
        assert again.document == loaded.document
        assert everything(again.snapshot) == everything(loaded.snapshot)


@pytest.mark.parametrize(
    ("entry", "fields"),
    [
        ("{rate: 100/minute}", {"kind": Kind.RATE, "amount": 100, "period": MINUTE, "burst": 100, "name": "rate"}),
        ("{rate: 1_000/second, burst: 1_500}", {"amount": 1000, "period": SECOND_NS, "burst": 1500}),
        ("{rate: 5/hour}", {"period": HOUR, "interval": 720 * SECOND_NS}),
        ("{rate: 5/day}", {"period": DAY}),
        ("{rate: 3/500ms}", {"period": SECOND_NS // 2, "interval": 166_666_667, "id": "consumer/c/rate/rate/0.5s"}),
        ("{rate: '100 / 10s'}", {"amount": 100, "period": 10 * SECOND_NS}),
        ("{quota: 50_000/month}", {"kind": Kind.QUOTA, "amount": 50_000, "unit": "month", "name": "quota-month"}),
        ("{quota: 5/week, zone: Europe/Berlin}", {"unit": "week", "zone": "Europe/Berlin"}),
        ("{quota: 5/minute}", {"unit": "minute", "zone": "UTC"}),
        ("{quota: 5/hour, unless_known: continue}", {"unit": "hour", "goes_on": True}),
        ("{quota: 5/year, unless_known: refuse}", {"unit": "year", "goes_on": False}),
        ("{budget: 25 USD/day}", {"kind": Kind.BUDGET, "amount": 25 * NANOS, "currency": "USD", "price": None}),
        ("{budget: 1_000.5 USD/week}", {"amount": 1000 * NANOS + NANOS // 2, "unit": "week", "name": "budget-week"}),
        ("{budget: 4 EUR/day, price: 0.01 EUR, soft: true}", {"soft": True, "price": Price("EUR", 10_000_000)}),
        (
            "{budget: 4 USD/day, increase: {budget: 6 USD, until: 2026-12-01T00:00:00Z}}",
            {"increase": Increase(6 * NANOS, 1_796_083_200 * SECOND_NS)},
        ),
        ("{concurrency: 20}", {"kind": Kind.CONCURRENCY, "amount": 20, "wait_ns": 0, "queue": 0}),
        ("{concurrency: '20', wait: 250ms}", {"wait_ns": SECOND_NS // 4, "queue": 100}),
        ("{concurrency: 1, wait: 2, queue: 7}", {"wait_ns": 2 * SECOND_NS, "queue": 7}),
        ("{rate: 1/day, mode: report, name: Trial_1.a}", {"report": True, "name": "Trial_1.a"}),
        ("{rate: 1/day, per: key}", {"per": Per("key"), "id": "consumer/c/rate/rate/86400s/per-key"}),
        ("{rate: 1/day, per: ip}", {"per": Per("ip")}),
        (
            "{rate: 1/day, per: 'header:X-Tenant'}",
            {"per": Per("header", b"x-tenant"), "id": "consumer/c/rate/rate/86400s/per-header:x-tenant"},
        ),
    ],
)
def test_form(desk: Desk, entry: str, fields: dict[str, object]) -> None:
    """Each form of a limit means what it says."""
    limit = one(desk, entry)
    assert {name: getattr(limit, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ("0.005 USD", Price("USD", 5_000_000)),
        ("{call: 0 USD}", Price("USD", 0)),
        ("{field: X-Cost, currency: USD, reserve: 0.05 USD}", Price("USD", reserve=50_000_000, field=b"x-cost")),
        (
            "{json: $.usage.cost, reserve: 0.05 USD, factor: 0.000001}",
            Price("USD", reserve=50_000_000, json=parse_json_path("$.usage.cost"), factor=1000),
        ),
        (
            "{field: X-T, reserve: 1 USD, factor: '1_000.5'}",
            Price("USD", reserve=NANOS, field=b"x-t", factor=1000500000000),
        ),
        ("{megabyte: 0.01 USD, reserve: 0.05 USD}", Price("USD", reserve=50_000_000, megabyte=10_000_000)),
    ],
)
def test_price(desk: Desk, written: str, price: Price) -> None:
    """Each form of a price, of a budget or an upstream."""
    assert one(desk, f"{{budget: 9 USD/day, price: {written}}}").price == price
    upstreams = desk.load(f"upstreams: {{a: {{url: 'https://a.com', price: {written}}}}}").snapshot.upstreams
    assert upstreams[b"a"].price == price


def test_price_by_rules(desk: Desk) -> None:
    """The first rule that covers a call says its price; what none covers costs `otherwise`, or nothing."""
    post = "{methods: [POST], paths: ['/x/**'], price: 3 USD}"
    rules = f"rules: [{post}, {{paths: {{allow: ['/**'], deny: [/f]}}, price: 2 USD}}]"
    price = one(desk, f"{{budget: 9 USD/day, price: {{{rules}, otherwise: 1 USD}}}}").price
    assert price is not None
    calls = [(b"POST", b"/x/y"), (b"GET", b"/x/y"), (b"POST", b"/f")]
    assert [price_before(price, *call) // NANOS for call in calls] == [3, 2, 1]
    free = one(desk, f"{{budget: 9 USD/day, price: {{{rules}}}}}").price
    assert free == replace(price, call=0)


def test_what_counts_on(desk: Desk) -> None:
    """Another amount, burst or price is the same limit; another window, zone, currency, name or split isn't."""
    same = ["{quota: 5/month}", "{quota: 6/month, wait: 2s}", "{quota: 7/month, mode: report, zone: UTC}"]
    assert len({one(desk, entry).id for entry in same}) == 1
    others = [
        "{quota: 5/day}", "{quota: 5/month, zone: Asia/Tokyo}", "{quota: 5/month, name: x}",
        "{quota: 5/month, per: ip}", "{budget: 5 USD/month}", "{budget: 5 EUR/month, price: 1 EUR}",
        "{rate: 5/day}", "{rate: 5/hour}",
    ]  # fmt: skip
    assert len({one(desk, entry).id for entry in (same[0], *others)}) == len(others) + 1


DIFFERENT = (
    "{quota: 5/day}", "{quota: 9/day, per: key}", "{quota: 9/day, per: ip}", "{quota: 9/day, per: 'header:X-A'}",
    "{quota: 5/day, zone: Asia/Tokyo}", "{quota: 50/month}", "{quota: 5/day, name: nightly}",
    "{budget: 5 USD/day, price: 1 USD}", "{budget: 5 EUR/day, price: 1 EUR}", "{rate: 5/minute}", "{rate: 1/10s}",
    "{concurrency: 5}", "{concurrency: 5, per: key}",
)  # fmt: skip


@given(st.permutations(DIFFERENT), st.integers(1, len(DIFFERENT)))
def test_a_list_may_be_sorted_and_changed(
    tmp_path_factory: pytest.TempPathFactory, entries: list[str], kept: int
) -> None:
    """No limit's count depends on where it stands, nor on what others there are; its name only on these."""
    desk = Desk(Path(tmp_path_factory.getbasetemp()))

    def called(listed: Sequence[str]) -> dict[str, tuple[str, str]]:
        limits = desk.load(f"limits: [{', '.join(listed)}]\n").snapshot.limits
        return {entry: (limit.id, limit.name) for entry, limit in zip(listed, limits, strict=True)}

    every = called(DIFFERENT)
    assert len({identifier for identifier, _ in every.values()}) == len(DIFFERENT)
    assert len({name for _, name in every.values()}) == len(DIFFERENT)
    assert called(entries) == every
    some = called(entries[:kept])
    assert {entry: found[0] for entry, found in some.items()} == {entry: every[entry][0] for entry in some}


def test_one_alone_is_counted_as_before(desk: Desk) -> None:
    """What was counted under the ids of earlier versions counts on, where one limit of a kind and unit is there."""
    ids = [one(desk, entry).id for entry in ("{quota: 5/day}", "{budget: 5 USD/month}", "{quota: 5/day, per: ip}")]
    assert ids == [
        "consumer/c/quota/quota-day/day-UTC",
        "consumer/c/budget/budget-month/month-UTC/USD",
        "consumer/c/quota/quota-day/day-UTC/per-ip",
    ]


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ("{rate: 1/second}, {rate: 5/minute}", ["rate-second", "rate-minute"]),
        ("{rate: 1/10s}, {rate: 5/minute, per: ip}", ["rate-10s", "rate-minute-per-ip"]),
        ("{quota: 9/day, per: key}, {quota: 9/day}", ["quota-day-per-key", "quota-day"]),
        ("{quota: 9/day, zone: Asia/Tokyo}, {quota: 9/day}", ["quota-day-Asia.Tokyo", "quota-day"]),
        ("{quota: 9/day, per: 'header:X-A!b'}, {quota: 9/day}", ["quota-day-per-x-a.b", "quota-day"]),
        ("{quota: 9/day}, {quota: 9/month}", ["quota-day", "quota-month"]),
        ("{budget: 1 USD/day, price: 1 USD}, {budget: 1 EUR/day, price: 1 EUR}", ["budget-day-USD", "budget-day-EUR"]),
        # These count the same: a number is all that is left.
        ("{quota: 5/day}, {quota: 9/day}, {quota: 9/day}", ["quota-day", "quota-day-2", "quota-day-3"]),
        ("{concurrency: 5}, {concurrency: 6, name: concurrency}", ["concurrency-2", "concurrency"]),
        (
            "{rate: 1/second}, {rate: 5/minute, name: rate}, {rate: 9/hour}, {rate: 9/day, name: rate-hour}",
            ["rate-second", "rate", "rate-hour-2", "rate-hour"],
        ),
    ],
)
def test_default_names(desk: Desk, entries: str, names: list[str]) -> None:
    """A limit without a name is called by what it is, and keeps clear of written names."""
    limits = desk.load(f"limits: [{entries}]\n").snapshot.limits
    assert [limit.name for limit in limits] == names
    assert len({limit.id for limit in limits}) == len(names)


def test_an_increase_that_is_over_is_a_warning(desk: Desk) -> None:
    """A document goes on to be valid when an increase ends, and says that it has."""
    raised = "{budget: 5 USD/day, price: 1 USD, increase: {budget: 6 USD, until: %s}}"
    assert desk.load(f"limits: [{raised % '2999-01-01'}]\n").warnings == ()
    (warning,) = desk.load(f"limits: [{raised % '2020-01-01'}]\n").warnings
    assert warning.path == "limits[0].increase.until"
    assert "ended at 2020-01-01T00:00:00Z" in warning.message


def test_what_may_stand_together(desk: Desk) -> None:
    """Nothing is said of lists that can be met: equal amounts, other splits, what is only tried, other prices."""
    lists = [
        "[{rate: 10/minute}, {rate: 10/hour}]",
        "[{rate: 10/minute, per: ip}, {rate: 5/hour}]",
        "[{rate: 10/minute}, {quota: 5/hour, mode: report}]",
        "[{rate: 10/minute, burst: 50}, {quota: 50/hour}]",
        "[{rate: 1000/hour, burst: 500}, {rate: 100/minute}]",
        "[{budget: 5 USD/day, price: 1 USD}, {budget: 5 USD/month, price: 0.1 USD}]",
        "[{budget: 9 USD/day, price: 1 USD}, {budget: 5 EUR/month, price: 1 EUR}]",
        "[{budget: 5 USD/day, price: 5 USD}]",
        "[{budget: 5 USD/day, price: 6 USD, soft: true}]",
        "[{budget: 5 USD/day, price: 6 USD, mode: report}]",
        "[{rate: 100/day}, {concurrency: 1}]",
        "[]",
    ]
    assert [desk.problems(f"limits: {text}\n") for text in lists] == [[]] * len(lists)


def test_from_the_environment(desk: Desk) -> None:
    """Variables write limits as JSON or YAML in brackets, prices and priorities as text."""
    snapshot = desk.load(
        EXEAT_LIMITS='[{"rate": "100/second"}]',
        EXEAT_UPSTREAMS__API__URL="https://a.com",
        EXEAT_UPSTREAMS__API__PRICE="0.5 USD",
        EXEAT_CONSUMERS__WEB__GRANTS="api",
        EXEAT_CONSUMERS__WEB__LIMITS="[{concurrency: 5, wait: 2s}, {budget: 5 USD/day}]",
        EXEAT_CONSUMERS__WEB__PRIORITY="7",
    ).snapshot
    assert sorted(limit.id for limit in everything(snapshot)) == [
        "consumer/web/budget/budget-day/day-UTC/USD",
        "consumer/web/concurrency/concurrency",
        "gateway//rate/rate/1s",
    ]
    assert snapshot.consumers["web"].priority == 7
    (line,) = desk.problems("", {"EXEAT_LIMITS": "rate: 5/day"})
    assert line == "EXEAT_LIMITS: limits: must be a list"
    (line,) = desk.problems("", {"EXEAT_LIMITS": "[{rate: 5/our}]"})
    assert line.startswith("EXEAT_LIMITS: limits[0].rate: 'our' isn't a time")


def test_keys_of_the_database(desk: Desk) -> None:
    """A key of the database has its limits, as the document writes them; what is wrong with one is said of it."""
    key = StoredKey("aaaaaaaaaaaa", DIGEST, "web", limits=({"rate": "5/day", "burst": 2}, {"concurrency": 3}))
    desk.stored = Stored(revision=1, document={"consumers": {"web": {"grants": []}}}, keys=(key,))
    (found,) = desk.load("\n").snapshot.keys.values()
    assert [limit.id for limit in found.limits] == [
        "key/aaaaaaaaaaaa/rate/rate/86400s",
        "key/aaaaaaaaaaaa/concurrency/concurrency",
    ]
    desk.stored = replace(desk.stored, keys=(replace(key, limits=({"rate": "5/our"},)),))
    (line,) = desk.problems("\n")
    assert line.startswith("database: consumers.web.keys[0].limits[0].rate: 'our' isn't a time")


VALUES: st.SearchStrategy[object] = st.sampled_from(
    ["5/day", "5 USD/day", "1 USD", 5, "5", True, None, "${X}", "key", "header:x", "UTC", "2s", "report", 0.5, [], {}]
)  # fmt: skip
NAMES = st.sampled_from(
    ["rate", "quota", "budget", "concurrency", "burst", "price", "per", "wait", "queue", "zone", "soft", "increase",
     "until", "rules", "json", "field", "reserve", "factor", "currency", "megabyte", "call", "name", "unless_known"]
)  # fmt: skip
ENTRY = st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES, max_size=3), max_size=4)


@given(st.lists(ENTRY | VALUES, max_size=3))
def test_any_entries(tmp_path_factory: pytest.TempPathFactory, entries: list[object]) -> None:
    """Any entries become limits or problems, never another exception; what loads, a worker can be given."""
    desk = Desk(Path(tmp_path_factory.getbasetemp()))
    document = json.dumps({"limits": entries, "upstreams": {"a": {"url": "https://a.com", "limits": entries}}})
    if not desk.problems(document, {"X": "5/day"}):
        snapshot = desk.load(document, X="5/day").snapshot
        assert loads(dumps(snapshot)) == snapshot
