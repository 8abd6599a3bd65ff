"""Three keys for one upstream, before real gateways: shares, revoked and limited keys, many workers and instances."""

from collections.abc import Iterator

import pytest

from tests.support.access import access_line, attempts_of
from tests.support.gateway import Gateway, run_exeat, wait_until
from tests.support.markers import MARKERS
from tests.support.redis import PASSWORD, RedisServer, redis_server
from tests.support.three_keys import KEYS, Place, three_keys
from tests.support.two_endpoints import kill

CONNECTIONS = 16  # so many reach every worker
REFUSED = "a credential was refused, and rests"
ACCEPTED = "a credential is accepted again"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server."""
    MARKERS.add("the password of Redis", PASSWORD)
    with redis_server() as server:
        yield server


def last_line(gateway: Gateway) -> dict[str, object]:
    """The access line of the last call."""
    return access_line(gateway, str(gateway.access_lines(1)[-1]["id"]))


def test_shares() -> None:
    """Each key is shown as often as its weight says, and each record says which one it was."""
    with three_keys() as place:
        assert place.calls(40) == [20, 10, 10]
        lines = place.gateways[0].access_lines(40)
        shown = [line["credential"] for line in lines]
        assert [shown.count(f"bearer {name}") for name in ("one", "two", "three")] == [20, 10, 10]


@pytest.mark.parametrize(("state", "status", "said"), [("revoked", 401, "refused"), ("busy", 429, "limited")])
def test_a_key_that_is_refused(state: str, status: int, said: str) -> None:
    """No caller notices: the same call goes on with another key, its body with it; that key isn't shown any more."""
    with three_keys() as place:
        place.model.states[0] = state
        with place.caller() as caller:
            assert [caller.call("POST", b"body") for _ in range(8)] == [200] * 8
        assert place.model.counts() == [1, 4, 4]
        assert set(place.model.bodies) == {b"body"}
        place.wait_for(("bearer one", said))
        first = place.gateways[0].access_lines(8)[0]
        assert [one["status"] for one in attempts_of(first)] == [status, 200]
        assert first["credential"] in {"bearer two", "bearer three"}


def test_all_keys_are_limited() -> None:
    """When every key is limited, callers are told for how long; none of their calls reaches the upstream."""
    with three_keys() as place:
        place.model.states = ["busy"] * 3
        with place.caller() as caller:
            assert caller.call() == 429
            before = len(place.model.shown)
            answer = caller._raw.call("GET", "/model/x", f"Exeat-Key: {place.key.key}")  # noqa: SLF001 - its fields
            assert answer.status == 429
            assert answer.field("exeat-error") == "upstream-cooling-down"
            assert 50 <= int(answer.field("retry-after") or 0) <= 60
        assert (before, len(place.model.shown)) == (3, 3)


def test_callers_that_may_wait() -> None:
    """With `provider.wait`, calls stand in line until a key is free."""
    with three_keys(provider={"wait": "20s"}) as place:
        place.model.states = ["busy"] * 3
        place.model.pause_s = 2
        with place.caller() as caller:
            assert caller.call() == 429
            place.model.states = ["well"] * 3
            assert [caller.call() for _ in range(4)] == [200] * 4


def test_all_keys_are_revoked() -> None:
    """The caller gets the upstream's own 401, and a key that works again is found at the next call."""
    with three_keys() as place:
        place.model.states = ["revoked"] * 3
        with place.caller() as caller:
            assert caller.call() == 401
            assert place.model.counts() == [1, 1, 1]
            assert caller.call() == 401
            place.model.states = ["well"] * 3
            assert caller.call() == 200
        wait_until(lambda: len(place.gateways[0].events(ACCEPTED)) == 1, "it is logged")
        assert len(place.gateways[0].events(REFUSED)) == 3


