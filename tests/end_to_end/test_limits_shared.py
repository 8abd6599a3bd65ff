"""Limits of a gateway with several workers: exact at any concurrency, whatever is killed."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import h11
import pytest

from exeat.state.counters_file import COUNTERS_FILE
from tests.support.gateway import Gateway, JsonObject, make_key, wait_until
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller
from tests.support.recorded import database_of, run_here

ENVIRONMENT = os.environ  # noqa: TID251 - a switch of the test run
RUNS = int(ENVIRONMENT.get("EXEAT_LIMIT_RUNS", "1"))
WORKERS = 4
CALLERS = 64 * WORKERS
N = 500
QUOTA: JsonObject = {"quota": f"{N}/year"}
# What all run out of, and how that is said.
EXACT: dict[str, tuple[list[JsonObject], int]] = {
    "quota": ([QUOTA], 429),
    "rate": ([{"rate": f"{N}/24h"}], 429),
    "budget": ([{"budget": "5 EUR/year", "price": "0.01 EUR"}], 402),
    "several": (
        [{"rate": "100_000/second", "per": "key"}, QUOTA, {"budget": "9 EUR/month", "price": "0.01 EUR"}],
        429,
    ),
}
DIED = "counters process died; it is started again"
AWAY = (
    "the counters can't be reached: rates and concurrency are counted by each worker alone, quotas and budgets refuse"
)


class Place:
    """A consumer of a gateway with limits, in front of an upstream that counts what reaches it.

    `behave` is what the upstream does with each of its requests; `waits` are how long its crowds' calls took (s).
    """

    def __init__(self, gateway: Gateway, name: str, key: str) -> None:
        self.gateway = gateway
        self.answers: Counter[int] = Counter()
        self.waits: list[float] = []
        self.received = 0
        self.behave: Callable[[], None] = lambda: None
        self._target = f"/api/{name}"
        self._key = key
        self._lock = threading.Lock()

    def receive(self) -> None:
        """The upstream has had a request."""
        with self._lock:
            self.received += 1
        self.behave()

    def call(self, caller: RawCaller, target: str = "") -> int:
        """One call on a connection; its status."""
        return caller.call("GET", target or self._target, f"Exeat-Key: {self._key}").status

    def status(self, target: str = "") -> int:
        """The status of one call on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return self.call(caller, target)

    def crowd(self, callers: int = CALLERS, calls: int = 6, *, during: Callable[[], None] | None = None) -> None:
        """Have many call at once, each on its own connection; `during` happens in the middle of it."""
        threads = [threading.Thread(target=self._crowd_one, args=(calls,)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        if during is not None:
            during()
        for thread in threads:
            thread.join()

    def _crowd_one(self, calls: int) -> None:
        left = calls
        while left > 0 and self.gateway.is_running:
            left -= 1
            with suppress(OSError, h11.RemoteProtocolError, AssertionError), RawCaller(self.gateway.port) as caller:
                while left >= 0:
                    began = time.monotonic()
                    status = self.call(caller)
                    left -= 1
                    with self._lock:
                        self.answers[status] += 1
                        self.waits.append(time.monotonic() - began)

    def exhaust(self) -> None:
        """Call until every worker says that nothing is left."""
        before = self.answers[200]
        while True:
            self.crowd(4 * WORKERS, 3)
            if self.answers[200] == before:
                return
            before = self.answers[200]

    def middle(self, part: int) -> None:
        """Wait until so many requests have reached the upstream."""
        wait_until(lambda: self.received >= part, f"{part} requests")


@contextmanager
def limited(*limits: JsonObject, workers: int = WORKERS, folder: Path | None = None) -> Iterator[Place]:
    """A gateway whose consumer has these limits."""
    with consumers_of({"x": list(limits)}, workers=workers, folder=folder) as places:
        yield places["x"]


@contextmanager
def consumers_of(
    limits: Mapping[str, list[JsonObject]], *, workers: int = WORKERS, folder: Path | None = None
) -> Iterator[dict[str, Place]]:
    """A gateway, and for each name a consumer who has these limits."""
    keys = {name: make_key() for name in limits}
    places: dict[str, Place] = {}

    def behave(peer: Peer, request: Request) -> None:
        place = places.get(request.target[1:])
        if place is not None:
            place.receive()
        if request.target == "/busy":
            peer.answer(b"no", "Retry-After: 60", status="429 Too Many Requests")
        else:
            peer.answer(b"fine")

    with Origin(behave) as origin:
        document = {
            "upstreams": {"api": origin.entry()},
            "consumers": {
                name: {"keys": [{"sha256": keys[name].sha256}], "grants": ["api"], "limits": own}
                for name, own in limits.items()
            },
        }
        with Gateway(document, workers=workers, folder=folder) as gateway:
            places.update({name: Place(gateway, name, key.key) for name, key in keys.items()})
            yield places


@pytest.fixture(scope="module")
def together() -> Iterator[dict[str, Place]]:
    """One gateway for all that harms nobody: a consumer for each."""
    limits = {f"{name}-{run}": EXACT[name][0] for name in EXACT for run in range(RUNS)}
    limits["running"] = [{"concurrency": 7, "wait": "20s", "queue": 1000}]
    limits["waiting"] = [{"rate": "50/second", "burst": 1, "wait": "20s", "queue": 1000}]
    with consumers_of(limits) as places:
        yield places


def kill_all(gateway: Gateway) -> None:
    """Kill every process of a gateway at once."""
    children = [*gateway.worker_pids(), *gateway.control_pids(), *gateway.counters_pids()]
    gateway.kill()
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_counters(gateway: Gateway) -> None:
    """Kill the process that counts, and see that there is another one."""
    (pid,) = gateway.counters_pids()
    with gateway.expect(DIED):
        os.kill(pid, signal.SIGKILL)


# Exact


@pytest.mark.parametrize("run", range(RUNS))
@pytest.mark.parametrize("name", EXACT)
def test_exactly_as_many_pass(together: dict[str, Place], name: str, run: int) -> None:
    """Of many at once on all workers, exactly as many pass as the limit lets."""
    place = together[f"{name}-{run}"]
    place.crowd()
    assert place.answers == {200: N, EXACT[name][1]: CALLERS * 6 - N}
    assert place.received == N


def test_as_many_run_at_once(together: dict[str, Place]) -> None:
    """At no time run more on all workers together than may; all callers in line have their turn."""
    running, most, lock = 0, 0, threading.Lock()

    def behave() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.005)
        with lock:
            running -= 1

    place = together["running"]
    place.behave = behave
    place.crowd(64, 5)
    assert place.answers == {200: 320}
    assert most == 7


def test_everybody_waits_equally_long(together: dict[str, Place]) -> None:
    """In line for a slow rate it is everybody's turn, whichever worker has the connection, and none is left out."""
    place = together["waiting"]
    began = time.monotonic()
    place.crowd(32, 4)
    pace = 32 * 4 / (time.monotonic() - began)
    assert place.answers == {200: 32 * 4}
    assert pace < 51
    assert max(place.waits) < 2 * 32 / pace


# Deaths


def test_killed_worker() -> None:
    """A worker that dies takes with it what it held, and not more."""
    with limited(QUOTA) as place:

        def during() -> None:
            place.middle(100)
            place.gateway.kill_worker(place.gateway.worker_pids()[0])

        place.crowd(during=during)
        wait_until(lambda: len(place.gateway.worker_pids()) == WORKERS, "all workers are there")
        place.exhaust()
        assert N * 3 // 4 <= place.received <= N
        assert place.status() == 429


def test_killed_counters() -> None:
    """While the process that counts is started again, calls wait; what was granted stays so."""
    with limited(QUOTA) as place:

        def during() -> None:
            for part in (50, 150):
                place.middle(part)
                kill_counters(place.gateway)
                wait_until(lambda: bool(place.gateway.counters_pids()), "it is there again")

        place.crowd(during=during)
        place.exhaust()
        assert N // 2 <= place.received <= N
        wait_until(lambda: place.status() == 429, "the quota is used up")
        assert place.received <= N


def test_everything_is_killed() -> None:
    """A gateway that is killed whole, again and again, never lets more pass than the quota in all."""
    with limited(QUOTA) as place:
        for part in (100, 250):

            def during(part: int = part) -> None:
                place.middle(part)
                kill_all(place.gateway)

            place.crowd(CALLERS // 4, 20, during=during)
            place.gateway.start()
        place.exhaust()
        assert N // 2 <= place.received <= N
        assert place.status() == 429


@pytest.mark.parametrize("workers", [1, 2])
def test_ends_and_begins(workers: int) -> None:
    """An orderly end gives everything back: exactly the rest is there in the next life."""
    with limited(QUOTA, workers=workers) as place:
        place.crowd(30, 5)
        assert place.answers == {200: 150}
        place.gateway.stop()
        place.gateway.start()
        place.exhaust()
        assert place.received == N


# What can't be known


def test_counters_away() -> None:
    """Without an answer, rates go on by each worker alone and quotas refuse, unless told otherwise; it heals."""
    rate: JsonObject = {"rate": "100_000/second", "per": "key"}
    with (
        limited(rate, {"concurrency": 100}, QUOTA) as place,
        limited(rate, {**QUOTA, "unless_known": "continue"}) as lenient,
    ):
        stopped = [pid for one in (place, lenient) for pid in one.gateway.counters_pids()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            assert place.status() == 503
            assert lenient.status() == 200
            assert {place.status() for _ in range(10)} == {503}
            assert {lenient.status() for _ in range(10)} == {200}
            assert place.gateway.events(AWAY)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        wait_until(lambda: {place.status() for _ in range(10)} == {200}, "the quota is counted again")
        wait_until(lambda: bool(place.gateway.events("the counters are reached again")), "it is said")


def test_damaged_file() -> None:
    """A counters file that is damaged refuses quotas and no rates, until it is removed; `exeat doctor` says so."""
    with limited(QUOTA, workers=1) as place:
        gateway = place.gateway
        assert place.status() == 200
        file = database_of(gateway.folder).with_name(COUNTERS_FILE)
        assert file.exists()
        findings = run_here(gateway.folder, "doctor", "--json").stdout
        assert {"name": "counters", "state": "fine"}.items() <= counters_of(findings).items()
        gateway.stop()
        file.write_bytes(b"damaged" * 1000)
        found = counters_of(run_here(gateway.folder, "doctor", "--json").stdout)
        assert found["state"] == "wrong"
        assert "it is damaged" in str(found["sentence"])
        gateway.start()
        assert place.status() == 503
        wait_until(
            lambda: bool(
                gateway.events(
                    "quotas and budgets can't be counted, so their calls are refused; mend or remove the file"
                )
            ),
            "it is said",
        )
        file.unlink()
        wait_until(lambda: place.status() == 200, "it is counted again")


def counters_of(findings: str) -> JsonObject:
    """What doctor found of the counters."""
    found: JsonObject = next(one for one in json.loads(findings) if one["name"] == "counters")
    return found


# When it runs


def test_it_runs_while_it_is_needed() -> None:
    """One worker counts rates by itself; a quota that comes with a reload has the process started, and ended after."""
    with limited({"rate": "10_000/second"}, workers=1) as place:
        gateway = place.gateway
        assert place.status() == 200
        assert gateway.counters_pids() == []
        before = json.loads(gateway.file.read_text())
        gateway.reload({**before, "limits": [{"quota": "2/year"}]})
        assert [place.status() for _ in range(3)] == [200, 200, 429]
        assert len(gateway.counters_pids()) == 1
        gateway.reload(before)
        wait_until(lambda: gateway.counters_pids() == [], "it has ended")
        assert place.status() == 200
        assert gateway.events(DIED) == []


def test_long_path(tmp_path: Path) -> None:
    """Where the path is too long for the address of a socket, another one is used."""
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    with limited({"quota": "3/year"}, workers=2, folder=folder) as place:
        assert [place.status() for _ in range(5)] == [200, 200, 200, 429, 429]


def test_few_questions() -> None:
    """Under load, one question serves at least fifty requests."""
    with limited({"quota": "1_000_000/year"}, workers=2) as place:
        place.crowd(32, 200)
        assert place.answers == {200: 6400}
        place.gateway.stop()
        (ended,) = place.gateway.events("counters ended")
        assert int(str(ended["questions"])) * 50 <= 6400


def test_what_an_upstream_asks_for_is_kept_by_every_worker() -> None:
    """One worker hears that the upstream wants a pause: none sends anything more."""
    with limited(workers=4) as place:
        assert len(place.gateway.counters_pids()) == 1
        assert place.status("/api/busy") == 429
        wait_until(lambda: all(place.status() == 429 for _ in range(12)), "every worker knows")
        before = place.received
        place.crowd(32, 3)
        assert (place.received, set(place.answers)) == (before, {429})
