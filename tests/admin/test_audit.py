"""Exporting and verifying the audit trail over the API, and the proof of one record."""

import csv
import io
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from exeat.admin import exporting
from exeat.admin.exporting import Export, GoneError
from exeat.store.audit_writer import AuditWriter
from exeat.store.database import writing
from exeat.store.search import Query
from tests.admin.service import LOCAL, Api, World, calling
from tests.store.made import CHAIN, NOON, SECOND, Chain, make_record, rendered
from tests.support.gateway import wait_until


@pytest.fixture
def trail(either_engine: Engine, world: World) -> Iterator[Api]:
    """A caller of the API of a trail of two batches."""
    world.engine = either_engine
    chain = Chain()
    consumers = ("web", "shop", "web", "shop", "web")
    records = [
        make_record(number, NOON + number * SECOND, consumer=name) for number, name in enumerate(consumers, start=1)
    ]
    AuditWriter(either_engine).write([chain.seal(*records[:3]), chain.seal(*records[3:])])
    with calling(world, acting_as=LOCAL) as api:
        yield api


def exported(api: Api, **params: object) -> list[str]:
    """The ids of the records of an export in JSON Lines."""
    lines = api.ask("GET", "/audit/export", params=params).text.splitlines()
    return [record["record"]["id"] for record in map(orjson.loads, lines) if "record" in record]


def test_an_export_has_what_is_asked_for(trail: Api) -> None:
    """An export is a file of the records that a search finds, oldest first, in either format."""
    assert exported(trail) == [f"id-{number:06d}" for number in range(1, 6)]
    assert exported(trail, where="consumer=shop") == ["id-000002", "id-000004"]
    since = rendered(NOON + 4 * SECOND)
    assert exported(trail, since=since) == ["id-000004", "id-000005"]
    response = trail.ask("GET", "/audit/export", params={"format": "csv", "where": "consumer=web"})
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"].startswith('attachment; filename="exeat-records-')
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["id"] for row in rows] == ["id-000001", "id-000003", "id-000005"]
    assert orjson.loads(rows[0]["record"])["consumer"] == "web"


def test_a_sealed_export_has_its_seals(trail: Api) -> None:
    """A sealed export has each batch behind its seal; a part of batches can't have any."""
    lines = list(map(orjson.loads, trail.ask("GET", "/audit/export", params={"sealed": True}).text.splitlines()))
    assert ["seal" in line for line in lines] == [True, False, False, False, True, False, False]
    refused = trail.refused("GET", "/audit/export", params={"sealed": True, "where": "consumer=web"})
    assert refused == (400, "malformed-request")


def test_so_many_exports_at_once(trail: Api) -> None:
    """Beyond a few exports at once the next one is refused; each that ends makes room."""
    slots = trail.app.state.exports
    for _ in range(exporting.AT_ONCE):
        assert slots.acquire(blocking=False)
    assert trail.refused("GET", "/audit/export") == (503, "overloaded")
    slots.release()
    for _ in range(3):
        assert len(exported(trail)) == 5
        wait_until(lambda: slots._value == 1, "there is room again")  # noqa: SLF001 - nothing else shows it


def test_an_export_that_fails_is_cut(world: World) -> None:
    """What ends an export before its end is raised, so that nobody takes it for whole; and reported."""
    AuditWriter(world.engine).write([Chain().seal(make_record(1, NOON))])
    with writing(world.engine) as connection:
        connection.execute(text("UPDATE records SET body = x'ff'"))
    with calling(world, acting_as=LOCAL) as api, pytest.raises(UnicodeDecodeError):
        api.ask("GET", "/audit/export", params={"format": "csv"})
    assert [type(error) for error in world.reported] == [UnicodeDecodeError]


def test_nobody_takes_an_export(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where whoever asked has gone, the export ends, and its thread with it."""
    monkeypatch.setattr(exporting, "LOOK_S", 0.01)
    monkeypatch.setattr(exporting, "BLOCK_BYTES", 1024)
    AuditWriter(world.engine).write(Chain().batches([100]))
    done = threading.Event()
    made = Export(world.engine, "jsonl", Query(), sealed=False, done=done.set)
    made.begin()
    assert made.next()
    assert not done.wait(0.1)
    made.leave()
    assert done.wait(10)
    with pytest.raises(GoneError):
        made.put(b"more")


def verified(api: Api, wanted: dict[str, str] | None = None) -> dict[str, Any]:
    """What a verification finds."""
    assert api.fine("POST", "/audit/verify", wanted or {})["state"] in {"running", "verified", "faulty"}
    wait_until(lambda: api.get("/audit/verify")["state"] != "running", "it ends")
    found: dict[str, Any] = api.get("/audit/verify")
    return found


def test_a_trail_is_verified(trail: Api) -> None:
    """A verification says how far it is, and what it has found in each chain."""
    assert trail.get("/audit/verify")["state"] == "none"
    found = verified(trail)
    assert (found["state"], found["done"], found["total"], found["reason"]) == ("verified", 5, 5, None)
    [chain] = found["chains"]
    assert (chain["chain"], chain["batches"], chain["records"], chain["fault"]) == (CHAIN, 2, 5, None)
    part = verified(trail, {"since": rendered(NOON + 4 * SECOND)})
    assert (part["state"], part["done"], part["total"]) == ("verified", 2, None)
    assert trail.problems("POST", "/audit/verify", {"until": "yesterday"}).keys() == {"/until"}


def test_what_was_edited_is_found(world: World) -> None:
    """A record that was edited is named; so is why a verification couldn't be done."""
    AuditWriter(world.engine).write(Chain().batches([3, 2]))
    with writing(world.engine) as connection:
        connection.execute(text("UPDATE records SET body = CAST(body || ' ' AS BLOB) WHERE number = 4"))
    with calling(world, acting_as=LOCAL) as api:
        found = verified(api)
        [chain] = found["chains"]
        assert found["state"] == "faulty"
        assert (chain["fault"]["batch"], chain["fault"]["record"]) == (2, 4)
        assert api.get("/records/id-000004/proof")["matches"] is False
        assert api.get("/records/id-000003/proof")["matches"] is True
        with writing(world.engine) as connection:
            connection.execute(text("DROP TABLE seals"))
        api.fine("POST", "/audit/verify", {})
        wait_until(lambda: api.get("/audit/verify")["state"] == "failed", "it can't be done")
        assert api.get("/audit/verify")["reason"]


def test_a_proof(trail: Api) -> None:
    """A record's place in the trail is its chain, its number, and the seal of its batch."""
    proof = trail.get("/records/id-000004/proof")
    assert (proof["chain"], proof["number"], proof["matches"]) == (CHAIN, 4, True)
    seal = proof["seal"]
    assert (seal["number"], seal["first"], seal["size"]) == (2, 4, 2)
    assert (seal["oldest"], seal["newest"]) == ("2026-09-22T12:00:04Z", "2026-09-22T12:00:05Z")
    assert trail.get("/records/id-000003/proof")["seal"]["hash"] == seal["previous"]
    assert trail.refused("GET", "/records/none/proof") == (404, "not-found")
