"""Searches find what matches and nothing else, newest first, in pages that stand still; a tail misses nothing."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from exeat.store.audit_writer import AuditWriter
from exeat.store.failure import StoreError
from exeat.store.follow import end_of, follow
from exeat.store.rows import parse_row
from exeat.store.search import FIELDS, Query, matches, search
from tests.store.made import DAY, NOON, SECOND, Chain, make_change, make_record

VARIETY = [
    make_record(1, NOON, consumer="web", upstream="github", status=200),
    make_record(2, NOON + SECOND, consumer="web", upstream="stripe", status=404),
    make_record(3, NOON + 2 * SECOND, consumer="app", upstream="github", status=503, method="POST"),
    make_record(
        4, NOON + 3 * SECOND, consumer="app", status=403, error="path-not-granted", outcome="refused", attempts=[]
    ),
    make_record(
        5, NOON + 4 * SECOND, consumer=None, key=None, status=401, error="key-missing", outcome="refused", attempts=[]
    ),
    make_record(6, NOON + 5 * SECOND, path="/a_b%c/100%", address="10.9.9.9", trace="4bf92f3577b34da6"),
    make_record(7, NOON + DAY, path="/A_B", decision="report", mode="forward", key="k2", origin="https://x.example"),
    make_change(8, NOON + DAY + SECOND, action="prune", object="audit/records"),
    make_record(9, NOON + DAY + 2 * SECOND, outcome="interrupted", status=0, attempts=[]),
]

ROWS = [parse_row("a/worker-1", number, body) for number, body in enumerate(VARIETY, 1)]
INSTANCES = itertools.count()  # the examples of one property share a database


@pytest.fixture
def filled(engine: Engine) -> Engine:
    AuditWriter(engine).write([Chain().seal(*VARIETY)])
    return engine


def numbers(engine: Engine, query: Query) -> list[int]:
    return [record.number for record in search(engine, query).records]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), [9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (Query({"consumer": "app"}), [4, 3]),
        (Query({"consumer": "web", "upstream": "stripe"}), [2]),
        (Query({"consumer": "app"}, status="5xx"), [3]),
        (Query({"key": "k2"}), [7]),
        (Query({"id": "id-000006"}), [6]),
        (Query({"error": "key-missing"}), [5]),
        (Query({"outcome": "refused"}), [5, 4]),
        (Query({"outcome": "interrupted"}), [9]),
        (Query({"outcome": "completed", "consumer": "web"}), [7, 6, 2, 1]),
        (Query({"kind": "change"}), [8]),
        (Query({"kind": "exchange", "method": "POST"}), [3]),
        (Query({"action": "prune", "object": "audit/records", "actor": "ada"}), [8]),
        (Query({"address": "10.9.9.9"}), [6]),
        (Query({"decision": "report", "mode": "forward", "origin": "https://x.example"}), [7]),
        (Query({"trace": "4bf92f3577b34da6"}), [6]),
        (Query({"path": "/A_B"}), [7]),
        (Query({"answered": "gateway"}), [9, 5, 4]),
        (Query(status="404"), [2]),
        (Query(status="4xx"), [5, 4, 2]),
        (Query(status="2xx"), [7, 6, 1]),
        (Query(status="3XX"), []),
        (Query(status="failed"), [5, 4, 3, 2]),
        (Query({"consumer": "app"}, status="Failed"), [4, 3]),
        (Query(status="failed", since=NOON + 2 * SECOND, text="/"), [5, 4, 3]),
        (Query({"consumer": ""}), [8, 5]),
        (Query({"upstream": "", "kind": "exchange"}), []),
        (Query({"upstream": "", "kind": "change"}), [8]),
        (Query({"error": "", "consumer": "web"}), [9, 7, 6, 2, 1]),
        (Query({"outcome": ""}), []),
        (Query(since=NOON + SECOND, until=NOON + 3 * SECOND), [3, 2]),
        (Query({"upstream": "github"}, since=NOON + DAY), [9, 7]),
        (Query(text="a_b"), [7, 6]),
        (Query(text="A_B%C"), [6]),
        (Query(text="100%"), [6]),
        (Query(text="%"), [6]),
        (Query(text="/users/_"), []),
        (Query(text="\\"), []),
        (Query(text="'; DROP TABLE records; --"), []),
        (Query({"consumer": "' OR 1=1 --"}), []),
    ],
)
def test_a_search_finds_what_matches(filled: Engine, query: Query, found: list[int]) -> None:
    """Each filter finds its records, alone and with others, and text is only text; so it is record by record."""
    assert numbers(filled, query) == found
    assert [row.number for row in reversed(ROWS) if matches(query, row)] == found


def test_every_field_can_be_searched_by(filled: Engine) -> None:
    """No field is without an index that the search may name."""
    for name in FIELDS:
        assert numbers(filled, Query({name: "nothing is called that"})) == []
        without = [row.number for row in ROWS if getattr(row, name) is None]
        assert numbers(filled, Query({name: ""})) == without[::-1]


@pytest.mark.parametrize("status", ["", "20", "abc", "2x", "xx", "0xx", "٢xx", "2001"])
def test_a_status_that_cannot_be_is_refused(engine: Engine, status: str) -> None:
    """A status is three digits or a class."""
    with pytest.raises(StoreError, match="is no status"):
        search(engine, Query(status=status))


def test_an_unknown_field_is_refused_by_name(engine: Engine) -> None:
    """A misspelt field finds not nothing, but an error."""
    with pytest.raises(StoreError, match=r"searched by 'colour'; fields are: id, kind"):
        search(engine, Query({"colour": "red"}))


@pytest.mark.parametrize("cursor", ["", "x", "????", "é", "bm9wZQ"])
def test_a_cursor_of_another_kind_is_refused(engine: Engine, cursor: str) -> None:
    """Whatever is no cursor of ours is refused in one sentence."""
    with pytest.raises(StoreError, match="cursor"):
        search(engine, Query(), cursor=cursor)
    with pytest.raises(StoreError, match="cursor"):
        follow(engine, Query(), cursor)


def test_pages_stand_still_while_records_arrive(engine: Engine) -> None:
    """What arrives between two pages moves no record to another page, nor off them."""
    chain, writer = Chain(), AuditWriter(engine)
    # Many of one moment: pages have to part between them.
    writer.write([chain.seal(*[make_record(number, NOON + number // 10 * SECOND) for number in range(1, 95)])])
    expected = [f"id-{number:06d}" for number in range(94, 0, -1)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = search(engine, Query({"consumer": "web"}), cursor=cursor, limit=7)
        seen += [record.id for record in page.records]
        number = chain.state.record + 1
        writer.write([chain.seal(make_record(number, NOON + DAY), make_record(number + 1, NOON - DAY))])
        cursor = page.cursor
        if cursor is None or len(seen) > len(expected):
            break
    assert seen[: len(expected)] == expected


def test_a_page_that_ends_with_the_last_record_has_no_next(filled: Engine) -> None:
    """There is a next page exactly if there are more records."""
    assert search(filled, Query(), limit=9).cursor is None
    assert search(filled, Query(), limit=8).cursor is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20)
@given(data=st.data())
def test_a_tail_gives_every_arrival_once_and_in_order(engine: Engine, data: st.DataObject) -> None:
    """However batches and pages fall, a tail gives each record once, in the order of arrival."""
    cursor = end_of(engine)
    writer = AuditWriter(engine)
    chains = [Chain(f"{next(INSTANCES)}/worker-{number}") for number in range(2)]
    arrived: list[tuple[str, int]] = []
    seen: list[tuple[str, int]] = []
    for _ in range(data.draw(st.integers(1, 6))):
        chain = data.draw(st.sampled_from(chains))
        # Time runs against arrival: a journal that had to wait.
        batches = chain.batches(data.draw(st.lists(st.integers(1, 4), max_size=3)), NOON - len(arrived) * DAY)
        writer.write(batches)
        arrived += [(chain.name, batch.first + place) for batch in batches for place in range(len(batch.records))]
        page = follow(engine, Query(), cursor, limit=data.draw(st.integers(1, 5)))
        seen += [(record.chain, record.number) for record in page.records]
        assert page.cursor is not None
        cursor = page.cursor
    while True:
        page = follow(engine, Query(), cursor, limit=3)
        seen += [(record.chain, record.number) for record in page.records]
        assert page.cursor is not None
        cursor = page.cursor
        if not page.records:
            break
    assert seen == arrived


def test_a_tail_may_be_filtered_and_still_moves_on(engine: Engine) -> None:
    """What a filter leaves out is behind the cursor too."""
    chain, writer = Chain(), AuditWriter(engine)
    cursor = end_of(engine)
    writer.write([*chain.batches([3]), chain.seal(make_record(4, consumer="app")), *chain.batches([2])])
    page = follow(engine, Query({"consumer": "app"}), cursor)
    assert [record.number for record in page.records] == [4]
    assert page.cursor is not None
    assert follow(engine, Query(), page.cursor).records == ()
