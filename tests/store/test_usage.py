"""Usage is what the records say, summed up exactly, for any range and by anything that is counted by."""

import itertools
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from exeat.store.audit_writer import AuditWriter
from exeat.store.failure import StoreError
from exeat.store.prune import prune_minutes
from exeat.store.rollup import DAY_US, HOUR_US, LABELS, LENGTHS, MINUTE_US, Granularity
from exeat.store.rollup_check import check_rollups
from exeat.store.spans import cover
from exeat.store.usage import usage
from tests.store.made import DAY, HOUR, NOON, SECOND, Chain, make_change, make_record, run

INSTANCES = itertools.count()  # the examples of one property share a database
COST = st.builds(
    lambda mills, currency: {"amount": f"{mills / 1000:.3f}", "currency": currency},
    st.integers(0, 99),
    st.sampled_from(["USD", "EUR"]),
)
EXCHANGE = st.fixed_dictionaries(
    {
        "after": st.integers(0, 3 * DAY),
        "consumer": st.sampled_from(["web", "app", None]),
        "upstream": st.sampled_from(["github", "stripe", None]),
        "status": st.sampled_from([200, 204, 404, 503]),
        "error": st.sampled_from([None, None, "response-timeout"]),
        "duration_ms": st.none() | st.floats(0, 60_000).map(lambda value: round(value, 3)),
        "bytes_in": st.integers(0, 1000),
        "cost": st.none() | COST,
    }
)


def test_usage_is_grouped_and_summed_up(engine: Engine) -> None:
    """Requests, errors, bytes, attempts, money and percentiles, by anything that is counted by."""
    chain = Chain()
    dollar = {"amount": "0.005", "currency": "USD"}
    records = [
        make_record(1, consumer="web", cost=dollar, duration_ms=10),
        make_record(2, consumer="web", cost=dollar, duration_ms=20, status=503),
        make_record(3, consumer="web", cost={"amount": "1.10", "currency": "EUR"}, duration_ms=1000),
        make_record(4, consumer="app", error="dns-failed", status=502, attempts=[]),
        make_change(5),
    ]
    AuditWriter(engine).write([chain.seal(*records)])
    web, app = usage(engine, since=NOON, until=NOON + SECOND, by=["consumer"])
    assert (web.labels, web.requests, web.errors, web.bytes_in, web.bytes_out, web.attempts) == (
        ("web",),
        3,
        1,
        30,
        600,
        3,
    )
    assert web.costs == {"USD": Decimal("0.010"), "EUR": Decimal("1.10")}
    assert web.p50 == pytest.approx(20_000, rel=0.02)
    assert web.p99 == pytest.approx(1_000_000, rel=0.02)
    assert (app.labels, app.requests, app.errors, app.attempts, app.costs) == (("app",), 1, 1, 0, {})
    (whole,) = usage(engine, since=NOON, until=NOON + SECOND)
    assert (whole.labels, whole.requests, whole.errors) == ((), 4, 2)
    assert [entry.labels for entry in usage(engine, since=NOON, until=NOON + 1, by=["answered", "status_class"])] == [
        ("upstream", 2),
        ("gateway", 5),
        ("upstream", 5),
    ]
    assert [entry.requests for entry in usage(engine, since=NOON, until=NOON + 1, where={"error": "dns-failed"})] == [1]
    by_way = usage(engine, since=NOON, until=NOON + 1, by=["upstream", "consumer", "key"])
    assert [(entry.labels, entry.requests) for entry in by_way] == [
        (("github", "web", "k1"), 3),
        (("github", "app", "k1"), 1),
    ]
    for label in LABELS:  # whichever facet answers
        assert sum(entry.errors for entry in usage(engine, since=NOON, until=NOON + 1, by=[label])) == 2


def test_what_an_hour_holds_beyond_the_range_is_taken_away(engine: Engine) -> None:
    """Who called in the rest of the hour alone is no entry, and nothing of that rest counts for others."""
    dollar = {"amount": "0.005", "currency": "USD"}
    minutes = [(1, 10, "web", 10), (2, 40, "web", 10), (3, 50, "web", 9000), (4, 55, "app", 10)]
    records = [
        make_record(number, NOON + minute * MINUTE_US, consumer=consumer, duration_ms=duration, cost=dollar)
        for number, minute, consumer, duration in minutes
    ]
    AuditWriter(engine).write([Chain().seal(*records)])
    (web,) = usage(engine, since=NOON, until=NOON + 45 * MINUTE_US, by=["consumer"])
    assert (web.labels, web.requests, web.costs) == (("web",), 2, {"USD": Decimal("0.010")})
    assert web.p99 == pytest.approx(10_000, rel=0.02)
    assert usage(engine, since=NOON, until=NOON + 9 * MINUTE_US) == []


def test_nothing_used_is_no_entry(engine: Engine) -> None:
    """A range without traffic has no usage."""
    assert usage(engine, since=NOON, until=NOON + DAY) == []
    assert usage(engine, since=NOON, until=NOON) == []


def test_steps_suit_the_length_of_the_range(engine: Engine) -> None:
    """A short range comes in minutes, a longer one in hours or days."""
    AuditWriter(engine).write(Chain().batches([4], step=HOUR))
    starts = {
        length: [entry.start for entry in usage(engine, since=NOON, until=NOON + length, steps=True)]
        for length in (2 * HOUR, DAY, 30 * DAY)
    }
    assert starts[2 * HOUR] == [NOON + HOUR]
    assert starts[DAY] == [NOON + hours * HOUR for hours in (1, 2, 3, 4)]
    assert starts[30 * DAY] == [NOON - 12 * HOUR]
    assert len(usage(engine, since=NOON, until=NOON + DAY, step=Granularity.DAY)) == 1


