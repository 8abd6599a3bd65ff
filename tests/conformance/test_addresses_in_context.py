"""The targets of addresses.yaml that are more than a URL: names that move, other forms, own listeners, redirects."""

import ast
import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exeat.cli.channel import Start
from exeat.config.problem import DocumentError
from exeat.config.settings import Settings
from tests.conformance.targets import CASES, KEY, LINE, PLAIN, envelope
from tests.support.capture import Capture, bound_socket
from tests.support.dialled import TTL_S, Asked, StubNames, Watched, consumer
from tests.support.gateway import Gateway
from tests.support.in_process import ask_at, compile_document
from tests.support.transports import run

SOURCES = Path(__file__).resolve().parents[2] / "src" / "exeat"
DIALS = {
    *("create_connection", "create_unix_connection", "open_connection", "open_unix_connection", "sock_connect"),
    *("create_datagram_endpoint", "connect_ex"),
}
PUBLIC = "93.184.215.14"
API = {"url": "http://api.example.com", "plaintext": True}
GET = b"GET /t/r HTTP/1.1\r\nHost: gw.test\r\n" + LINE


def ask(
    folder: Path,
    upstream: Mapping[str, object],
    *requests: bytes,
    names: StubNames | None = None,
    own: Sequence[tuple[str, int]] = (),
    answer: bytes | None = None,
    pause_s: float = 0.0,
) -> list[Asked]:
    """Send requests one after the other, over a new upstream connection each; the upstream is called `t`."""
    document = {"upstreams": {"t": upstream}, "consumers": consumer(KEY)}

    async def converse() -> list[Asked]:
        stub = names or StubNames({"api.example.com": [[PUBLIC]]})
        async with Watched(document, folder, stub, own) as watched:
            watched.answer = answer or watched.answer
            found = []
            for request in requests:
                found.append(await watched.ask(request))
                watched.drop_connections()
                await asyncio.sleep(pause_s)
            return found

    return run(converse())


def test_every_target_has_a_test() -> None:
    """All cases of the file are run, here or as plain URLs."""
    named = {f"N{number}" for name in globals() if name[:6] == "test_n" for number in re.findall(r"n(\d{3})", name)}
    assert named.isdisjoint(case.id for case in PLAIN)
    assert named | {case.id for case in PLAIN} == set(CASES)
    assert len(CASES) == 100


# Names that change


def test_n124_the_judged_address_is_the_dialled_one(tmp_path: Path) -> None:
    """A name is looked up once for a connection, so its second answer changes nothing."""
    names = StubNames(CASES["N124"].dns_sequence)
    [asked] = ask(tmp_path, {"url": "https://a.test", "retries": 0}, GET, names=names)
    assert asked.dialled == [(PUBLIC, 443)]
    assert names.asked == ["a.test"]


def test_n125_a_name_that_moves_is_judged_again(tmp_path: Path) -> None:
    """A name whose answer has expired is looked up again; what it then resolves to is judged before it is dialled."""
    names = StubNames(CASES["N125"].dns_sequence)
    upstream = {"url": "http://a.test", "plaintext": True}
    first, second, third = ask(tmp_path, upstream, GET, GET, GET, names=names, pause_s=TTL_S + 1)
    assert first.outcome == (200, None)
    assert first.dialled == [(PUBLIC, 80)]
    assert second.dialled in ([], [(PUBLIC, 80)])  # an answer that was judged may serve while it is asked for again
    assert third.outcome == (403, "address-blocked")
    assert third.dialled == []
    assert len(names.asked) >= 2


# Forms of a request that this version doesn't serve


@pytest.mark.parametrize(
    "start",
    [
        b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1:443\r\n",
        b"CONNECT [::ffff:10.0.0.1]:443 HTTP/1.1\r\nHost: [::ffff:10.0.0.1]:443\r\n",
        b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n",
    ],
)
def test_n170_n171_n173_no_tunnel_is_opened(start: bytes, tmp_path: Path) -> None:
    """CONNECT is refused, whatever it names."""
    [asked] = ask(tmp_path, API, start + LINE)
    assert asked.outcome == (405, "method-not-allowed")
    assert asked.dialled == []
    assert len(asked.lines) == 1


