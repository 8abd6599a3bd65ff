"""What `exeat doctor` says of Redis."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.markers import MARKERS
from tests.support.recorded import run_here
from tests.support.redis import PASSWORD, RedisServer, redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server whose settings a test may change."""
    MARKERS.add("the password of Redis", PASSWORD)
    with redis_server("--appendonly", "yes") as server:
        yield server


def found(folder: Path, url: str) -> list[tuple[str, str]]:
    """State and sentence of each finding about Redis; nothing is said of the password."""
    (folder / "exeat.yaml").write_text("upstreams: {}\n")
    result = run_here(folder, "doctor", "--json", env={"EXEAT_REDIS_URL": url})
    return [(one["state"], one["sentence"]) for one in json.loads(result.stdout) if one["name"] == "Redis"]


def test_a_good_one(server: RedisServer, tmp_path: Path) -> None:
    """It can be reached, is new enough, and keeps what it holds."""
    ((state, sentence),) = found(tmp_path, server.url)
    assert state == "fine"
    assert sentence.startswith(f"127.0.0.1:{server.port} (version ")
    assert " answers in " in sentence


def test_none_is_asked_for(tmp_path: Path) -> None:
    """Without EXEAT_REDIS_URL nothing is said of it."""
    assert found(tmp_path, "") == []


def test_one_that_forgets(server: RedisServer, tmp_path: Path) -> None:
    """One that keeps nothing when it ends, or drops entries when it is full, would forget quotas and budgets."""
    server.run("CONFIG", "SET", "appendonly", "no")
    server.run("CONFIG", "SET", "maxmemory", "100mb")
    server.run("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    try:
        _, kept, dropped = found(tmp_path, server.url)
    finally:
        for name, value in (("appendonly", "yes"), ("maxmemory", "0"), ("maxmemory-policy", "noeviction")):
            server.run("CONFIG", "SET", name, value)
    assert kept[0] == "odd"
    assert "appendonly is off" in kept[1]
    assert dropped[0] == "wrong"
    assert "maxmemory-policy is volatile-lru" in dropped[1]


def test_one_that_may_not_be_asked(server: RedisServer, tmp_path: Path) -> None:
    """A user with no more rights than limits need can count; what can't be looked at is said to be unknown."""
    may = ("eval", "evalsha", "get", "set", "time", "publish", "subscribe", "ping", "client|setname")
    rights = ["~exeat:*", "&exeat:*", "-@all", *(f"+{command}" for command in may)]
    server.run("ACL", "SETUSER", "counter", "on", f">{PASSWORD}", *rights)
    sentences = [sentence for state, sentence in found(tmp_path, server.url.replace("//:", "//counter:"))]
    assert any("doesn't say its version" in sentence for sentence in sentences)
    assert any("isn't known whether it keeps" in sentence for sentence in sentences)
    assert not any("can't be used" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace(PASSWORD, "wrong-one"), "it refuses the user or the password of EXEAT_REDIS_URL"),
        (lambda url: url.rpartition(":")[0] + ":1/0", "Connection refused"),
    ],
    ids=["password", "port"],
)
def test_one_that_can_t_be_used(server: RedisServer, tmp_path: Path, change: object, said: str) -> None:
    """It says why, and what follows."""
    assert callable(change)
    ((state, sentence),) = found(tmp_path, change(server.url))
    assert state == "wrong"
    assert said in sentence
    assert "wrong-one" not in sentence
