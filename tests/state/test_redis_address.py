"""How the URL of Redis is read, and what is said of a wrong one."""

import re
import traceback

import pytest

from exeat.state.redis_address import RedisAddress, parse_redis_address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache.internal", RedisAddress((("cache.internal", 6379),))),
        ("redis://cache:7000/3", RedisAddress((("cache", 7000),), database=3)),
        ("redis://[::1]:7000", RedisAddress((("::1", 7000),))),
        ("redis://:p%40ss@cache", RedisAddress((("cache", 6379),), password="p@ss")),
        ("REDISS://me:pa:ss@cache/", RedisAddress((("cache", 6379),), tls=True, username="me", password="pa:ss")),
        ("unix:///run/redis.sock?db=2", RedisAddress(path="/run/redis.sock", database=2)),
        ("unix://me:pass@/run/redis.sock", RedisAddress(path="/run/redis.sock", username="me", password="pass")),
        ("redis+cluster://a:1,b:2,c", RedisAddress((("a", 1), ("b", 2), ("c", 6379)), is_cluster=True)),
        (
            "rediss+cluster://:pass@a,b?ssl_ca_certs=/ca.pem&ssl_certfile=/me.pem&ssl_keyfile=/me.key",
            RedisAddress(
                (("a", 6379), ("b", 6379)),
                is_cluster=True,
                tls=True,
                password="pass",
                ca="/ca.pem",
                certificate="/me.pem",
                key="/me.key",
            ),
        ),
    ],
)
def test_forms(url: str, expected: RedisAddress) -> None:
    """Every form that is documented is read as it is meant."""
    assert parse_redis_address(url) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3cr3t", "write redis://"),
        ("http://:s3cr3t@cache", "write redis://"),
        ("redis:///0", "names no host"),
        ("redis://:s3cr3t@", "names no host"),
        ("redis://:s3cr3t@cache:many", "has a port"),
        ("redis://:s3cr3t@cache:70000", "has a port"),
        ("redis://:s3cr3t@cache/zero", "has a path that isn't the number of a database"),
        ("redis://:s3cr3t@a,b", "names several servers; write redis+cluster://"),
        ("redis+cluster://:s3cr3t@a,b/1", "names a database; a cluster has only database 0"),
        ("unix://:s3cr3t@host/x", "names no socket"),
        ("unix://", "names no socket"),
        ("redis://:s3cr#3t@cache", "has a '#'"),
        ("redis://:s3cr3t@cache?ssl_ca_certs=x", "is for TLS; write rediss://"),
        ("rediss://:s3cr3t@cache?verify=off", "has an option that isn't known here"),
        ("rediss://:s3cr3t@cache?ssl_keyfile=x", "without ssl_certfile"),
        ("redis://[:s3cr3t@cache", "isn't a URL"),
        ("redis://:s3cr3t@ca che", "names no host"),
    ],
)
def test_mistakes(url: str, said: str) -> None:
    """What can't be meant is refused with what to write, and without what was written."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        parse_redis_address(url)
    assert "s3cr" not in "".join(traceback.format_exception_only(caught.value))


def test_what_is_shown() -> None:
    """An address can be shown: where it is, and no password."""
    address = parse_redis_address("rediss://me:s3cr3t@[2001:db8::1]:7000/0")
    assert str(address) == "[2001:db8::1]:7000"
    assert "s3cr3t" not in repr(address)
    assert str(parse_redis_address("redis+cluster://:s3cr3t@a,b:7")) == "a:6379, b:7"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache", True),
        ("rediss://cache", False),
        ("redis://127.0.0.1", False),
        ("unix:///run/redis.sock", False),
    ],
)
def test_what_others_could_read(url: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Plaintext to another machine is known as such."""
    assert parse_redis_address(url).is_plaintext is expected
