"""The small languages of a document."""

from collections.abc import Callable

import pytest

from exeat.config import grammar
from exeat.config.grammar import Pattern
from exeat.config.problem import unquote


def refusal(parse: Callable[[str], object], text: str) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(text)
    return unquote(str(caught.value), hide=False)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("api.example.com", Pattern("api.example.com", "api.example.com", wildcard=False, port=None)),
        ("*.example.org", Pattern("*.example.org", "example.org", wildcard=True, port=None)),
        ("a.net:8443", Pattern("a.net:8443", "a.net", wildcard=False, port=8443)),
        ("*.a.net:80", Pattern("*.a.net:80", "a.net", wildcard=True, port=80)),
        ("xn--mnchen-3ya.de", Pattern("xn--mnchen-3ya.de", "xn--mnchen-3ya.de", wildcard=False, port=None)),
    ],
)
def test_destination(text: str, pattern: Pattern) -> None:
    """A destination is an exact host or one leading `*.`, with an optional port."""
    assert grammar.parse_pattern(text) == pattern


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("*", "'*.example.com'"),
        ("*.", "'*.example.com'"),
        ("*.*", "'*.example.com'"),
        ("**.a.com", "'*.a.com'"),
        ("a.*.com", "'*.example.com'"),
        ("*foo.com", "write '*.foo.com'"),
        ("a*.com", "'*.example.com'"),
        ("10.0.0.1", "declare an upstream"),
        ("[::1]", "declare an upstream"),
        ("::1", "declare an upstream"),
        ("*.10.0.0.1", "declare an upstream"),
        ("0x7f.1", "address in four decimal parts"),
        ("2130706433", "address in four decimal parts"),
        ("münchen.de", "write 'xn--mnchen-3ya.de'"),
        ("API.Example.com", "write 'api.example.com'"),
        ("a.com.", "write 'a.com'"),
        ("*.a.com.", "write '*.a.com'"),
        ("https://a.com/x?y#z", "write 'a.com'"),
        ("a.com/x", "write 'a.com'"),
        ("a.com:0", "port"),
        ("a.com:65536", "port"),
        ("a.com:08", "port"),
        ("a.com:", "port"),
        ("a b.com", "valid name"),
        ("a..com", "valid name"),
        ("-a.com", "valid name"),
    ],
)
def test_wrong_destination(text: str, corrected: str) -> None:
    """A wrong destination is refused with the corrected form, where there is one."""
    assert corrected in refusal(grammar.parse_pattern, text)


def test_userinfo_is_not_quoted() -> None:
    """A password before a host doesn't show up in the message about it."""
    assert "s3cr3t" not in refusal(grammar.parse_pattern, "user:s3cr3t@a.com")
    assert "s3cr3t" not in refusal(grammar.parse_upstream_url, "https://user:s3cr3t@a.com/")
    assert "s3cr3t" not in refusal(grammar.parse_upstream_url, "https://a.com/?key=s3cr3t")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5s", 5), ("250ms", 0.25), ("2m", 120), ("1h", 3600), (3, 3), (0.5, 0.5), ("1.5s", 1.5), ("30", 30)],
)
def test_duration(value: object, seconds: float) -> None:
    """A duration is a number with a unit, or of seconds."""
    assert grammar.parse_duration(value) == seconds


@pytest.mark.parametrize("value", ["off", "", "5 s", "-1s", 0, "0s", "1d", True, None, float("nan"), 10**400, "9999h"])
def test_wrong_duration(value: object) -> None:
    """Nothing, forever and nonsense are no durations."""
    with pytest.raises(ValueError, match="write a duration"):
        grammar.parse_duration(value)


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8", "127.0.0.0/8", "::1/128", "fc00::/7", "fd00::/8", "100.64.0.0/10", "10.1.2.3"]
)
def test_private_network(text: str) -> None:
    """Private and loopback networks can be granted, even around single addresses that stay refused."""
    assert str(grammar.parse_private(text)).startswith(text.partition("/")[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.0.0.0/0", "wider"),
        ("::/0", "wider"),
        ("::/1", "wider"),
        ("128.0.0.0/1", "wider"),
        ("169.254.0.0/16", "can't be granted"),
        ("169.254.169.254/32", "can't be granted"),
        ("169.0.0.0/8", "can't be granted"),
        ("fe80::/10", "can't be granted"),
        ("fe80::1", "can't be granted"),
        ("168.63.129.16/32", "can't be granted"),
        ("100.100.100.200", "can't be granted"),
        ("192.0.0.192/32", "can't be granted"),
        ("fd00:ec2::254", "can't be granted"),
        ("fd00:ec2::23", "can't be granted"),
        ("fd20:ce::254", "can't be granted"),
        ("0.0.0.0/8", "can't be granted"),
        ("::ffff:10.0.0.0/104", "write '10.0.0.0/8'"),
        ("10.1.1.1/8", "write '10.0.0.0/8'"),
        ("ten", "isn't a network"),
        ("10.0.0.0/33", "isn't a network"),
    ],
)
def test_network_that_cannot_be_granted(text: str, words: str) -> None:
    """Metadata services, link-local addresses and everything at once can't be granted."""
    assert words in refusal(grammar.parse_private, text)


@pytest.mark.parametrize(
    "text", ["Transfer-Encoding", "host", "Connection", "Exeat-Key", "a b", "", "é", "Content-Length"]
)
def test_field_that_cannot_hold_a_credential(text: str) -> None:
    """A credential can't be put where it would change the framing, the routing or Exeat's own fields."""
    refusal(grammar.parse_field_name, text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("https://x.com/", "https://x.com"),
        ("https://X.com", "https://x.com"),
        ("https://x.com:443", "https://x.com"),
        ("x.com", "https://app.example.com"),
        ("null", "https://app.example.com"),
        ("https://*.x.com", "valid name"),
    ],
)
def test_wrong_browser_origin(text: str, near: str) -> None:
    """An origin is written as browsers send it, or it would never match."""
    assert near in refusal(grammar.parse_browser_origin, text)


@pytest.mark.parametrize(
    "text", ["*", "https://x.com", "http://localhost:3000", "capacitor://localhost", "http://[::1]:80"]
)
def test_browser_origin(text: str) -> None:
    """Origins of pages, apps and local servers are accepted."""
    if text.endswith(":80"):
        assert "http://[::1]" in refusal(grammar.parse_browser_origin, text)
    else:
        assert grammar.parse_browser_origin(text) == text.encode()


def test_name() -> None:
    """A name has a strict alphabet, and the refusal says how it could be written."""
    assert grammar.parse_name("web-shop2") == "web-shop2"
    assert "write 'web-shop'" in refusal(grammar.parse_name, "Web_Shop")
    for text in ("", "2x", "-a", "a" * 64, "destinations", "a\n"):
        refusal(grammar.parse_name, text)


def test_time() -> None:
    """A time has an offset, or is a day."""
    assert grammar.parse_time("1970-01-02") == 86400
    assert grammar.parse_time("1970-01-01T01:00:00+01:00") == 0
    assert "write '2027-01-01T00:00:00Z'" in refusal(grammar.parse_time, "2027-01-01T00:00:00")
    refusal(grammar.parse_time, "soon")