def test_n175_an_absolute_form_is_not_a_way_around(tmp_path: Path) -> None:
    """A request for another place's URL is refused, even if its Host names one that is allowed."""
    [asked] = ask(tmp_path, API, b"GET http://10.0.0.1/ HTTP/1.1\r\nHost: api.example.com\r\n" + LINE)
    assert asked.outcome == (400, "malformed-target")
    assert asked.dialled == []


# Ourselves


@pytest.mark.parametrize("own", [("127.0.0.1", 8080), ("0.0.0.0", 8080), ("127.0.0.1", 8081)])  # noqa: S104 - compared
@pytest.mark.parametrize("host", ["127.0.0.1", "gateway.test"])
def test_n176_n177_no_listener_of_our_own_is_dialled(own: tuple[str, int], host: str, tmp_path: Path) -> None:
    """Neither the gateway nor its control listener is called, by number or by name, though its network is granted."""
    upstream = {"url": f"http://{host}:{own[1]}", "plaintext": True, "network": {"private": ["127.0.0.0/8"]}}
    names = StubNames({"gateway.test": [["127.0.0.1"]]})
    [asked] = ask(tmp_path, upstream, GET, names=names, own=[own])
    assert asked.outcome == (508, "loop-detected")
    assert asked.dialled == []


def test_n176_a_wildcard_listener_is_every_address_of_the_machine(tmp_path: Path) -> None:
    """A listener on 0.0.0.0 is found at any of the machine's addresses; another port is somebody else's."""
    for port, outcome in ((8080, (508, "loop-detected")), (8082, (200, None))):
        upstream = {"url": f"http://127.9.9.9:{port}", "plaintext": True, "network": {"private": ["127.0.0.0/8"]}}
        [asked] = ask(tmp_path, upstream, GET, own=[("0.0.0.0", 8080)])  # noqa: S104 - compared
        assert asked.outcome == outcome


def test_n176_n177_a_real_gateway_knows_its_listeners() -> None:
    """The process that is started refuses the port that it was given, and that of its control listener."""
    with Gateway({"consumers": consumer(KEY)}, {"EXEAT_CONTROL_LISTEN": "127.0.0.1:0"}) as gateway:
        control = gateway.serving["control"]
        assert isinstance(control, list)
        for port in (gateway.port, urlsplit(control[0]).port):
            upstream = {"url": f"http://127.0.0.1:{port}", "plaintext": True, "network": {"private": ["127.0.0.1/32"]}}
            gateway.reload({"upstreams": {"t": upstream}, "consumers": consumer(KEY)})
            assert asyncio.run(ask_at(gateway.port, GET)).status == 508


def test_n179_no_setting_names_another_place() -> None:
    """The settings' addresses are of listeners, database, Redis, collector and admin API; no worker is told of one."""
    addresses = {name for name in Settings.model_fields if re.search("listen|url|address|host", name)}
    assert addresses == {"listen", "control_listen", "control_url", "database_url", "otlp_url", "redis_url"}
    told = {field.name for field in fields(Start)}
    assert {name for name in told if re.search("url|database|host", name)} == set()


# Redirects


@pytest.mark.parametrize("place", ["http://169.254.169.254/", "https://other.example.net/"])
def test_n180_n181_redirects_are_relayed(place: str, tmp_path: Path) -> None:
    """A redirect is the caller's to follow: it is passed on as it is, and nothing else is looked up or dialled."""
    names = StubNames({"api.example.com": [[PUBLIC]]})
    answer = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % place.encode()
    [asked] = ask(tmp_path, API, GET, names=names, answer=answer)
    assert (asked.answer.status, asked.answer.value(b"location")) == (302, place.encode())
    assert asked.dialled == [(PUBLIC, 80)]
    assert names.asked == ["api.example.com"]


