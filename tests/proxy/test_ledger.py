"""Conversations with a journal: what is in the file when a byte leaves, and what doesn't leave when nothing can be."""

import errno
from pathlib import Path

import orjson
import pytest

from exeat.journal.recovery import recover
from exeat.model.snapshot import Audit, Snapshot
from exeat.proxy.record import interrupted
from tests.journal.lives import Disk, safe_in
from tests.support.access import attempts_of
from tests.support.journalled import journalled
from tests.support.playbook import CHUNKED, CREDENTIAL, KEYED, UPSTREAM, Party, message
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"
ASK = ("GET /api/a HTTP/1.1", HOST, KEYED)
FULL = OSError(errno.ENOSPC, "No space left on device")


def going_on() -> Snapshot:
    """The plain configuration, with `on_failure: continue`."""
    whole = snapshot(upstream("api", "http://api.test"))
    return Snapshot(**{name: getattr(whole, name) for name in _FIELDS} | {"audit": Audit(goes_on=True)})


_FIELDS = [name for name in Snapshot.__dataclass_fields__ if name not in {"audit", "domain_endings"}]


def ids_in(folder: Path) -> list[str]:
    return [orjson.loads(made)["id"] for made in safe_in(folder)]


def watch(party: Party, folder: Path) -> list[tuple[int, int]]:
    """Each time something arrives at a party: how many bytes it has then, and how many records the journal."""
    seen: list[tuple[int, int]] = []
    transport = party._transport  # noqa: SLF001 - the hook is the transport's own
    transport.arrived = lambda: seen.append((len(transport.sent), len(safe_in(folder))))
    return seen


@pytest.mark.parametrize("size", [0, 5, 20_000, 300_000])
@pytest.mark.parametrize("framing", ["length", "chunked", "pieces"])
def test_an_answer_is_complete_after_its_record(tmp_path: Path, size: int, framing: str) -> None:
    """However an answer is framed, however large, in whatever pieces: its last byte leaves after its record."""
    with journalled(tmp_path) as stage:
        caller = stage.caller()
        seen = watch(caller, tmp_path)
        caller.says(*ASK)
        api = stage.upstream()
        body = b"x" * size
        if framing == "chunked":
            chunk = b"%x\r\n%b\r\n" % (size, body) if size else b""
            api.says("HTTP/1.1 200 OK", CHUNKED, body=chunk + b"0\r\n\r\n")
        elif framing == "length":
            api.says("HTTP/1.1 200 OK", f"Content-Length: {size}", body=body)
        else:
            api.says("HTTP/1.1 200 OK", f"Content-Length: {size}")
            for place in range(0, size, 50_000):
                api.sends(body[place : place + 50_000])
        total = len(caller.takes_raw())
        assert total > size
        assert {records for sent, records in seen if sent == total} == {1}
        assert ids_in(tmp_path) == [stage.records[0]["id"]]


