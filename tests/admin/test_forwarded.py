"""Whose request it is, behind a proxy that is trusted and behind one that isn't."""

from ipaddress import ip_network

import pytest

from tests.admin.service import HOST, PASSWORD, Api, World, calling

PROXY = "10.0.0.1"
TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def log_in(api: Api, *fields: tuple[str, str], password: str = PASSWORD) -> tuple[int, str]:
    """The status of a log-in, and the cookie that it sets."""
    response = api.ask("POST", "/session", {"name": "ada", "password": password}, headers=list(fields))
    api.client.cookies.clear()
    return response.status_code, response.headers.get("set-cookie", "")


def addresses(world: World) -> list[object]:
    """The addresses of the log-ins so far."""
    return [record.after["address"] for record in world.records if record.action == "log-in" and record.after]


@pytest.mark.parametrize(
    ("peer", "fields", "address"),
    [
        (PROXY, ["192.0.2.1"], "192.0.2.1"),
        (PROXY, ["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
        (PROXY, ["6.6.6.6", "192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        (PROXY, ["192.0.2.1", "10.0.0.2"], "192.0.2.1"),
        (PROXY, ["6.6.6.6, what?, 10.0.0.2"], "10.0.0.2"),
        (PROXY, ["what?"], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, [], PROXY),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("198.51.100.7", ["192.0.2.1"], "198.51.100.7"),
        ("testclient", ["192.0.2.1"], "testclient"),
    ],
)
def test_whom_a_log_in_comes_from(world: World, peer: str, fields: list[str], address: str) -> None:
    """Only a trusted proxy is believed: the last address that isn't a trusted proxy's is what records have."""
    world.administrator("ada", password=PASSWORD)
    with calling(world, address=peer, trusted=TRUSTED) as api:
        assert log_in(api, *(("X-Forwarded-For", field) for field in fields))[0] == 201
    assert addresses(world) == [address]


def test_nobody_is_trusted_by_default(world: World) -> None:
    """Without a setting the fields say nothing, on the loopback either."""
    world.administrator("ada", password=PASSWORD)
    with calling(world) as api:
        status, cookie = log_in(api, ("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"))
    assert (status, addresses(world)) == (201, ["127.0.0.1"])
    assert "Secure" not in cookie


def test_throttle_behind_a_proxy(world: World) -> None:
    """Who guesses behind a proxy waits alone; what they write in front of their address is no way around."""
    world.administrator("ada", password=PASSWORD)
    with calling(world, address=PROXY, trusted=TRUSTED) as api:
        guesses = [
            log_in(api, ("X-Forwarded-For", f"192.0.2.{number}, 203.0.113.9"), password="wrong")[0]
            for number in range(6)
        ]
        assert guesses == [401] * 5 + [429]
        assert log_in(api, ("X-Forwarded-For", "203.0.113.10"))[0] == 201


@pytest.mark.parametrize(
    ("peer", "proto", "is_secure"),
    [(PROXY, "https", True), (PROXY, "HTTPS", True), (PROXY, "http", False), ("198.51.100.7", "https", False)],
)
def test_cookie_behind_a_proxy(world: World, peer: str, proto: str, is_secure: bool) -> None:  # noqa: FBT001 - a table
    """Where a trusted proxy ends TLS, the cookie is for TLS alone, and pages over plain HTTP are others."""
    world.administrator("ada", password=PASSWORD)
    with calling(world, address=peer, trusted=TRUSTED) as api:
        status, cookie = log_in(api, ("X-Forwarded-Proto", proto), ("Origin", HOST.replace("http:", "https:")))
        assert (status, "Secure" in cookie) == (201, is_secure)
        assert log_in(api, ("X-Forwarded-Proto", proto), ("Origin", HOST))[0] == (403 if is_secure else 201)


def test_a_proxy_in_plain_in_front_of_tls(world: World) -> None:
    """A trusted proxy that speaks TLS to this listener, and was called without it, has its caller taken as it came."""
    world.administrator("ada", password=PASSWORD)
    with calling(world, address=PROXY, trusted=TRUSTED) as api:
        api.client.base_url = HOST.replace("http:", "https:")
        assert "Secure" in log_in(api)[1]
        assert "Secure" not in log_in(api, ("X-Forwarded-Proto", "http"))[1]
