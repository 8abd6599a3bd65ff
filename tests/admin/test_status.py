"""How a gateway is, as far as it is known to who asks."""

import pytest

from exeat.admin.shown import render_time
from exeat.admin.status import NOTHING_RUNS
from exeat.store.audit_writer import AuditWriter
from tests.admin.service import LOCAL, NOW, UPSTREAM, Api, World, calling
from tests.store.made import NOON, Chain


def test_without_a_gateway(either_api: Api) -> None:
    """Where no gateway runs, what is in the database is known: its last revision, and who wrote records."""
    AuditWriter(either_api.world.engine).write(Chain("aaa/control").batches([1], NOON, step=0))
    either_api.fine("PUT", "/upstreams/github", UPSTREAM)
    status = either_api.get("/status")
    assert (status["revision"], status["time"], status["uptime_s"]) == (1, render_time(int(NOW * 1e6)), None)
    assert status["database"] == either_api.world.engine.dialect.name
    assert status["instances"] == [{"name": "aaa", "last_record_at": render_time(NOON)}]
    for unknown in ("instance", "in_force", "snapshot", "started_at", "workers", "journals", "records_stay"):
        assert status[unknown] is None


@pytest.mark.parametrize("trouble", [None, "the database is full"])
def test_of_a_gateway(world: World, trouble: str | None) -> None:
    """What a running gateway knows of itself is shown as it says it, and since when it runs."""
    counts = {"in_flight": 2, "connections": 3, "upstream_connections": 4}
    worker = {"number": 1, "pid": 7, **counts, "draining": False, "ready": True, "records_fail": None}
    known = {
        "instance": "aaa",
        "in_force": 3,
        "leaving": False,
        "snapshot": "abc",
        "started_at": int((NOW - 90) * 1e6),
        "workers": [worker],
        "records_stay": trouble,
        "journals": [{"name": "worker-1", "segments": 1, "stuck": None}],
    }
    with calling(world, acting_as=LOCAL, status=lambda: known) as api:
        status = api.get("/status")
    assert status["uptime_s"] == 90.0
    assert {name: status[name] for name in known if name != "started_at"} == {
        name: value for name, value in known.items() if name != "started_at"
    }


def test_credentials_of_pools(world: World) -> None:
    """What workers say of a pool's credentials is shown once for all of them, with the longest rest."""
    counts = {"in_flight": 0, "connections": 0, "upstream_connections": 0}
    worker = {"pid": 7, **counts, "draining": False, "ready": True, "records_fail": None}
    refused = {"upstream": "model", "credential": "bearer 2", "state": "refused", "status": 401, "part": None}
    limited = {"upstream": "model", "credential": "bearer 1", "state": "limited", "status": None, "part": "search"}
    said = [[{**refused, "rests_until": 1005}], [{**refused, "rests_until": 1007}, {**limited, "rests_until": 1001}]]
    workers = [{**worker, "number": number, "credentials": each} for number, each in enumerate(said, 1)]
    with calling(world, acting_as=LOCAL, status=lambda: {**NOTHING_RUNS, "workers": workers}) as api:
        status = api.get("/status")
    assert status["resting_credentials"] == [
        {**limited, "until": render_time(1001 * 1_000_000)},
        {**refused, "until": render_time(1007 * 1_000_000)},
    ]
    assert "credentials" not in status["workers"][0]


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        ({"workers": [{"ready": True}, {"ready": False}]}, 200, "ready\n"),
        ({"workers": [{"ready": False}]}, 503, "no worker takes new calls\n"),
        ({"workers": []}, 503, "no worker serves\n"),
        ({}, 503, "no worker serves\n"),
        (
            {"leaving": True, "workers": [{"ready": True}]},
            503,
            "draining: this instance finishes what it has begun\n",
        ),
    ],
)
def test_probes(world: World, state: dict[str, object], status: int, text: str) -> None:
    """Whoever starts and stops processes is told without a token whether the gateway lives, and takes calls."""
    with calling(world, status=lambda: state) as api:
        live, ready = api.probe("/livez"), api.probe("/readyz")
    assert (live.status_code, live.text) == (200, "live\n")
    assert (ready.status_code, ready.text) == (status, text)
