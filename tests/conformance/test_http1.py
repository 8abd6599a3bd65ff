"""The raw HTTP/1.1 messages of http1.yaml: each means the same however it is cut, and exactly what its class says."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from exeat.model.snapshot import Snapshot
from exeat.proxy import downstream
from tests.conformance.classes import CLASSES, EXPECTATIONS, SECRET, invariants
from tests.conformance.outcome import Outcome, Stage
from tests.support.capture import Capture, bound_socket
from tests.support.cases import Exchanged, exchanged, read_cases
from tests.support.gateway import make_key
from tests.support.in_process import compile_document
from tests.support.slices import SLICES, Slice

DOCUMENT = read_cases("http1.yaml")
HEAD_TIMEOUT_S = 0.3
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
        self._key = made.key.encode()
        self._snapshot: Snapshot = compile_document(self._document(made.sha256), folder)

    def _document(self, sha256: str) -> Mapping[str, object]:
        return {
            "upstreams": {
                "s": {
                    "url": f"http://127.0.0.1:{self.listener.getsockname()[1]}",
                    "plaintext": True,
                    "network": {"private": ["127.0.0.0/8"]},
                    "credential": {"kind": "bearer", "secret": SECRET.decode()},
                }
            },
            "consumers": {"caller": {"keys": [{"sha256": sha256}], "grants": ["s"]}},
        }

    def run(self, case: Exchanged, cut: Slice) -> Outcome:
        """One run; it leaves no task and no descriptor behind."""

        async def run() -> Outcome:
            outcome = await Stage(self._snapshot, Capture(self.listener), self._key).run(case, cut)
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
def test_case(bench: Bench, case: Exchanged, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message has the outcome that its class names, in one write, byte by byte and cut at every CRLF."""
    if "drip_s" in case.send:
        monkeypatch.setattr(downstream, "HEAD_TIMEOUT_S", HEAD_TIMEOUT_S)
    essences = {}
    for name, cut in SLICES.items():
        outcome = bench.run(with_own_names(case), cut)
        essences[name] = outcome.essence
        try:
            CLASSES[case.kind](outcome)
            invariants(outcome)
        except AssertionError as error:
            raise AssertionError(f"{case.id}, {name}: {case.why}\n{error}\n{essences[name]}") from error
    if case.kind != "truncated":  # its class allows 502 as long as no head was relayed, so there the cut may decide
        assert essences["bytewise"] == essences["whole"]
        assert essences["at every CRLF"] == essences["whole"]


def with_own_names(case: Exchanged) -> Exchanged:
    """Q176 asks for the project's own names of the fields that say who calls."""
    raw = case.raw.replace(b"X-Gateway-Caller: admin\r\nx_gateway_caller: admin\r\n", OWN_IDENTITY)
    return replace(case, raw=raw)


def test_every_expectation_is_understood() -> None:
    """No case asks for something that isn't looked at."""
    assert {case.kind for case in CASES} <= set(CLASSES)
    assert {name for case in CASES for name in case.expect} <= EXPECTATIONS
    assert set(CLASSES) <= set(DOCUMENT["classes"])  # type: ignore[call-overload]  # a mapping
    assert len({case.id for case in CASES}) == len(CASES) == 130
