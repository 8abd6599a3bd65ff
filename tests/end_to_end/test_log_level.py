"""EXEAT_LOG_LEVEL: the same for every process, and for access lines, which are the records."""

import socket
from contextlib import suppress

from tests.support.collector import collector
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.origins import Origin
from tests.support.programs import free_port
from tests.support.raw_caller import RawCaller
from tests.support.recorded import behave, database_of, recorded_in, wait_for_records


def document_for(origin: Origin, key: MadeKey) -> dict[str, object]:
    """One upstream with a limit that a process of its own counts, where there are several workers."""
    return {
        "upstreams": {"api": {**origin.entry(), "limits": [{"quota": "100/month"}]}},
        "consumers": {"shop": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
    }


def call(port: int, key: MadeKey, target: str = "/api/fine?page=2") -> str:
    """One call; its id."""
    with RawCaller(port) as caller:
        return str(caller.call("GET", target, f"Exeat-Key: {key.key}").field("exeat-request-id"))


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_a_line_is_the_record() -> None:
    """An access line in JSON is the bytes of the record: the same members with the same values."""
    key = make_key()
    with Origin(behave) as origin, Gateway(document_for(origin, key)) as gateway:
        ids = [call(gateway.port, key), call(gateway.port, key, "/nobody/"), call(gateway.port, key, "/api/missing")]
        wait_for_records(gateway.folder, *ids)
        gateway.access_lines(3)
        lines = gateway.stdout().splitlines()
        recorded = [body.decode() for body in recorded_in(database_of(gateway.folder)) if b'"exchange"' in body]
        assert sorted(lines) == sorted(recorded)


def test_a_level_holds_for_every_process() -> None:
    """At `warning` no process says anything less, and there are no access lines; records are kept all the same."""
    key, port = make_key(), free_port()
    with collector() as unwilling, Origin(behave) as origin:
        unwilling.status = 400
        listens = f"127.0.0.1:{port}"
        settings = {"EXEAT_LOG_LEVEL": "warning", "EXEAT_LISTEN": listens, "EXEAT_OTLP_URL": unwilling.url}
        gateway = Gateway(document_for(origin, key), settings, workers=2)
        try:
            gateway.launch()
            wait_until(lambda: is_open(port), "it listens")
            wait_for_records(gateway.folder, call(port, key))
            # A worker hands its spans over every second, and takes those that it still has with it.
            wait_until(lambda: bool(gateway.events("traces can't be sent")), "a warning of the control process")
            gateway.kill_worker(gateway.worker_pids()[0])
            wait_until(lambda: bool(gateway.events("worker died; it is started again")), "an error of the supervisor")
            wait_until(lambda: len(gateway.worker_pids()) == 2, "another worker")
            gateway.stop()
            assert gateway.stdout() == ""
            assert {event["process"] for event in gateway.events()} == {"supervisor", "control"}
            assert {event["level"] for event in gateway.events()} == {"warning", "error"}
        finally:
            gateway.__exit__(None, None, None)


def test_every_process_speaks_at_debug() -> None:
    """At `debug` the processes that have something to say say it, each under its name."""
    key = make_key()
    with Origin(behave) as origin, Gateway(document_for(origin, key), workers=2) as gateway:
        call(gateway.port, key)
        gateway.stop()
        assert {"supervisor", "counters"} <= {event["process"] for event in gateway.events()}
        assert "debug" in {event["level"] for event in gateway.events()}