def test_an_unknown_label_is_refused_by_name(engine: Engine) -> None:
    """A misspelt label is an error that lists those there are."""
    with pytest.raises(StoreError, match="isn't counted by 'colour'; it is by: instance, consumer"):
        usage(engine, since=0, until=1, by=["colour"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=15)
@given(
    exchanges=st.lists(EXCHANGE, min_size=1, max_size=25),
    cuts=st.lists(st.integers(0, 25)),
    ends=st.tuples(st.integers(0, 3 * DAY), st.integers(0, 3 * DAY)),
)
def test_roll_ups_equal_the_sums_over_records(
    engine: Engine, exchanges: list[dict[str, Any]], cuts: list[int], ends: tuple[int, int]
) -> None:
    """Whatever is recorded, in whichever batches: roll-ups are the sums over the records."""
    instance = f"instance-{next(INSTANCES)}"
    chain, writer = Chain(f"{instance}/worker-1"), AuditWriter(engine)
    records = [
        make_record(
            number, NOON + exchange["after"], **{name: value for name, value in exchange.items() if name != "after"}
        )
        for number, exchange in enumerate(exchanges)
    ]
    places = sorted({0, len(records), *(min(cut, len(records)) for cut in cuts)})
    for begin, end in itertools.pairwise(places):
        writer.write([chain.seal(*records[begin:end])])
    since, until = sorted(ends)
    begin, end = (NOON + since) // MINUTE_US * MINUTE_US, -(-(NOON + until) // MINUTE_US) * MINUTE_US
    within = [exchange for exchange in exchanges if begin <= (NOON + exchange["after"]) // 1000 * 1000 < end]
    found = usage(engine, since=NOON + since, until=NOON + until, by=["consumer"], where={"instance": instance})
    assert Counter(exchange["consumer"] or "" for exchange in within) == {
        entry.labels[0]: entry.requests for entry in found
    }
    assert sum(exchange["bytes_in"] for exchange in within) == sum(entry.bytes_in for entry in found)
    for currency in ("USD", "EUR"):
        costs = [
            Decimal(exchange["cost"]["amount"])
            for exchange in within
            if exchange["cost"] and exchange["cost"]["currency"] == currency
        ]
        assert sum(costs) == sum(entry.costs.get(currency, Decimal()) for entry in found)
    assert check_rollups(engine, NOON, NOON + 4 * DAY) is None


@given(st.integers(0, 5 * DAY_US), st.integers(0, 5 * DAY_US), st.just(0) | st.integers(0, 5 * 24 * 60))
def test_a_range_is_covered_once_by_the_coarsest(since: int, until: int, oldest_minute: int) -> None:
    """A range is counted without gap or overlap, from few roll-ups, and from none that aren't kept."""
    minutes_since = oldest_minute * MINUTE_US
    spans = cover(since, until, minutes_since)
    if since > until:
        assert spans == []
        return
    unit_of_begin, unit_of_end = (MINUTE_US if edge >= minutes_since else HOUR_US for edge in (since, until))
    begin, end = since // unit_of_begin * unit_of_begin, -(-until // unit_of_end) * unit_of_end
    edges = {begin, end, *(edge for span in spans for edge in (span.begin, span.end))}
    for edge in edges:
        times_counted = sum(span.sign for span in spans if span.begin <= edge < span.end)
        assert times_counted == (1 if begin <= edge < end else 0)
    for span in spans:
        length = LENGTHS[span.granularity]
        assert span.begin % length == span.end % length == 0
        assert span.granularity is not Granularity.MINUTE or span.begin >= minutes_since
    most_minutes = 30 if minutes_since == 0 else 59
    assert sum(span.steps for span in spans) <= 2 * most_minutes + 2 * 13 + 6


def test_where_minutes_are_gone_hours_stand_for_them(engine: Engine) -> None:
    """After minutes were pruned, a range grows to the hours around it."""
    AuditWriter(engine).write(Chain().batches([10], step=10 * 60 * SECOND))
    assert [entry.requests for entry in usage(engine, since=NOON, until=NOON + 30 * MINUTE_US)] == [2]
    assert prune_minutes(engine, NOON + DAY) == 10 * 4  # facets
    assert [entry.requests for entry in usage(engine, since=NOON, until=NOON + 30 * MINUTE_US)] == [5]
    assert check_rollups(engine, NOON - DAY, NOON + DAY) is None


@pytest.mark.parametrize("granularity", [0, 1, 2])
def test_a_wrong_roll_up_is_named(engine: Engine, granularity: int) -> None:
    """The comparison names the first roll-up that differs, at each granularity."""
    AuditWriter(engine).write(Chain().batches([3]))
    run(engine, "UPDATE rollups SET requests = 7 WHERE granularity = :granularity", granularity=granularity)
    difference = check_rollups(engine, NOON, NOON + DAY)
    length = ("minute", "hour", "day")[granularity]
    assert difference is not None
    assert f"The roll-up of the {length} 2026-09-22T" in str(difference)
    assert "consumer web, key k1, upstream github" in str(difference)
    assert "counts 7 requests" in str(difference)
    assert "its records say 3 requests" in str(difference)


def test_a_roll_up_without_records_is_named(engine: Engine) -> None:
    """Missing records and missing roll-ups are differences too."""
    AuditWriter(engine).write(Chain().batches([3]))
    run(engine, "DELETE FROM records WHERE number = 2")
    assert "its records say 2 requests" in str(check_rollups(engine, NOON, NOON + DAY))
    run(engine, "DELETE FROM rollups WHERE granularity = 1")
    assert "counts" in str(check_rollups(engine, NOON, NOON + DAY))
