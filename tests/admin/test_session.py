"""Log-ins with a password or a token, the session's cookie, and what other pages can't do with it."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from exeat.admin.passwords import Passwords
from exeat.store.configuration.people import find_administrator
from tests.admin.service import HOST, PASSWORD, UPSTREAM, Api, World, calling

OWN = {"Origin": HOST}


@pytest.fixture
def browser(world: World) -> Iterator[Api]:
    """A browser, and an administrator `ada` who has a password."""
    world.administrator("ada", password=PASSWORD)
    world.administrator("root")
    with calling(world) as caller:
        yield caller


def log_in(api: Api, password: str = PASSWORD, name: str = "ada") -> int:
    """The status of a log-in."""
    return api.ask("POST", "/session", {"name": name, "password": password}).status_code


def test_session(browser: Api) -> None:
    """A log-in gives a cookie that no script can read; it works until it is ended."""
    response = browser.ask("POST", "/session", {"name": "ada", "password": PASSWORD})
    assert response.status_code == 201
    cookie = response.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/api/v1", "Max-Age=43200"):
        assert attribute in cookie
    assert "Secure" not in cookie
    shown = {"administrator": "ada", "role": "administrator", "way": "session", "expires_at": "2026-09-23T00:00:00Z"}
    assert response.json() == shown
    assert browser.get("/session") == shown
    kept = browser.client.cookies["exeat_session"]
    assert browser.ask("DELETE", "/session", headers=OWN).status_code == 204
    assert browser.refused("GET", "/session", headers={"Cookie": f"exeat_session={kept}"}) == (401, "not-authenticated")
    assert [record.action for record in browser.world.records] == ["log-in", "log-out"]


def test_an_older_hash_is_renewed(world: World) -> None:
    """A log-in with the right password has it hashed with today's parameters: once, and without ending a session."""
    world.administrator("ada", password=PASSWORD)

    def kept() -> str:
        found = find_administrator(world.engine, "ada")
        assert found is not None
        assert found.password is not None
        return found.password

    before = kept()
    with calling(world) as api:
        assert log_in(api) == 201
        assert kept() == before
        world_of_today = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
        with calling(world, passwords=world_of_today) as stricter:
            assert log_in(stricter, "not the password") == 401
            assert kept() == before
            assert log_in(stricter) == 201
            renewed = kept()
            assert "m=16,t=2" in renewed
            assert log_in(stricter) == 201
            assert kept() == renewed
        assert api.get("/session")["administrator"] == "ada"


def test_session_ends(browser: Api) -> None:
    """A session ends by itself after half a day."""
    log_in(browser)
    browser.world.now += 12 * 3600 + 1
    assert browser.refused("GET", "/session") == (401, "not-authenticated")


def test_cookie_over_tls(world: World) -> None:
    """Over TLS the cookie is for TLS alone."""
    world.administrator("ada", password=PASSWORD)
    with calling(world) as api:
        api.client.base_url = HOST.replace("http:", "https:")
        assert "Secure" in api.ask("POST", "/session", {"name": "ada", "password": PASSWORD}).headers["set-cookie"]


@pytest.mark.parametrize(
    ("fields", "is_fine"),
    [
        ({"Origin": HOST}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": HOST}, True),
        ({}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://localhost:3000"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": HOST}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
    ],
)
def test_writes_from_other_pages(browser: Api, fields: dict[str, str], is_fine: bool) -> None:  # noqa: FBT001 - a table
    """A write with a cookie counts only from this listener's own page; reading does no harm."""
    log_in(browser)
    response = browser.ask("PUT", "/upstreams/github", UPSTREAM, headers=fields)
    assert response.status_code == (200 if is_fine else 403)
    assert response.headers.get("exeat-error") == (None if is_fine else "origin-refused")
    assert browser.ask("GET", "/upstreams", headers=fields).status_code == 200


def test_log_in_from_another_page(browser: Api) -> None:
    """No other page can log somebody in."""
    body = {"name": "ada", "password": PASSWORD}
    assert browser.refused("POST", "/session", body, headers={"Origin": "http://evil.example"})[0] == 403
    assert browser.ask("POST", "/session", body, headers=OWN).status_code == 201


def test_wrong_log_ins(browser: Api) -> None:
    """A wrong name, a wrong password and an administrator without one are answered alike."""
    answers = [
        browser.ask("POST", "/session", {"name": name, "password": password}).json()
        for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("root", PASSWORD), ("a\0", PASSWORD))
    ]
    assert {(answer["status"], answer["code"], answer["detail"]) for answer in answers} == {
        (401, "log-in-failed", "There is no such administrator, or the password isn't right.")
    }
    assert set(browser.problems("POST", "/session", {})) == {""}
    assert set(browser.problems("POST", "/session", {"name": "ada"})) == {""}


def test_throttle(world: World) -> None:
    """Who guesses has to wait; a right password from another address is let in all the same."""
    world.administrator("ada", password=PASSWORD)
    with calling(world, address="10.0.0.1") as guesser:
        assert [log_in(guesser, "wrong") for _ in range(6)] == [401] * 5 + [429]
        response = guesser.ask("POST", "/session", {"name": "ada", "password": PASSWORD})
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) == response.json()["retry_after"] == 1
        guesser.move("10.0.0.2")
        assert log_in(guesser) == 201
        guesser.move("10.0.0.1")
        world.now += 1
        assert log_in(guesser) == 201


def test_log_in_with_a_token(world: World) -> None:
    """A token begins a session that ends with it, and with its revocation; one of a lower role begins none."""
    token = world.administrator("ada")
    with calling(world, token=token) as program, calling(world) as browser:
        assert browser.refused("POST", "/session", {"token": token + "x"}) == (401, "log-in-failed")
        short = program.fine("POST", "/tokens", {"expires_in": "1h"})
        lower = program.fine("POST", "/tokens", {"role": "viewer"})
        assert browser.refused("POST", "/session", {"token": lower["token"]}) == (401, "log-in-failed")
        session = browser.fine("POST", "/session", {"token": short["token"]})
        assert session["expires_at"] == short["expires_at"]
        assert browser.get("/session")["role"] == "administrator"
        program.fine("DELETE", f"/tokens/{short['id']}")
        assert browser.refused("GET", "/session") == (401, "not-authenticated")


def test_own_password(browser: Api) -> None:
    """One's own password is changed with the old one, which ends all of one's sessions."""
    log_in(browser)
    new = "another long password"
    change = {"current": "wrong", "new": new}
    assert set(browser.problems("PUT", "/session/password", change, headers=OWN)) == {"/current"}
    both = {"current": "wrong", "new": "short"}
    assert set(browser.problems("PUT", "/session/password", both, headers=OWN)) == {"/current", "/new"}
    assert set(browser.problems("PUT", "/session/password", {"current": PASSWORD, "new": "short"}, headers=OWN)) == {
        "/new"
    }
    assert browser.ask("PUT", "/session/password", {"current": PASSWORD, "new": new}, headers=OWN).status_code == 204
    assert browser.refused("GET", "/session") == (401, "not-authenticated")
    assert (log_in(browser), log_in(browser, new)) == (401, 201)
