"""The control listener of a running gateway: how it is, whom it takes for its caller, and what it records."""

import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key, wait_until
from tests.support.held_upstream import held_upstream
from tests.support.markers import MARKERS
from tests.support.raw_caller import RawCaller
from tests.support.recorded import database_of, recorded_in

TOKEN = MARKERS.make("token of the control listener")
GUESS = MARKERS.make("guessed password")


class Control(NamedTuple):
    """The control listener of a gateway."""

    gateway: Gateway

    def ask(self, method: str, path: str, data: object = None, **fields: str) -> httpx.Response:
        """One request; names of fields are written with `_`."""
        urls = self.gateway.serving["control"]
        assert isinstance(urls, list)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return httpx.request(method, f"{urls[0]}/api/v1{path}", json=data, headers=headers, timeout=15)

    def status(self) -> Mapping[str, Any]:
        """What GET /status says."""
        response = self.ask("GET", "/status", Authorization=f"Bearer {TOKEN}")
        assert response.status_code == 200, response.text
        found: Mapping[str, Any] = response.json()
        return found

    def changes(self, action: str) -> list[JsonObject]:
        """The records of an action, once they are in the database."""
        records = map(json.loads, recorded_in(database_of(self.gateway.folder)))
        return [record for record in records if record["kind"] == "change" and record["action"] == action]


@contextmanager
def running(document: Mapping[str, object], *, workers: int = 1, **env: str) -> Iterator[Control]:
    """A gateway with a control listener."""
    own = {"EXEAT_CONTROL_LISTEN": "127.0.0.1:0", "EXEAT_ADMIN_TOKEN": TOKEN, **env}
    with Gateway(document, own, workers=workers) as gateway:
        yield Control(gateway)


def call(port: int, key: MadeKey) -> None:
    """A call that takes as long as its upstream does."""
    with RawCaller(port) as caller:
        assert caller.call("GET", "/slow/", f"Exeat-Key: {key.key}").status == 200


def of_workers(control: Control, member: str) -> list[Any]:
    """What each worker says of itself."""
    return [worker[member] for worker in control.status()["workers"]]


def test_status() -> None:
    """The status says what is in force, what each worker has under way now, and who keeps records where."""
    key = make_key()
    with held_upstream() as upstream:
        document = {
            "upstreams": {"slow": upstream.entry},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["slow"]}},
        }
        with running(document, workers=2) as control:
            wait_until(lambda: len(of_workers(control, "pid")) == 2, "both workers have reported")
            calling = threading.Thread(target=call, args=(control.gateway.port, key))
            calling.start()
            wait_until(lambda: sum(of_workers(control, "in_flight")) == 1, "the call is seen")
            assert sum(of_workers(control, "connections")) == sum(of_workers(control, "upstream_connections")) == 1
            upstream.release.set()
            calling.join()
            wait_until(lambda: sum(of_workers(control, "in_flight")) == 0, "its end is seen")
            status = control.status()
            assert sorted(of_workers(control, "pid")) == sorted(control.gateway.worker_pids())
            assert set(of_workers(control, "records_fail")) == {None}
            assert (status["in_force"], status["problems"], status["records_stay"]) == (status["revision"], [], None)
            assert {"control", "worker-1", "worker-2"} <= {journal["name"] for journal in status["journals"]}
            assert 0 < status["uptime_s"] < 60
            wait_until(lambda: bool(control.status()["instances"]), "its records are in the database")
            assert [one["name"] for one in control.status()["instances"]] == [status["instance"]]


def test_status_of_a_worker_that_died() -> None:
    """A worker that is gone is in no status; its successor is."""
    with running({}, workers=2) as control:
        wait_until(lambda: len(of_workers(control, "pid")) == 2, "both workers have reported")
        gone, stays = of_workers(control, "pid")
        os.kill(gone, signal.SIGKILL)
        wait_until(lambda: {stays} < set(of_workers(control, "pid")) - {gone}, "its successor has reported")
        assert of_workers(control, "number") == [1, 2]


def test_in_force_follows() -> None:
    """A change is in force once every worker serves by it; one that only concerns administrators is at once."""
    with running({}) as control:
        path, data = "/destinations/example.com", {"host": "example.com"}
        before = control.status()["revision"]
        response = control.ask("PUT", path, data, Authorization=f"Bearer {TOKEN}")
        assert response.status_code == 200
        wait_until(lambda: control.status()["in_force"] == before + 1, "the destination is in force")
        body = {"name": "ann", "role": "viewer"}
        assert control.ask("POST", "/administrators", body, Authorization=f"Bearer {TOKEN}").status_code == 201
        wait_until(lambda: control.status()["in_force"] == before + 2, "there is nothing more to do")


def test_log_ins_are_recorded() -> None:
    """The first administrator, and a log-in that failed, are in the audit trail; behind a proxy with the caller."""
    with running({}, EXEAT_TRUSTED_PROXIES="127.0.0.1") as control:
        body = {"name": "admin", "password": GUESS}
        fields = {"X_Forwarded_For": "6.6.6.6, 192.0.2.7", "X_Forwarded_Proto": "https"}
        assert control.ask("POST", "/session", body, **fields).status_code == 401
        assert "Secure" in control.ask("POST", "/session", {"token": TOKEN}, **fields).headers["set-cookie"]
        wait_until(lambda: bool(control.changes("log-in")), "it is recorded")
        [failed] = control.changes("log-in-failed")
        assert (failed["actor"], failed["object"]) == ("admin", "administrator/admin")
        assert failed["after"] == {"address": "192.0.2.7", "reason": "the password is wrong"}
        made = [str(record["object"]).partition("/")[0] for record in control.changes("create")]
        assert sorted(made) == ["administrator", "token"]


def test_a_stranger_is_not_believed() -> None:
    """Without the setting, what a caller writes of themselves is in no record, and makes no cookie another."""
    with running({}) as control:
        fields = {"X_Forwarded_For": "192.0.2.7", "X_Forwarded_Proto": "https"}
        assert "Secure" not in control.ask("POST", "/session", {"token": TOKEN}, **fields).headers["set-cookie"]
        wait_until(lambda: bool(control.changes("log-in")), "it is recorded")
        assert [record["after"] for record in control.changes("log-in")] == [{"address": "127.0.0.1"}]
