"""Three instances behind HAProxy or nginx, on one PostgreSQL and one Redis: what happens to any of them fails no call.

Under load the configuration changes again and again, an instance is killed and comes back, another has its workers
replaced, and PostgreSQL and Redis are restarted. Then callers, upstream and trail have to agree on every single call.
"""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from exeat.vault.keyring_file import open_keyring
from tests.support.gateway import Gateway, MadeKey, make_key, run_exeat, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin
from tests.support.postgres import Postgres, postgres
from tests.support.redis import PASSWORD, RedisServer, redis_server
from tests.support.site import INSTANCES, Front, Site, ask, haproxy, kill_instance, nginx, site, start_again
from tests.support.site_load import Call, Load, Upstream
from tests.support.site_trail import (
    Outage,
    Trail,
    check_each_answer_is_recorded,
    check_each_request_is_recorded,
    outages_of,
    read_trail,
)

# Of load, about: in the long form 60.
LOAD_S = float(os.environ.get("EXEAT_LOAD_S", "8"))  # noqa: TID251 - of the test run
EXACT = 400  # what the consumer `exact` may call
RATE, BURST = 40, 20  # of the consumer `paced`: in a second, at once
SOME = 2  # calls under way at once: one at least is slow
NOTICED_S = 0.1  # after an instance was killed: calls may have been on their way to it
LATE_S = 0.3  # that a request may be late at the upstream
BACK_S = 5.0  # in which all notice that Redis is back
CHANGE_S = 0.7


class Play:
    """What happens to the instances, and when it did."""

    def __init__(self, here: Site, database: Postgres, redis: RedisServer, load: Load) -> None:
        self.site, self.database, self.redis, self.load = here, database, redis, load
        self.killed = (0.0, 0.0)
        self.spent_within = (0.0, 0.0)
        self.redis_away = (0.0, 0.0)
        self.outages: list[Outage] = []
        self.changes = 0
        self._may_change = threading.Lock()
        self._ending = threading.Event()

    def pass_time(self, part: float) -> None:
        """Let a part of the load go by."""
        ends_at = time.monotonic() + part * LOAD_S
        wait_until(lambda: time.monotonic() > ends_at, "time passes", part * LOAD_S + 5)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change the configuration again and again, each time by another instance."""
        failures: list[BaseException] = []

        def run() -> None:
            try:
                while not self._ending.wait(CHANGE_S):
                    with self._may_change:
                        self._change()
            except BaseException as error:  # noqa: BLE001 - raised below
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            thread.join()
        assert failures == []

    def _change(self) -> None:
        running = [gateway for gateway in self.site.gateways if gateway.is_running]
        name = f"number-{self.changes}.example.com"
        answer = ask(running[self.changes % len(running)], "PUT", f"/destinations/{name}", {"host": name})
        assert answer.status == 200, answer
        self.changes += 1

    # Acts

    def kill_one(self) -> None:
        """An instance is gone from one moment to the next, and comes back."""
        victim = self.site.gateways[0]
        with self._may_change:
            wait_until(lambda: in_flight(victim) >= SOME, "some of it is under way there")
            began = time.monotonic()
            kill_instance(victim)
            self.killed = (began, time.monotonic())
        self.pass_time(0.15)
        with self._may_change:
            self.note_outages(victim)
            start_again(victim)

    def spend_exactly(self) -> None:
        """A quota is used up to its last call through all instances, while PostgreSQL is restarted."""
        began = time.monotonic()
        crowd = threading.Thread(target=self.load.crowd, args=("exact", 6, EXACT // 10))
        crowd.start()
        with self._may_change:
            self.database.stop(signal.SIGINT)
            self.pass_time(0.1)
            self.database.start()
            wait_until(self._is_administered, "it is back")
        crowd.join()
        wait_until(self._is_spent, f"{EXACT} have passed")
        self.load.crowd("exact", 3, 3)
        self.spent_within = (began, time.monotonic())

    def _is_administered(self) -> bool:
        return all(ask(gateway, "GET", "/upstreams").status == 200 for gateway in self.site.gateways)

    def _is_spent(self) -> bool:
        before = self.load.statuses("exact")[200]
        if before < EXACT:
            self.load.crowd("exact", 3, 2)
        passed = self.load.statuses("exact")[200]
        is_lost = passed == before and any(self._outages_of(gateway) for gateway in self.site.gateways)
        return passed >= EXACT or is_lost  # what was under way to an instance that gave Redis up

    def restart_redis(self) -> None:
        """Redis is away until each instance has noticed and refuses what has to be counted."""
        stopped = time.monotonic()
        self.redis.stop()
        wait_until(lambda: self._has_been_noticed(stopped), "all have noticed that Redis is away")
        wait_until(lambda: self.load.call("spent").code == "state-unavailable", "what can't be counted is refused")
        self.redis_away = (stopped, time.monotonic())
        self.redis.start()
        wait_until(self._counts, "it is counted again")

    def _has_been_noticed(self, since: float) -> bool:
        self.load.call("spent")  # who has nothing to count notices later
        return all(any(one.began > since for one in self._outages_of(gateway)) for gateway in self.site.gateways)

    def _counts(self) -> bool:
        return all(self.load.call("spent").status == 200 for _ in range(2 * INSTANCES))

    def note_outages(self, gateway: Gateway) -> None:
        """Keep what an instance has logged of the times in which it couldn't count: its next start begins a new log."""
        self.outages += self._outages_of(gateway)

    def _outages_of(self, gateway: Gateway) -> list[Outage]:
        return outages_of(instance_of(gateway), gateway.events())

    def replace_workers(self) -> None:
        """Another instance has all of its workers replaced, one by one."""
        gateway = self.site.gateways[1]
        before = set(gateway.worker_pids())
        gateway.signal(signal.SIGUSR2)
        wait_until(lambda: len(now := set(gateway.worker_pids())) == len(before) and not now & before, "others serve")

    def restart_instance(self) -> None:
        """The third instance is ended as the guide says, and started again."""
        gateway = self.site.gateways[2]
        with self._may_change:
            gateway.stop()
            self.note_outages(gateway)
            start_again(gateway)


