"""What is recorded of log-ins that fail, and that guessing leaves a bounded number of records."""

from collections.abc import Mapping
from typing import Any

import pytest

from exeat.admin.failures import RECORDS_PER_MINUTE, Failures
from tests.admin.service import HOST, PASSWORD, Api, World, calling
from tests.support.markers import MARKERS

ADDRESS = "192.0.2.7"


def log_in(api: Api, name: str, password: str) -> int:
    """The status of a log-in."""
    return api.ask("POST", "/session", {"name": name, "password": password}).status_code


def failed(world: World, action: str = "log-in-failed") -> list[tuple[str, str, Mapping[str, Any] | None]]:
    """Who failed, at what, and what the records say of it."""
    return [(record.actor, record.what, record.after) for record in world.records if record.action == action]


@pytest.mark.parametrize(
    ("name", "password", "actor", "reason"),
    [
        ("ada", "wrong", "ada", "the password is wrong"),
        ("root", PASSWORD, "root", "the password is wrong"),
        ("gone", PASSWORD, "gone", "the administrator is disabled"),
        ("nobody", PASSWORD, "no…", "there is no such administrator"),
        ("My Secret Pass", "", "?y…", "there is no such administrator"),
        ("\0\n", "", "??…", "there is no such administrator"),
        ("", "", "…", "there is no such administrator"),
    ],
)
def test_who_failed(world: World, name: str, password: str, actor: str, reason: str) -> None:
    """A record says who failed, from where and why; of a name that nobody has, its beginning."""
    world.administrator("ada", password=PASSWORD)
    world.administrator("root")
    token = world.administrator("gone", password=PASSWORD)
    with calling(world, token=world.administrator("full")) as api:
        api.fine("PATCH", "/administrators/gone", {"disabled": True}, tag=api.tag("/administrators/gone"))
    with calling(world, address=ADDRESS) as api:
        assert log_in(api, name, password) == 401
        assert api.refused("POST", "/session", {"token": token})[0] == 401
    said = "The administrator is disabled or gone."
    [first, (who, what, after)] = failed(world)
    assert first == (actor, f"administrator/{actor}", {"address": ADDRESS, "reason": reason})
    assert who.startswith("gone/")
    assert (what, after) == ("administrator/gone", {"address": ADDRESS, "reason": said})
    assert PASSWORD not in str(world.records)


def test_failed_tokens(world: World) -> None:
    """A token that is known is named by its id, another one isn't shown at all."""
    guess = MARKERS.make("guessed token") + "-that-nobody-has"
    token = world.administrator("ada")
    with calling(world, token=token, address=ADDRESS) as api:
        lower = api.fine("POST", "/tokens", {"role": "viewer"})
        MARKERS.add("lower token", lower["token"])
        for text in (guess, token + "x", lower["token"]):
            assert api.refused("POST", "/session", {"token": text}) == (401, "log-in-failed")
    assert [(actor, what) for actor, what, _ in failed(world)] == [
        ("?", "administrator/?"),
        ("?", "administrator/?"),
        (f"ada/{lower['id']}", "administrator/ada"),
    ]
    for text in (guess, token, lower["token"]):
        assert text not in str(world.records)


def test_attempts_that_wait_are_counted(world: World) -> None:
    """Attempts that have to wait leave no record; the next record of their address says how many there were."""
    world.administrator("ada", password=PASSWORD)
    with calling(world, address=ADDRESS) as api:
        assert [log_in(api, "ada", "wrong") for _ in range(25)] == [401] * 5 + [429] * 20
        assert len(failed(world)) == 5
        api.move("192.0.2.8")
        assert log_in(api, "ada", "wrong") == 401
        api.move(ADDRESS)
        world.now += 1
        assert [log_in(api, "ada", "wrong"), log_in(api, "ada", "wrong")] == [401, 429]
        world.now += 2
        assert log_in(api, "ada", PASSWORD) == 201
    assert [after.get("waited") for _, _, after in failed(world) if after] == [None] * 6 + [20]
    [(_, _, after)] = failed(world, "log-in")
    assert after == {"address": ADDRESS, "waited": 1}


def test_records_are_bounded(world: World) -> None:
    """From however many addresses somebody guesses, a minute has so many records; the next one counts the rest."""
    failures = Failures(world.audit, lambda: world.now)
    for number in range(1000):
        failures.record("log-in-failed", "ada", address=f"10.0.{number}.1", reason="wrong", waited=number % 2)
    assert len(failed(world)) == RECORDS_PER_MINUTE
    world.now += 60
    for _ in range(2):
        failures.record("log-in-failed", "ada", address=ADDRESS, reason="wrong", waited=0)
    rest = sum(1 + number % 2 for number in range(RECORDS_PER_MINUTE, 1000))
    assert [after for _, _, after in failed(world)[RECORDS_PER_MINUTE:]] == [
        {"address": ADDRESS, "reason": "wrong", "left_out": rest},
        {"address": ADDRESS, "reason": "wrong"},
    ]


def test_without_records(world: World) -> None:
    """Where no record can be kept, a wrong password is refused all the same."""
    world.administrator("ada", password=PASSWORD)
    world.keeps_records = False
    with calling(world) as api:
        assert log_in(api, "ada", "wrong") == 401


def test_own_password(world: World) -> None:
    """Who doesn't know the password of the session that they use leaves a record too."""
    world.administrator("ada", password=PASSWORD)
    with calling(world, address=ADDRESS) as api:
        log_in(api, "ada", PASSWORD)
        change = {"current": "wrong", "new": "another long password"}
        assert set(api.problems("PUT", "/session/password", change, headers={"Origin": HOST})) == {"/current"}
    assert failed(world, "password-change-failed") == [
        ("ada", "administrator/ada", {"address": ADDRESS, "reason": "the current password is wrong"})
    ]