def test_between_workers() -> None:
    """What one worker sees of a key, all know at once; it is logged by its name, and shown in the status."""
    with three_keys(workers=2) as place:
        place.calls(CONNECTIONS)
        place.model.states[0] = "revoked"
        with place.caller() as caller:
            assert [caller.call() for _ in range(4)] == [200] * 4
        place.wait_for(("bearer one", "refused"))
        assert place.calls(CONNECTIONS)[0] == 0
        (line,) = place.gateways[0].events(REFUSED)
        assert (line["upstream"], line["credential"], line["status"]) == ("model", "bearer one", 401)
        (one,) = place.status()["resting_credentials"]
        assert (one["upstream"], one["status"], one["part"]) == ("model", 401, None)


def test_a_worker_that_starts_later() -> None:
    """A worker that takes the place of one that died knows which key rests."""
    with three_keys(workers=2) as place:
        place.model.states[0] = "revoked"
        with place.caller() as caller:
            assert [caller.call() for _ in range(4)] == [200] * 4
        place.wait_for(("bearer one", "refused"))
        gateway = place.gateways[0]
        old = gateway.worker_pids()[0]
        kill(old)
        wait_until(lambda: len(set(gateway.worker_pids()) - {old}) == 2, "there is another worker")
        wait_until(lambda: len(place.status()["workers"]) == 2, "it serves")
        assert place.calls(CONNECTIONS)[0] == 0


def test_between_instances(redis: RedisServer) -> None:
    """With Redis, a key that was refused or limited in one instance rests in all, also in one that starts later."""
    with three_keys(count=2, env={"EXEAT_REDIS_URL": redis.url}) as place:
        for number in (0, 1):
            place.calls(4, number)
        place.gateways[1].stop()
        place.model.states[:2] = ["revoked", "busy"]
        with place.caller() as caller:
            assert [caller.call() for _ in range(4)] == [200] * 4
        place.gateways[1].start()
        place.wait_for(("bearer one", "refused"), number=1)
        place.model.states = ["busy", "busy", "well"]
        assert place.calls(CONNECTIONS, 1)[0] == 0
        place.wait_for(("bearer one", "refused"), ("bearer two", "limited"), number=1)


def test_another_key_in_its_place() -> None:
    """A key that is replaced in the document is shown at once, whatever the old one in its place was refused for."""
    with three_keys() as place:
        place.model.states = ["revoked", "well", "well"]
        with place.caller() as caller:
            assert [caller.call() for _ in range(4)] == [200] * 4
            place.wait_for(("bearer one", "refused"))
            place.gateways[0].reload(place.document(KEYS[1:], (1, 1)))
            place.wait_for()
            before = len(place.model.shown)
            assert [caller.call() for _ in range(4)] == [200] * 4
            assert place.model.counts(before) == [0, 2, 2]


def test_explain() -> None:
    """`exeat explain` names the keys with their weights, and shows none of them."""
    with three_keys() as place:
        done = run_exeat("explain", place.key.key, "GET", "/model/x", cwd=place.gateways[0].folder)
        assert "bearer one: weight 2" in done.stdout, done.stdout + done.stderr
        assert "Authorization: Bearer (redacted)" in done.stdout
        assert not any(key in done.stdout for key in KEYS)


def hammered(place: Place, rounds: int) -> list[int]:
    """The statuses of calls over many connections."""
    with place.callers(CONNECTIONS) as callers:
        return [caller.call("POST", b"x" * 1000) for _ in range(rounds) for caller in callers]


def test_a_key_that_is_revoked_under_load() -> None:
    """A key that is revoked in the middle of many calls costs none of them."""
    with three_keys(workers=2) as place:
        assert set(hammered(place, 4)) == {200}
        place.model.states[1] = "revoked"
        assert set(hammered(place, 10)) == {200}
        place.model.states[0] = "busy"
        assert set(hammered(place, 10)) == {200}
        place.wait_for(("bearer one", "limited"), ("bearer two", "refused"))