def configure(url: str, origin: Origin, keys: dict[str, MadeKey], limits: dict[str, list[dict[str, object]]]) -> None:
    """An upstream, and a consumer with a key for each of these."""
    engine = open_database(url)
    migrate(engine)
    with editing(engine, Author("test"), now_us=time.time_ns() // 1000) as edit:
        edit.put("upstream", "api", origin.entry())
        for name, key in keys.items():
            edit.put("consumer", name, {"grants": ["api"], "limits": limits[name]})
            edit.add_key(id=key.key[6:18], sha256=key.sha256, consumer=name)
    engine.dispose()


def broken(load: Load, trail: Trail, outages: list[Outage]) -> list[Call]:
    """The calls that weren't answered as they have to be, whatever happens to instances, database and Redis."""
    return [call for call in load.calls if call.failure is not None or not is_right(call, trail, outages)]


def is_right(call: Call, trail: Trail, outages: list[Outage]) -> bool:
    """Whether an answer is the upstream's, or a refusal that the caller's limits call for at that time."""
    if call.code == "state-unavailable" and call.id is not None:
        instance = trail.by_id[call.id].instance
        is_away = any(one.instance == instance and one.meets(call.began, call.ended) for one in outages)
        return call.status == 503 and call.consumer in {"exact", "spent"} and is_away
    refusals = {"exact": "quota-exhausted", "spent": "quota-exhausted", "paced": "rate-limited"}
    return (call.status, call.code) in {(200, None), (429, refusals.get(call.consumer))}


def check_was_under_way(here: Site, trail: Trail, calls: list[Call], killed: tuple[float, float]) -> None:
    """These calls were with the first instance at the moment when it was killed: the others don't know of them.

    HAProxy writes no line where it ends a kept connection without an answer, so that the caller may repeat the call.
    """
    passed, name = here.passed(), instance_of(here.gateways[0])
    for call in calls:
        assert call.ended >= killed[0], call
        assert call.began <= killed[1] + NOTICED_S, call
        assert call.target not in passed or passed[call.target].servers == ("gateway-1",), passed[call.target]
        assert {record.instance for record in trail.by_path[call.seen_as]} <= {name}, call


def instance_of(gateway: Gateway) -> str:
    """The name by which the trail knows an instance."""
    return (gateway.folder / "exeat-data" / "instance").read_text("ascii").strip()


def check_rate(times: list[float], outages: list[Outage], redis_away: tuple[float, float]) -> None:
    """In no stretch of time were there more than the rate allows.

    When Redis goes and comes, a burst is had anew; and until all have noticed that it is back, some count alone what
    others count in it.
    """
    stopped, back = redis_away
    all_back = max(one.ended for one in outages if one.began > stopped)
    assert all_back < back + BACK_S
    most = max(Counter(one.instance for one in outages).values())
    for first, began in enumerate(times):
        for count, ended in enumerate(times[first:], 1):
            bursts = 1 + 2 * most if any(one.meets(began, ended) for one in outages) else 1
            apart = max(0.0, min(ended, all_back) - max(began, back)) * (INSTANCES - 1) / INSTANCES
            most_now = bursts * BURST + RATE * (ended - began + apart + LATE_S) + 1
            assert count <= most_now, (count, ended - began, apart)


def check_interrupted(here: Site, trail: Trail) -> None:
    """Only the instance that was killed has left something open."""
    interrupted = [record for record in trail.records if record.outcome == "interrupted"]
    assert interrupted, "nothing was under way on the instance that was killed"
    assert {record.instance for record in interrupted} == {instance_of(here.gateways[0])}


@pytest.mark.timeout(240 + 4 * LOAD_S)
@pytest.mark.parametrize("front", [haproxy, nginx])
def test_three_instances(tmp_path: Path, front: Front) -> None:
    """Only what was under way on a killed instance fails; limits are exact, and the trail has every call once."""
    MARKERS.add("the password of Redis", PASSWORD)
    keys = {name: make_key() for name in ("plain", "exact", "spent", "paced")}
    quota = int(LOAD_S * 100)
    limits: dict[str, list[dict[str, object]]] = {
        "plain": [],
        "exact": [{"quota": f"{EXACT}/year"}],
        "spent": [{"quota": f"{quota}/year"}],
        "paced": [{"rate": f"{RATE}/second", "burst": BURST}],
    }
    upstream = Upstream()
    open_keyring(None, tmp_path, tmp_path)
    with (
        postgres() as database,
        redis_server("--appendonly", "yes", "--appendfsync", "always") as redis,
        Origin(upstream) as origin,
    ):
        url = database.make_database()
        configure(url, origin, keys, limits)
        env = {
            "EXEAT_DATABASE_URL": url,
            "EXEAT_REDIS_URL": redis.url,
            "EXEAT_KEYRING": f"file:{tmp_path}/keyring",
        }
        with site(tmp_path, env, front) as here:
            with Load(here, keys) as load:
                play = Play(here, database, redis, load)
                with play.changing():
                    perform(play)
                load.end()
                for gateway in here.gateways:
                    play.note_outages(gateway)
                assert len({one.instance for one in play.outages}) == INSTANCES, (
                    "not all have noticed that Redis was away"
                )
                check_limits(play, upstream, quota)
                trail = read_trail(url, load.calls)
                check_was_under_way(here, trail, broken(load, trail, play.outages), play.killed)
                check_each_answer_is_recorded(trail, load.calls)
                check_each_request_is_recorded(trail, [path for _, path in upstream.seen])
                check_interrupted(here, trail)
                check_changes(here, play)
            verified = run_exeat("audit", "verify", cwd=tmp_path, env=env)
            assert verified.returncode == 0, verified.stdout


def perform(play: Play) -> None:
    """All acts, one after the other, under load."""
    load = play.load
    for _ in range(2):
        load.add("plain", "read", "write")
        load.add("plain", "read", "write", keeps=False)
        load.add("paced", "read", pause_s=0.002)
        load.add("spent", "read", pause_s=0.1)
    for _ in range(2 * INSTANCES):
        load.add("plain", "slow")
    play.pass_time(0.1)
    play.kill_one()
    play.pass_time(0.1)
    play.spend_exactly()
    play.replace_workers()
    play.restart_instance()
    play.restart_redis()
    play.pass_time(0.1)


def check_limits(play: Play, upstream: Upstream, quota: int) -> None:
    """What may pass has passed, and not more."""
    load = play.load
    passed = load.statuses("exact")[200]
    assert passed == len(upstream.paths("exact")) <= EXACT
    assert passed == EXACT or any(one.meets(*play.spent_within) for one in play.outages)
    load.crowd("spent", 8, quota // 8)
    assert load.statuses("spent")[429] > 0
    assert quota * 3 // 4 <= len(upstream.paths("spent")) <= quota
    assert load.statuses("paced")[429] > 0
    check_rate(upstream.times("paced"), play.outages, play.redis_away)
    refused = {call.seen_as for call in load.calls if call.status in {429, 503}}
    assert not refused & {path for _, path in upstream.seen}


def check_changes(here: Site, play: Play) -> None:
    """Every change is in force everywhere."""
    assert play.changes > 5
    for gateway in here.gateways:
        wait_until(lambda gateway=gateway: is_up_to_date(gateway), "all changes are in force")  # type: ignore[misc]


def is_up_to_date(gateway: Gateway) -> bool:
    """Whether an instance serves by the last change, and has nothing under way any more."""
    status = ask(gateway, "GET", "/status").data
    return bool(status["in_force"] == status["revision"] and in_flight(gateway) == 0)


def in_flight(gateway: Gateway) -> int:
    """How much an instance has under way."""
    return sum(worker["in_flight"] for worker in ask(gateway, "GET", "/status").data["workers"])
