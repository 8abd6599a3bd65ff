"""The raw HTTP/1.1 messages of http1.yaml: each means the same however it is cut, and exactly what its class says."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from exeat.errors import GatewayError
from exeat.model.snapshot import Snapshot
from exeat.wire.http1 import check_partial
from tests.conformance.classes import CLASSES, EXPECTATIONS, SECRET, invariants
from tests.conformance.outcome import Outcome, Stage
from tests.support.capture import Capture, bound_socket
from tests.support.cases import Exchanged, exchanged, read_cases
from tests.support.gateway import make_key
from tests.support.in_process import LIMIT_S, LocalGateway, compile_document
from tests.support.slices import SLICES, Slice

DOCUMENT = read_cases("http1.yaml")
SLOW = b"POST /s/a HTTP/1.1\r\nHost: gw.test\r\n%AUTH%Transfer-Encoding: chunked\r\n\r\n"
OWN_IDENTITY = b"Exeat-Consumer: admin\r\nexeat_consumer: admin\r\nX-Forwarded-For: admin\r\nx_forwarded_for: admin\r\n"


def all_cases() -> list[Exchanged]:
    listed = DOCUMENT["cases"]
    assert isinstance(listed, list)
    return [exchanged(entry) for entry in listed]


CASES = all_cases()


class Bench:
    """One snapshot and one upstream's port for all runs; every run has a loop, a gateway and a capture of its own."""

    def __init__(self, folder: Path) -> None:
        self.listener = bound_socket()
        made = make_key()
        self.key = made.key.encode()
        self.snapshot: Snapshot = compile_document(self._document(made.sha256), folder)

    def _document(self, sha256: str) -> Mapping[str, object]:
        return {
            "upstreams": {
                "s": {
                    "url": f"http://127.0.0.1:{self.listener.getsockname()[1]}",
                    "plaintext": True,
                    "network": {"private": ["127.0.0.0/8"]},
                    "credential": {"kind": "bearer", "secret": SECRET.decode()},
                    "retries": 0,  # a message has one outcome
                }
            },
            "consumers": {"caller": {"keys": [{"sha256": sha256}], "grants": ["s"]}},
        }

    def run(self, case: Exchanged, cut: Slice, *, is_kept: bool) -> Outcome:
        """One run; it leaves no task and no descriptor behind."""

        async def run() -> Outcome:
            stage = Stage(self.snapshot, Capture(self.listener), self.key)
            outcome = await stage.run(case, cut, is_kept=is_kept)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return outcome

        before = descriptors()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(run())
        assert descriptors() == before
        return outcome


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    uvloop.run(asyncio.sleep(0))  # the first loop of a process opens descriptors that stay
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.listener.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(bench: Bench, case: Exchanged) -> None:
    """A message has the outcome that its class names, in one write, byte by byte and cut at every CRLF."""
    judge(bench, with_own_names(case), is_kept=False)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.is_request and not case.send], ids=lambda case: case.id
)
def test_request_over_a_kept_connection(bench: Bench, case: Exchanged) -> None:
    """A request has the same outcome where it needn't wait for a connection to the upstream."""
    judge(bench, with_own_names(case), is_kept=True)


def judge(bench: Bench, case: Exchanged, *, is_kept: bool) -> None:
    """Run a case in every cut; each has to be right, and all of them the same."""
    essences = {}
    for name, cut in SLICES.items():
        outcome = bench.run(case, cut, is_kept=is_kept)
        essences[name] = outcome.essence
        try:
            CLASSES[case.kind](outcome)
            invariants(outcome)
        except AssertionError as error:
            raise AssertionError(f"{case.id}, {name}: {case.why}\n{error}\n{essences[name]}") from error
    if case.kind != "truncated":  # its class allows 502 as long as no head was relayed, so there the cut may decide
        assert essences["bytewise"] == essences["whole"]
        assert essences["at every CRLF"] == essences["whole"]


def test_a_slow_body_does_not_hold_its_head_back(bench: Bench) -> None:
    """A chunked request's head waits a moment for the first chunk, to be refused with it; it doesn't wait for ever."""

    async def converse() -> bytes:
        async with (
            asyncio.timeout(LIMIT_S),
            Capture(bench.listener) as capture,
            LocalGateway(bench.snapshot) as gateway,
        ):
            stage = Stage(bench.snapshot, capture, bench.key)
            caller = await gateway.caller([b"POST"])
            caller.transport.write(stage.filled(SLOW))
            await capture.changes.until(lambda: capture.received.endswith(b"\r\n\r\n"))
            caller.transport.write(b"5\r\nhello\r\n0\r\n\r\n")
            await caller.changes.until(lambda: bool(caller.finals))
            caller.abort()
            return capture.calls[0].body

    assert uvloop.run(converse()) == b"hello"


def test_a_head_in_drops_costs_no_more_than_its_size() -> None:
    """What was judged of a head isn't judged again with every byte: 32 KiB in single bytes cost no ten seconds."""
    head = b"GET /s/a HTTP/1.1\r\n" + b"X-Field: some value\r\n" * 1500
    began = time.process_time()
    for place in range(len(head)):
        check_partial(head[:place], place - 1)
    assert time.process_time() - began < 2
    with pytest.raises(GatewayError):
        check_partial(head + b"\n", len(head))


def with_own_names(case: Exchanged) -> Exchanged:
    """Q176 asks for the project's own names of the fields that say who calls."""
    raw = case.raw.replace(b"X-Gateway-Caller: admin\r\nx_gateway_caller: admin\r\n", OWN_IDENTITY)
    return replace(case, raw=raw)


def test_every_expectation_is_understood() -> None:
    """No case asks for something that isn't looked at."""
    assert {case.kind for case in CASES} <= set(CLASSES)
    assert {name for case in CASES for name in case.expect} <= EXPECTATIONS
    described = DOCUMENT["classes"]
    assert isinstance(described, dict)
    assert set(CLASSES) <= set(described)
    assert len({case.id for case in CASES}) == len(CASES) == 130