def test_n181_following_cannot_be_asked_for(tmp_path: Path) -> None:
    """No redirect is followed in this version, so a document that wants it is refused instead of half obeyed."""
    with pytest.raises(DocumentError, match="follow_redirects"):
        compile_document({"upstreams": {"t": {**API, "follow_redirects": True}}}, tmp_path)


# The envelope


def test_n183_a_path_with_two_slashes_stays_on_its_upstream(tmp_path: Path) -> None:
    """A path that begins like a URL without scheme is refused, or goes to the upstream that was named."""
    [asked] = ask(tmp_path, API, envelope({"upstream": "t", "path": "//evil.test/x"}))
    if asked.dialled:
        assert asked.dialled == [(PUBLIC, 80)]
        assert asked.sent[0].startswith(b"GET //evil.test/x HTTP/1.1\r\nHost: api.example.com\r\n")
    else:
        assert asked.outcome[0] == 400


def test_n185_a_path_does_not_lengthen_a_host(tmp_path: Path) -> None:
    """A path without its slash is refused, and never glued to the host."""
    [asked] = ask(tmp_path, API, envelope({"upstream": "t", "path": ".evil.test/x"}))
    assert asked.outcome == (400, "malformed-target")
    assert asked.dialled == []


def test_n186_an_envelope_does_not_set_the_host(tmp_path: Path) -> None:
    """Host, framing and hop-by-hop fields of an envelope don't leave."""
    headers = {"Host": "internal.test", "connection": "x-hop", "Content-Length": "3", "Transfer-Encoding": "chunked"}
    [asked] = ask(tmp_path, API, envelope({"upstream": "t", "headers": {**headers, "X-Kept": "1"}}))
    assert asked.outcome == (200, None)
    assert asked.sent == [b"GET / HTTP/1.1\r\nHost: api.example.com\r\nX-Kept: 1\r\n\r\n"]


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "a\nX-Admin: 1", "a\rX-Admin: 1", "a\0"])
def test_n187_an_envelope_cannot_inject_a_field(value: str, tmp_path: Path) -> None:
    """A control character in a header's value is refused."""
    [asked] = ask(tmp_path, API, envelope({"upstream": "t", "headers": {"X-A": value}}))
    assert asked.outcome[0] == 400
    assert asked.dialled == []


# The environment


def test_n188_n189_the_environment_routes_and_adds_nothing(tmp_path: Path) -> None:
    """Proxy variables and a .netrc file, which HTTP libraries obey by default, change nothing of what leaves."""
    listener, proxy = bound_socket(), bound_socket()
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login netrc-user password netrc-password\n", "utf-8")
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    env = {name: f"http://127.0.0.1:{proxy.getsockname()[1]}" for name in names} | {"HOME": str(tmp_path)}
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    upstream = {"url": url, "plaintext": True, "network": {"private": ["127.0.0.1/32"]}}

    async def check(port: int) -> None:
        async with Capture(listener) as real, Capture(proxy) as unwanted:
            assert (await ask_at(port, GET)).status == 200
            assert real.received == b"GET /r HTTP/1.1\r\nHost: %b\r\n\r\n" % url.removeprefix("http://").encode()
            assert unwanted.connections == []

    with Gateway({"upstreams": {"t": upstream}, "consumers": consumer(KEY)}, env) as gateway:
        asyncio.run(check(gateway.port))
    listener.close()
    proxy.close()


# The tree


def test_one_file_dials() -> None:
    """Connections are opened in dial.py, so that none can miss its checks; but for that to the own counters."""
    found = {path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.py") if dials(path)}
    assert found == {"proxy/dial.py", "state/counters.py"}


def dials(path: Path) -> bool:
    """Whether a file names what opens a connection, other than to wrap a socket that exists (`sock=`)."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    wraps = {
        node.func for node in nodes if isinstance(node, ast.Call) and any(word.arg == "sock" for word in node.keywords)
    }
    return any(_name(node) in DIALS for node in nodes if node not in wraps)


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None
