"""New processes in the place of all workers, one by one: no request fails, and what has begun is finished."""

import http.client
import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import pytest

from tests.support.gateway import Document, Gateway, MadeKey, make_key, run_exeat, wait_until
from tests.support.held_upstream import BODY, held_upstream
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller
from tests.support.recorded import wait_for_records

CALLERS = 6
ROUNDS = 4
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
REPLACED = "worker is replaced"


class Busy(ThreadingHTTPServer):
    """An upstream whose answers come in two pieces, so that a restart meets some in their middle."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), BusyHandler)


class BusyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.wfile.write(ANSWER)
        time.sleep(0.003)  # a moment in which the answer has begun and isn't complete
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited name
        """Say nothing."""


@contextmanager
def busy() -> Iterator[dict[str, object]]:
    """Run one; the upstream as a document declares it."""
    server = Busy()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        private = {"network": {"private": ["127.0.0.0/8"]}, "plaintext": True, "retries": "off"}
        yield {"url": f"http://127.0.0.1:{server.server_port}", **private}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def document(key: MadeKey, upstream: dict[str, object]) -> Document:
    """One upstream, and a consumer that may call it."""
    consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}}
    return {"upstreams": {"api": upstream}, "consumers": consumers}


class Load:
    """Callers that go on until `stop`: each second one keeps its connection, the others make a new one each time."""

    def __init__(self, gateway: Gateway, key: MadeKey, *, tls: bool) -> None:
        self.answered = 0
        self.failed: list[str] = []
        self._gateway = gateway
        self._fields = {"Exeat-Key": key.key}
        self._context = ssl.create_default_context(cafile=str(gateway.certificate)) if tls else None
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call, args=(number % 2 == 0,)) for number in range(CALLERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _connect(self) -> http.client.HTTPConnection:
        port = self._gateway.port
        if self._context is not None:
            return http.client.HTTPSConnection("localhost", port, timeout=20, context=self._context)
        return http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def _call(self, keeps: bool) -> None:  # noqa: FBT001 - a thread's argument
        connection = self._connect()
        while not self._stopped.is_set():
            try:
                connection.request("GET", "/api/x", headers=self._fields)
                answer = connection.getresponse()
                said = (answer.status, answer.read())
            except (OSError, http.client.HTTPException) as error:
                said = (0, repr(error).encode())
                connection.close()
            with self._lock:
                if said == (200, b"ok"):
                    self.answered += 1
                else:
                    self.failed.append(f"{said} {'kept' if keeps else 'new'}")
            if not keeps:
                connection.close()
        connection.close()


@pytest.mark.parametrize(("workers", "tls"), [(1, False), (2, False), (2, True)])
def test_no_request_fails(workers: int, tls: bool) -> None:  # noqa: FBT001
    """Round after round, on kept and on new connections; and every call has its record, in whichever journal."""
    key = make_key()
    with busy() as upstream, Gateway(document(key, upstream), workers=workers, tls=tls) as gateway:
        first = set(gateway.worker_pids())
        with Load(gateway, key, tls=tls) as load:
            for number in range(ROUNDS):
                before = load.answered
                wait_until(lambda before=before: load.answered > before + 20, "calls are answered")  # type: ignore[misc]
                gateway.signal(signal.SIGUSR2)
                wait_until(lambda number=number: replaced(gateway) == (number + 1) * workers, "workers are replaced")  # type: ignore[misc]
        assert load.failed == []
        wait_until(lambda: len(gateway.worker_pids()) == workers, "the old workers are gone")
        assert not first & set(gateway.worker_pids())
        lines = gateway.access_lines(load.answered)
        assert len(lines) == load.answered
        records = wait_for_records(gateway.folder, *(str(line["id"]) for line in lines))
        assert sum(record["kind"] == "exchange" for record in records) == load.answered
        assert not [event for event in gateway.events() if event["level"] in {"warning", "error"}]


def replaced(gateway: Gateway) -> int:
    """How many workers were replaced so far."""
    return len(gateway.events(REPLACED))


def test_a_unix_socket_too(tmp_path: Path) -> None:
    """The socket's file stays, and whoever connects to it is served."""
    path = tmp_path / "gateway.sock"
    with Gateway({"upstreams": {}}, {"EXEAT_LISTEN": f"unix:{path},127.0.0.1:0"}) as gateway:
        for number in range(2):
            gateway.signal(signal.SIGUSR2)
            wait_until(lambda number=number: replaced(gateway) == number + 1, "the worker is replaced")  # type: ignore[misc]
            wait_until(lambda: len(gateway.worker_pids()) == 1, "the old one is gone")
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(path))
                sock.sendall(b"GET /-/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert sock.recv(100).startswith(b"HTTP/1.1 200 ")


def test_what_has_begun_is_finished() -> None:
    """A call that the old worker has begun is answered by it, while the new one serves already."""
    key = make_key()
    with held_upstream() as upstream, Gateway(document(key, upstream.entry)) as gateway:
        (old,) = gateway.worker_pids()
        with RawCaller(gateway.port) as caller, gateway.expect(REPLACED):
            caller.request("GET", "/api/", f"Exeat-Key: {key.key}")
            assert upstream.arrived.wait(10)
            gateway.signal(signal.SIGUSR2)
        with RawCaller(gateway.port) as other:
            assert other.call("GET", "/-/live").status == 200
        assert old in gateway.worker_pids()


def test_streams_have_a_limit_of_their_own() -> None:
    """A stream goes on for EXEAT_DRAIN_STREAMS_S after a restart, then it is broken off and says why."""
    key = make_key()

    def beat(peer: Peer, request: Request) -> None:
        del request
        peer.send(EVENTS)
        while not peer.has_ended(0.05):
            peer.send(b"9\r\ndata: 1\n\n\r\n")

    limits = {"EXEAT_DRAIN_S": "0.2", "EXEAT_DRAIN_STREAMS_S": "1.5"}
    with Origin(beat) as origin, Gateway(document(key, origin.entry(retries="off")), limits) as gateway:
        with RawCaller(gateway.port) as caller:
            caller.request("GET", "/api/", f"Exeat-Key: {key.key}")
            wait_until(lambda: bool(origin.requests), "the stream has begun")
            gateway.signal(signal.SIGUSR2)
            wait_until(lambda: replaced(gateway) == 1, "the worker is replaced")
            began = time.monotonic()
            answer = caller.read()
            assert 1.2 < time.monotonic() - began < 2.5
        assert not answer.complete
        assert b'"code":"draining"' in answer.body
        wait_until(lambda: len(gateway.worker_pids()) == 1, "the old worker is gone")


def test_a_worker_that_can_not_start_replaces_nobody() -> None:
    """Where the new worker can't do its work the one before stays, and it is said why."""
    with Gateway({"upstreams": {}}) as gateway:
        before = gateway.worker_pids()
        (gateway.folder / "exeat-data/journal/worker-2").write_text("in the way of the new one's journal")
        with gateway.expect("worker can't be replaced; the one before stays"):
            gateway.signal(signal.SIGUSR2)
        assert gateway.worker_pids() == before
        done = run_exeat("reload", "--workers", cwd=gateway.folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "worker 1 can't be replaced, so the one before stays: " in done.stderr
        with RawCaller(gateway.port) as caller:
            assert caller.call("GET", "/-/ready").status == 200
        (gateway.folder / "exeat-data/journal/worker-2").unlink()
        assert run_exeat("reload", "--workers", cwd=gateway.folder).returncode == 0
        assert gateway.worker_pids() != before


def test_an_old_worker_that_is_killed() -> None:
    """What it leaves in the middle is recorded as interrupted, though nobody will ever write in its journal again."""
    key = make_key()
    with held_upstream() as upstream, Gateway(document(key, upstream.entry)) as gateway:
        (old,) = gateway.worker_pids()
        with RawCaller(gateway.port) as caller:
            caller.request("GET", "/api/", f"Exeat-Key: {key.key}")
            assert upstream.arrived.wait(10)
            with gateway.expect(REPLACED):
                gateway.signal(signal.SIGUSR2)
            os.kill(old, signal.SIGKILL)
            wait_until(lambda: interrupted(gateway) == 1, "it is recorded")
        upstream.release.set()


def interrupted(gateway: Gateway) -> int:
    """How many exchanges are recorded as interrupted."""
    return sum(record["outcome"] == "interrupted" for record in wait_for_records(gateway.folder))


def test_a_worker_that_dies_while_it_is_replaced() -> None:
    """Its successor takes its place all the same, and there is one worker in the end."""
    with Gateway({"upstreams": {}}) as gateway:
        (old,) = gateway.worker_pids()
        with gateway.expect(REPLACED):
            gateway.signal(signal.SIGUSR2)
            os.kill(old, signal.SIGKILL)
        wait_until(lambda: len(gateway.worker_pids()) == 1, "one worker")
        assert old not in gateway.worker_pids()
        (last,) = gateway.worker_pids()
        with gateway.expect("worker is ready"):
            gateway.kill_worker(last)


def test_never_more_than_two_in_a_place() -> None:
    """A second restart waits until the old worker has finished; one that dies meanwhile is started again at once."""
    key = make_key()
    with held_upstream() as upstream, Gateway(document(key, upstream.entry)) as gateway:
        (old,) = gateway.worker_pids()
        with RawCaller(gateway.port) as caller:
            caller.request("GET", "/api/", f"Exeat-Key: {key.key}")
            assert upstream.arrived.wait(10)
            with gateway.expect(REPLACED):
                gateway.signal(signal.SIGUSR2)
            gateway.signal(signal.SIGUSR2)
            (current,) = set(gateway.worker_pids()) - {old}
            with gateway.expect("worker is ready"):
                gateway.kill_worker(current)
            assert (len(gateway.worker_pids()), replaced(gateway)) == (2, 1)
            upstream.release.set()
            assert caller.read().body == BODY
        wait_until(lambda: replaced(gateway) == 2, "the second restart goes on")
        wait_until(lambda: len(gateway.worker_pids()) == 1, "one worker")


def test_the_end_during_a_restart() -> None:
    """SIGTERM in the middle of a restart ends old and new, cleanly."""
    key = make_key()
    with held_upstream() as upstream, Gateway(document(key, upstream.entry), workers=2) as gateway:
        with RawCaller(gateway.port) as caller:
            caller.request("GET", "/api/", f"Exeat-Key: {key.key}")
            assert upstream.arrived.wait(10)
            gateway.signal(signal.SIGUSR2)
            wait_until(lambda: len(gateway.worker_pids()) == 3, "a new worker has been started")
            gateway.signal(signal.SIGTERM)
            upstream.release.set()
            assert caller.read().body == BODY
        assert gateway.wait() == 0


class TestCommand:
    def test_it_waits_until_all_are_replaced(self) -> None:
        """`exeat reload --workers` is done when every worker is a new one."""
        with Gateway({"upstreams": {}}, workers=2) as gateway:
            before = set(gateway.worker_pids())
            done = run_exeat("reload", "--workers", cwd=gateway.folder)
            assert (done.returncode, done.stdout, done.stderr) == (0, "2 workers are replaced\n", "")
            assert replaced(gateway) == 2
            wait_until(lambda: not before & set(gateway.worker_pids()), "the old ones are gone")
            as_json = run_exeat("reload", "--workers", "--json", cwd=gateway.folder)
            assert json.loads(as_json.stdout) == {"workers": 2}
