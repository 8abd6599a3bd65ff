"""Reading records and usage."""

import pytest
from sqlalchemy import Engine

from exeat.store.audit_writer import AuditWriter
from tests.admin.service import LOCAL, Api, World, calling
from tests.store.made import NOON, SECOND, Chain, make_change, make_record, rendered


@pytest.fixture
def trail(either_engine: Engine, world: World) -> World:
    """A world with five records of an hour ago and one change."""
    world.engine = either_engine
    chain = Chain()
    begin = NOON - 3600 * SECOND
    records = [
        make_record(number, begin + number * SECOND, consumer="web" if number % 2 else "shop", status=200 + 4 * number)
        for number in range(5)
    ]
    AuditWriter(either_engine).write([chain.seal(*records, make_change(9, begin + 9 * SECOND))])
    return world


def ids(api: Api, **params: object) -> list[str]:
    """The ids of the records that are found."""
    return [record["id"] for record in api.get("/records", **params)["items"]]


def test_records(trail: World) -> None:
    """Records are found by any field, status and time, newest first and in pages."""
    with calling(trail, acting_as=LOCAL) as api:
        assert ids(api) == [f"id-{number:06d}" for number in (9, 4, 3, 2, 1, 0)]
        assert ids(api, where=["consumer=web", "kind=exchange"]) == ["id-000003", "id-000001"]
        assert ids(api, status="204") == ["id-000001"]
        assert ids(api, since=rendered(NOON - 3597 * SECOND), until="2026-09-22T11:00:05Z") == [
            "id-000004",
            "id-000003",
        ]
        assert ids(api, text="USERS", since="2h", limit=1) == ["id-000004"]
        first = api.get("/records", limit=4)
        assert ids(api, limit=4, after=first["next"]) == ["id-000001", "id-000000"]
        assert api.get("/records/id-000003")["consumer"] == "web"
        assert ids(api, where="consumer=") == ["id-000009"]
        assert ids(api, status="failed") == []
        failed = make_record(10, NOON - 3000 * SECOND, consumer="web", status=503)
        AuditWriter(trail.engine).write([Chain("b/worker-1").seal(failed)])
        assert ids(api, status="failed", where=["consumer=web"]) == ["id-000010"]
        assert api.refused("GET", "/records/none") == (404, "not-found")


@pytest.mark.parametrize(
    "params",
    [
        {"status": "9x"}, {"where": "nothing=1"}, {"where": "consumer"}, {"where": ["consumer=a", "consumer=b"]},
        {"since": "yesterday"}, {"after": "?"}, {"after": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OSB4"},
        {"until": "99999999999w"},
    ],
)  # fmt: skip
def test_wrong_searches(api: Api, params: dict[str, object]) -> None:
    """A search that can't be is refused, and says why."""
    assert api.refused("GET", "/records", params=params) == (400, "malformed-request")


def test_usage(trail: World) -> None:
    """Usage is summed up by what is asked, over the last day unless told otherwise, whole or in steps."""
    with calling(trail, acting_as=LOCAL) as api:
        whole = api.get("/usage")
        assert (whole["until"], whole["items"][0]["requests"], whole["items"][0]["labels"]) == (
            "2026-09-22T12:00:00Z", 5, {},
        )  # fmt: skip
        by = api.get("/usage", by=["consumer"])["items"]
        assert {item["labels"]["consumer"]: item["requests"] for item in by} == {"shop": 3, "web": 2}
        stepped = api.get("/usage", by="consumer", where="consumer=web", step="hour")["items"]
        assert [(item["start"], item["requests"]) for item in stepped] == [("2026-09-22T11:00:00Z", 2)]
        of_class = api.get("/usage", by=["status_class", "status_class"], where="status_class=2")["items"]
        assert [item["requests"] for item in of_class] == [5]


@pytest.mark.parametrize(
    "params",
    [{"by": "nothing"}, {"step": "year"}, {"since": "1h", "until": "2h"}, {"where": "status_class=x"}, {"where": "a"}],
)
def test_wrong_usage(either_api: Api, params: dict[str, object]) -> None:
    """A question about usage that can't be is refused, and says why."""
    assert either_api.refused("GET", "/usage", params=params) == (400, "malformed-request")