def test_a_request_leaves_after_its_intent(tmp_path: Path) -> None:
    """When an upstream hears of a request, its intent is in the file; when it was answered, its record is."""
    with journalled(tmp_path) as stage:
        caller = stage.caller()
        caller.says(*ASK, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        [known] = recover(tmp_path).open_intents
        record = orjson.loads(interrupted(known))
        stage.upstream().says("HTTP/1.1 204 No Content")
        caller.takes()
        [made] = [orjson.loads(one) for one in safe_in(tmp_path)]
        assert recover(tmp_path).open_intents == []
    assert list(record) == list(made)
    same = ("id", "time", "kind", "consumer", "key", "address", "mode", "method", "upstream", "origin", "path", "query")
    assert {name: record[name] for name in (*same, "trace")} == {name: made[name] for name in (*same, "trace")}
    assert made["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert (record["outcome"], made["outcome"]) == ("interrupted", "completed")


def test_what_is_refused_has_a_record_and_no_intent(tmp_path: Path) -> None:
    """A call that is refused was never about to leave."""
    with journalled(tmp_path) as stage:
        caller = stage.caller()
        caller.says("GET /nothing/ HTTP/1.1", HOST, KEYED)
        caller.hears_problem(404, "upstream-unknown")
        [made] = [orjson.loads(one) for one in safe_in(tmp_path)]
        assert (made["outcome"], made["error"], made["attempts"]) == ("refused", "upstream-unknown", [])


@pytest.mark.parametrize("is_warm", [True, False])
def test_nothing_leaves_without_its_intent(tmp_path: Path, is_warm: bool) -> None:  # noqa: FBT001 - pytest's own
    """Where the intent can't be written, not a byte of the request leaves, on a new connection or a kept one."""
    disk = Disk()
    with disk.used(), journalled(tmp_path) as stage:
        caller = stage.caller()
        if is_warm:
            caller.says(*ASK)
            stage.upstream().says("HTTP/1.1 204 No Content")
            caller.takes()
            stage.upstream().takes()
        before = [len(stage.upstream(n + 1)._transport.sent) for n in range(stage.dialled)]  # noqa: SLF001 - to compare
        disk.write = FULL
        caller.says("POST /api/a HTTP/1.1", HOST, KEYED, "Content-Length: 20000", body="x" * 20_000)
        caller.hears_problem(503, "audit-unavailable")
        caller.says(*ASK)
        caller.hears_problem(503, "audit-unavailable")
        caller.says("GET /-/ready HTTP/1.1", HOST)
        caller.hears_problem(503, "audit-unavailable")
        after = [stage.upstream(n + 1)._transport.sent for n in range(stage.dialled)]  # noqa: SLF001 - to compare
        assert [len(sent) for sent in after] == before + [0] * (len(after) - len(before))
        assert "records can't be kept" not in stage.log
        stage.passes(0.2)
        assert stage.log.count("records can't be kept") == 1
        assert stage.worker.report()["records_fail"]
        disk.write = None
        stage.passes(1.2)
        assert stage.log.count("records are kept again") == 1
        assert stage.worker.report()["records_fail"] is None
        caller.says(*ASK)
        stage.upstream(stage.dialled).says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
        assert ids_in(tmp_path) == [record["id"] for record in stage.records]
        stage.forget_log()


def test_what_is_under_way_is_finished(tmp_path: Path) -> None:
    """Where writing begins to fail in the middle of an exchange, its answer is finished and its record waits."""
    disk = Disk()
    with disk.used(), journalled(tmp_path) as stage:
        caller = stage.caller()
        caller.says(*ASK)
        disk.write = FULL
        stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 20000", body="x" * 20_000)
        assert caller.takes().endswith(b"x" * 20_000)
        assert safe_in(tmp_path) == []
        disk.write = None
        stage.passes(1.2)
        assert ids_in(tmp_path) == [record["id"] for record in stage.records]


def test_going_on_without(tmp_path: Path) -> None:
    """With `on_failure: continue` requests leave all the same, and the gateway stays ready."""
    disk = Disk()
    with disk.used(), journalled(tmp_path, going_on()) as stage:
        disk.write = FULL
        caller = stage.caller()
        caller.says(*ASK)
        api = stage.upstream()
        for _ in range(2):
            api.hears("GET /a HTTP/1.1", "Host: api.test", CREDENTIAL)
            api.says("HTTP/1.1 204 No Content")
            caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
            caller.says(*ASK)
        api.says("HTTP/1.1 204 No Content")
        caller.takes()
        caller.says("GET /-/ready HTTP/1.1", HOST)
        assert caller.takes().startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_end_of_each_pipelined_answer(tmp_path: Path) -> None:
    """Requests that came together are each recorded before their answer is whole, large or small."""
    with journalled(tmp_path) as stage:
        caller = stage.caller()
        seen = watch(caller, tmp_path)
        caller.sends(message(*ASK) * 3)
        ends = []
        for size in (200_000, 3, 30_000):
            stage.upstream().says("HTTP/1.1 200 OK", f"Content-Length: {size}", body=b"x" * size)
            ends.append(len(caller._transport.sent))  # noqa: SLF001 - nothing is taken
        for number, end in enumerate(ends, 1):
            assert min(records for sent, records in seen if sent >= end) >= number
        assert [len(attempts_of(record)) for record in stage.records] == [1, 1, 1]
