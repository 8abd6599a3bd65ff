"""Endpoints that operators trip, drain, reset and restore under traffic: by the API and by the command line."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import wait_until
from tests.support.postgres import Postgres, postgres
from tests.support.receiver import Receiver, unless
from tests.support.two_endpoints import Pair, kill, traffic, two_endpoints

SOON_S = 2.0  # one second, on a machine that does much else


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with postgres() as running:
        yield running


def gets_nothing(pair: Pair, side: int = 0) -> bool:
    """Whether an endpoint gets no call in a while, while there is traffic."""
    before, other = pair.sides[side].calls, pair.sides[1 - side].calls
    wait_until(lambda: pair.sides[1 - side].calls >= other + 20, "the other endpoint is called")
    return pair.sides[side].calls == before


def is_called(pair: Pair, side: int = 0) -> bool:
    """Whether an endpoint gets calls, while there is traffic."""
    before = pair.sides[side].calls
    wait_until(lambda: pair.sides[side].calls > before + 5, "the endpoint is called")
    return True


@pytest.mark.parametrize("way", ["api", "command line"])
def test_drained_without_a_failed_call(way: str) -> None:
    """A drained endpoint gets nothing more within a second, on any worker, and no call fails; then it is restored."""
    with two_endpoints(workers=2) as pair, traffic(pair) as answers:
        url = pair.sides[0].url
        assert is_called(pair)
        if way == "api":
            pair.act("drain", endpoint=url)
        else:
            assert [one["state"] for one in pair.command("drain", "billing", url)["items"]] == ["drained", "well"]
        wait_until(lambda: gets_nothing(pair), "nothing reaches it", SOON_S)
        assert gets_nothing(pair)
        assert pair.states() == ["drained", "well"]
        if way == "api":
            pair.act("restore", endpoint=url)
        else:
            pair.command("restore", "billing")
        assert is_called(pair)
        assert set(answers) == {200}


def test_what_is_under_way_ends_as_it_would() -> None:
    """A call that has reached the endpoint goes on after it is drained, and is counted there until it ends."""
    with two_endpoints() as pair:
        first, second = pair.sides
        first.go_on.clear()
        statuses: list[int] = []

        def call() -> None:
            with pair.caller() as caller:
                statuses.extend(caller.call() for _ in range(2))

        calling = [threading.Thread(target=call) for _ in range(2)]
        for thread in calling:
            thread.start()
        wait_until(lambda: first.calls >= 1 and second.calls >= 1, "one call is at each")
        pair.act("drain", endpoint=first.url)
        wait_until(lambda: pair.states()[0] == "drained", "it is drained")
        wait_until(lambda: pair.get("/upstreams/billing/endpoints")["items"][0]["pending"] >= 1, "its call is counted")
        first.go_on.set()
        for thread in calling:
            thread.join()
        assert statuses == [200] * 4
        wait_until(lambda: pair.get("/upstreams/billing/endpoints")["items"][0]["pending"] == 0, "its call has ended")


def test_tripped_for_a_time() -> None:
    """A tripped endpoint gets nothing until its time is over; then it comes back by itself."""
    with two_endpoints(workers=2, circuit={"ramp": "1s"}) as pair, traffic(pair) as answers:
        url = pair.sides[0].url
        pair.command("trip", "billing", url, "--for", "3s", "--why", "to see")
        wait_until(lambda: gets_nothing(pair), "nothing reaches it", SOON_S)
        assert is_called(pair)
        pair.wait_for("well", "well")
        assert set(answers) == {200}


def test_all_of_them() -> None:
    """Where every endpoint is held, calls are answered with circuit-open, and reset brings all back at once."""
    with two_endpoints(workers=2) as pair, pair.callers(8) as callers:
        for side in pair.sides:
            pair.act("trip", endpoint=side.url)
        wait_until(lambda: all(caller.call() == 503 for caller in callers), "all workers refuse", SOON_S)
        pair.act("reset")
        wait_until(lambda: all(caller.call() == 200 for caller in callers), "all workers call again", SOON_S)


def test_reset_ends_what_was_learnt() -> None:
    """A circuit that calls have opened is closed at once by a reset, on every worker, with its whole share."""
    with two_endpoints(workers=2) as pair:
        first, _ = pair.sides
        first.ill = True
        with pair.caller() as caller:
            for _ in range(8):
                caller.call()
        pair.wait_for("resting", "well")
        first.ill = False
        pair.command("restore", "billing")
        assert pair.states() == ["resting", "well"]
        pair.command("reset", "billing", first.url)
        pair.wait_for("well", "well", limit_s=3)
        before = first.calls
        with pair.callers(16) as callers:
            for caller in callers:
                caller.call()
                caller.call()
        assert 12 <= first.calls - before <= 20
        assert len(pair.gateways[0].events("an endpoint is well again")) == 1


def test_it_survives(tmp_path: Path) -> None:
    """What is said by hand holds for a worker, a control process and a gateway that are started again."""
    with two_endpoints(workers=2, folder=tmp_path) as pair:
        gateway, url = pair.gateways[0], pair.sides[0].url
        pair.act("drain", endpoint=url)
        with traffic(pair, 2):
            wait_until(lambda: gets_nothing(pair), "nothing reaches it", SOON_S)
        for pid in (*gateway.worker_pids(), *gateway.control_pids()):
            kill(pid)
            wait_until(lambda gone=pid: len(set(gateway.worker_pids()) - {gone}) == 2, "another worker is there")  # type: ignore[misc]
        pair.sides[0].origin.requests.clear()
        with traffic(pair, 2):
            assert gets_nothing(pair)
        gateway.stop()
        gateway.start()
        with traffic(pair, 2):
            assert gets_nothing(pair)
        assert pair.sides[0].calls == 0
        assert pair.states() == ["drained", "well"]


def test_every_instance(server: Postgres, authority: Authority) -> None:
    """Instances of one database all go by it within a second, and webhooks hear of it once."""
    env = {"EXEAT_DATABASE_URL": server.make_database(), "SSL_CERT_FILE": str(authority.file)}
    with Receiver(authority) as receiver, two_endpoints(count=2, env=env, webhooks=[receiver.entry()]) as pair:
        url = pair.sides[0].url
        with traffic(pair) as answers:
            pair.act("drain", endpoint=url)
            wait_until(lambda: gets_nothing(pair), "nothing reaches it", SOON_S)
            assert [pair.states(number) for number in range(2)] == [["drained", "well"]] * 2
            (drained,) = receiver.wait_for(1)
            assert (drained.type, drained.data["endpoint"], drained.data["until"]) == ("endpoint.drained", url, None)
            assert drained.data["by"].startswith("admin/")
            pair.act("reset", 1, endpoint=url)
            assert is_called(pair)
        _, reset = receiver.wait_for(2)
        assert reset.type == "endpoint.reset"
        unless(lambda: len(receiver.messages) > 2, 0.5)
        assert set(answers) == {200}
        assert all(gateway.events("an endpoint is drained by hand") for gateway in pair.gateways)
